"""The types of the models' fields: for each the parser of its word, and what editors are told about it.

Lives here: the bridge from parsers (units, addresses, services, hours, cases) to pydantic. May not live here: parsing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import PlainValidator, WithJsonSchema

from conntrack.policy import addresses, cases, hours, names, runtime, services, units, values
from conntrack.policy.lists import each
from conntrack.policy.problems import Wrong, Wrongs
from conntrack.policy.raw import Table

T = TypeVar("T")

WORD: Final[dict[str, Any]] = {"type": ["string", "integer"]}
TEXT: Final[dict[str, Any]] = {"type": "string"}


def many(parse: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """A parser for one word or a list of them, which tells every wrong one."""

    return lambda raw: tuple(each(raw, parse))


def one_or_more(item: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a word or a list of words."""
    return {"anyOf": [item, {"type": "array", "items": item}]}


def log_level(raw: Any) -> values.Log:
    """`new`, `all` or a rate."""
    word = units.text(raw, "new, all or a rate")
    if word in ("new", "all"):
        return values.Log(runtime.LOG_NEW if word == "new" else runtime.LOG_ALL)
    if "/" not in word:
        raise Wrong(f'"{word}" does not say what to log', "write new, all, or a rate such as 1/second")
    return values.Log(runtime.LOG_NEW, units.rate(word))


def queue_number(raw: Any) -> int:
    """0 to 65535."""
    return units.number(raw, 0, 65535, "a queue number")


def limit(raw: Any) -> int:
    """A number of connections; `off` or 0 for none."""
    return 0 if raw == "off" else units.number(raw, 0, 1 << 31, "a number of connections, or off")


def zone_limits(raw: Any) -> dict[str, int]:
    """`{guest: 20000, any: 50000}`; a number alone is for every zone."""
    if raw == "off":
        return {}
    if not isinstance(raw, Table):
        return {"any": limit(raw)}
    found: dict[str, int] = {}
    wrongs: list[Wrong] = []
    for zone, word in raw.items():
        try:
            found[str(zone)] = limit(word)
        except Wrong as wrong:
            wrongs.append(Wrong(wrong.message, wrong.hint, (zone,)))
    if wrongs:
        raise Wrongs(wrongs)
    return found


def interface(raw: Any) -> str:
    """A name of an interface, as Linux allows it; a `+` or `*` at the end stands for any ending (kept as `+`)."""
    word = units.text(raw, "an interface")
    if not re.fullmatch(r"[^\s/:*+]{1,15}|[^\s/:*+]{0,14}[*+]", word) or word in (".", ".."):
        raise Wrong(
            f'"{word}" is not a name of an interface', "at most 15 characters without /, : and spaces; + or * only last"
        )
    return word[:-1] + "+" if word[-1] == "*" else word


def _between(low: int, high: int, wanted: str) -> Callable[[Any], int]:
    """A parser of numbers from low to high."""
    return lambda raw: units.number(raw, low, high, wanted)


def file_name(raw: Any) -> str:
    """The name of a file."""
    return units.text(raw, "the name of a file")


Name = Annotated[str, PlainValidator(names.rule), WithJsonSchema(TEXT)]
Zone = Annotated[str, PlainValidator(names.zone), WithJsonSchema(TEXT)]
Zones = Annotated[tuple[str, ...], PlainValidator(many(names.zone)), WithJsonSchema(one_or_more(TEXT))]
NewZone = Annotated[str, PlainValidator(names.new_zone), WithJsonSchema(TEXT)]
NewSet = Annotated[str, PlainValidator(names.new_set), WithJsonSchema(TEXT)]
NewService = Annotated[str, PlainValidator(names.new_service), WithJsonSchema(TEXT)]
NewSchedule = Annotated[str, PlainValidator(names.new_schedule), WithJsonSchema(TEXT)]
Helpers = Annotated[tuple[str, ...], PlainValidator(many(names.helper)), WithJsonSchema(one_or_more(TEXT))]
Pair = Annotated[values.Pair, PlainValidator(names.pair), WithJsonSchema(TEXT)]
Interfaces = Annotated[tuple[str, ...], PlainValidator(many(interface)), WithJsonSchema(one_or_more(TEXT))]
File = Annotated[str, PlainValidator(file_name), WithJsonSchema(TEXT)]

