"""The lines of `tests:` and the question of `explain`, read by the same parser.

    lan 192.168.10.5 -> 1.1.1.1 tcp/443 = accept
    guest 192.168.20.9:40000 -> wan 1.1.1.1 https at sat 23:30 = drop
    wan 198.51.100.9 -> self tcp/22

Lives here: the grammar ZONE ADDRESS[:PORT] -> [ZONE] ADDRESS SERVICE [at [DAY] HH:MM] [= VERDICT]; `self` may stand
without an address. May not live here: whether zones and services exist (check.py), judging.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from conntrack.policy import addresses, hours, services
from conntrack.policy.problems import Wrong, did_you_mean
from conntrack.policy.raw import position_of
from conntrack.policy.units import port, text
from conntrack.policy.values import Case

VERDICTS: Final = ("accept", "drop", "reject")
FORM: Final = "ZONE ADDRESS -> ADDRESS SERVICE = VERDICT, for example: lan 192.168.1.5 -> 1.1.1.1 tcp/443 = accept"
LINE: Final = re.compile(
    r"(?P<source>.*?)\s*->\s*(?P<target>[^=]*?)(?:\s+at\s+(?P<at>[^=]*?))?\s*(?:=\s*(?P<verdict>.*?))?\s*"
)


class _End(NamedTuple):
    zone: str
    address: bytes
    port: int


def case(raw: Any) -> Case:
    """A line with its verdict."""
    if not isinstance(raw, str):
        raise Wrong("a test is one line of text", FORM)
    line = text(raw, "a test")
    found = question(line)
    if not found.verdict:
        raise Wrong("this test expects nothing", "end it with = accept, = drop or = reject")
    return found._replace(position=position_of(raw))


def question(line: str) -> Case:
    """A line with or without its verdict; its position is NOWHERE. Raises Wrong."""
    found = LINE.fullmatch(line)
    if found is None:
        raise Wrong(f'"{line}" has no "->"', FORM)
    source = _source(found["source"].split())
    target, service = _target(found["target"].split())
    if source.address and target.address and len(source.address) != len(target.address):
        raise Wrong("source and destination are not of the same IP version", "write both in IPv4 or both in IPv6")
    return Case(
        text=line.strip(),
        position=position_of(line),
        zone_in=source.zone,
        source=source.address,
        source_port=source.port,
        zone_out=target.zone,
        destination=target.address,
        service=service,
        minute=_minute(found["at"]),
        verdict=_verdict(found["verdict"]),
    )


def _source(words: list[str]) -> _End:
    if words == ["self"]:
        return _End("self", b"", 0)
    if len(words) != 2:
        raise Wrong(f'"{" ".join(words)}" is not a zone and an address', FORM)
    address, number = _endpoint(words[1])
    return _End(words[0], address, number)


def _target(words: list[str]) -> tuple[_End, str]:
    if len(words) < 2:
        raise Wrong("the service is missing" if words else "the destination is missing", FORM)
    if words[-1] == "at":
        raise Wrong('"at" lacks a time', "write: at 22:30, or: at sat 22:30")
    *place, service = words
    if place == ["self"]:
        return _End("self", b"", 0), _service(service)
    if len(place) > 2:
        raise Wrong(f'"{" ".join(place)}" is more than a zone and an address', FORM)
    if len(place) == 1 and ":" not in place[0] and addresses.NAME.fullmatch(place[0]):
        raise Wrong(
            f'"{place[0]}" is not an address',
            f"name an address in the zone: {place[0]} 192.0.2.1; only self stands alone",
        )
    address, number = _endpoint(place[-1])
    if number:
        raise Wrong("the destination's port belongs to the service", f"write tcp/{number}")
    return _End(place[0] if len(place) == 2 else "", address, 0), _service(service)


def _endpoint(word: str) -> tuple[bytes, int]:
    """`192.0.2.1`, `192.0.2.1:40000`, `[2001:db8::1]:40000`."""
    bracketed = re.fullmatch(r"\[(.*)\]:(.*)", word)
    if bracketed:
        return addresses.address(bracketed[1]).low, port(bracketed[2])
    host, colon, after = word.partition(":")
    if colon and ":" not in after:
        return addresses.address(host).low, port(after)
    return addresses.address(word).low, 0


def _service(word: str) -> str:
    """One service word; a test names a single port, or a name (every part of which must come to the verdict)."""
    (checked,) = services.words(word)
    said = services.direct(checked)
    if said is not None and (
        said.protocol < 0 or (said.low != said.high and "/" in word and said.icmp_type < 0 and said.low)
    ):
        raise Wrong(f'"{word}" is more than one port', "name a single one: tcp/443")
    if said is not None and word in ("tcp", "udp"):
        raise Wrong(f'"{word}" lacks a port', f"write {word}/443")
    return checked


def _minute(at: str | None) -> int | None:
    """`22:30` or `sat 22:30` → minute of the week; without a day it is Monday."""
    if at is None:
        return None
    *day, clock = at.split() or [""]
    if len(day) > 1 or (day and day[0] not in hours.DAYS):
        raise Wrong(f'"{at}" is not a time', "write: at 22:30, or: at sat 22:30")
    return hours.DAYS.index(day[0]) * hours.ALL_DAY + hours.minute(clock) if day else hours.minute(clock)


def _verdict(word: str | None) -> str:
    if word is None:
        return ""
    if word not in VERDICTS:
        raise Wrong(f'"{word}" is not a verdict', did_you_mean(word, VERDICTS))
    return word