Networks = Annotated[tuple[values.Span, ...], PlainValidator(many(addresses.span)), WithJsonSchema(one_or_more(TEXT))]
Network = Annotated[values.Span, PlainValidator(addresses.span), WithJsonSchema(TEXT)]
Address = Annotated[values.Span, PlainValidator(addresses.address), WithJsonSchema(TEXT)]
Targets = Annotated[
    tuple[values.Target, ...], PlainValidator(many(addresses.target)), WithJsonSchema(one_or_more(TEXT))
]
Selection = Annotated[values.Addresses, PlainValidator(addresses.selection), WithJsonSchema(one_or_more(TEXT))]
ListenAt = Annotated[values.Listen, PlainValidator(addresses.listen), WithJsonSchema(TEXT)]

Services = Annotated[tuple[str, ...], PlainValidator(services.words), WithJsonSchema(one_or_more(TEXT))]
Schedule = Annotated[tuple[values.Window, ...], PlainValidator(hours.schedule), WithJsonSchema(one_or_more(TEXT))]
When = Annotated[str, PlainValidator(hours.reference), WithJsonSchema(TEXT)]
Cases = Annotated[
    tuple[values.Case, ...], PlainValidator(many(cases.case)), WithJsonSchema({"type": "array", "items": TEXT})
]

Bool = Annotated[bool, PlainValidator(units.boolean), WithJsonSchema({"type": ["boolean", "string"]})]
Count = Annotated[int, PlainValidator(units.count), WithJsonSchema({"type": "integer", "minimum": 1})]
Limit = Annotated[values.Rate | None, PlainValidator(units.rate), WithJsonSchema(TEXT)]
RateLimit = Annotated[values.Rate, PlainValidator(units.rate), WithJsonSchema(TEXT)]
Connections = Annotated[int, PlainValidator(limit), WithJsonSchema(WORD)]
ZoneLimits = Annotated[
    dict[str, int],
    PlainValidator(zone_limits),
    WithJsonSchema({"anyOf": [WORD, {"type": "object", "additionalProperties": WORD}]}),
]
Pause = Annotated[int, PlainValidator(units.pause), WithJsonSchema(WORD)]
Duration = Annotated[int, PlainValidator(units.duration), WithJsonSchema(WORD)]
BlockSize = Annotated[int, PlainValidator(_between(1, 32768, "a block size")), WithJsonSchema(WORD)]
Length4 = Annotated[int, PlainValidator(_between(8, 32, "a prefix length")), WithJsonSchema(WORD)]
Length6 = Annotated[int, PlainValidator(_between(16, 128, "a prefix length")), WithJsonSchema(WORD)]
QueueNumber = Annotated[int, PlainValidator(queue_number), WithJsonSchema({"type": "integer", "minimum": 0})]
Port = Annotated[int, PlainValidator(units.port), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 65535})]
PortRange = Annotated[values.Ports | None, PlainValidator(units.ports), WithJsonSchema(WORD)]
Mss = Annotated[
    int,
    PlainValidator(units.mss),
    WithJsonSchema(
        {"anyOf": [{"const": "path"}, {"type": "integer", "minimum": units.SMALLEST_MSS, "maximum": units.LARGEST_MSS}]}
    ),
]
Space = Annotated[str, PlainValidator(names.space), WithJsonSchema(TEXT)]
Mark = Annotated[int, PlainValidator(units.mark), WithJsonSchema(WORD)]
Dscp = Annotated[int, PlainValidator(units.dscp), WithJsonSchema(WORD)]
LogLevel = Annotated[values.Log | None, PlainValidator(log_level), WithJsonSchema(TEXT)]
