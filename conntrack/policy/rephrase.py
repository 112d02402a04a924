"""pydantic's findings about one mapping, told to an administrator.

Lives here: the sentence and hint for every kind of finding. May not live here: positions of nested mappings (each
Node tells its own).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from conntrack.policy.problems import Report, Wrong, Wrongs, did_you_mean
from conntrack.policy.raw import Row, Table, Word, follow, locate
from conntrack.policy.values import Position

if TYPE_CHECKING:
    from conntrack.policy.node import Node


def tell(model: type[Node], data: Table, error: ValidationError, report: Report) -> set[tuple[str, ...]]:
    """Report every finding about a mapping; the paths of what is to be left out of it are returned."""
    broken = set()
    for finding in error.errors(include_url=False):
        place = list(finding["loc"])
        of_key = len(place) > 1 and place[-1] == "[key]"  # pydantic's way to say that the key itself is wrong
        if of_key:
            place.pop()
        broken.add(_culprit(data, place))
        at_key = of_key or finding["type"] == "extra_forbidden"
        for wrong in _wrongs(model, finding):
            report.error(_position(data, [*place, *wrong.path], at_key, wrong, report), wrong.message, wrong.hint)
    return broken


def _culprit(data: Table, place: list[int | str]) -> tuple[str, ...]:
    """The least that has to be left out: an entry of a table within, or a whole key."""
    inner = data.get(str(place[0]))
    deep = len(place) > 1 and isinstance(inner, Table) and place[1] in inner
    return tuple(str(step) for step in place[: 2 if deep else 1])


def _position(data: Table, path: Sequence[int | str], at_key: bool, wrong: Wrong, report: Report) -> Position:
    """Where to put the caret: at the key, at the value, or in it where the sentence quotes a part of it."""
    table = follow(data, path[:-1])
    if at_key and isinstance(table, Table):
        raw: Any = next((key for key in table if key == path[-1]), None)
        position = table.key_position(str(path[-1]))
    else:
        raw = follow(data, path)
        position = locate(data, path)
    quoted = re.match(r'[^"]*"([^"]+)"', wrong.message)
    return report.inside(position, raw, quoted[1]) if isinstance(raw, Word) and quoted else position


def _wrongs(model: type[Node], finding: Any) -> Iterator[Wrong]:
    """What one finding says; a finding that carries ours says just that."""
    cause = finding.get("ctx", {}).get("error")
    if isinstance(cause, Wrongs):
        yield from cause.wrongs
    elif isinstance(cause, Wrong):
        yield cause
    else:
        yield _sentence(model, finding)


def _sentence(model: type[Node], finding: Any) -> Wrong:
    kind, given, loc = finding["type"], finding["input"], finding["loc"]
    last = next((step for step in reversed(loc) if isinstance(step, str)), "")
    if kind == "extra_forbidden":
        return Wrong(f'{model.called} has no key "{last}"', did_you_mean(last, model.keys()))
    if kind == "missing":
        return Wrong(f'{model.called} lacks "{last}"', f'add "{last}: …" ({model.describe(last)})')
    if kind == "literal_error":
        return _choice(last, finding)
    if kind == "union_tag_not_found":
        return _no_kind(given)
    item = f'an item of "{last}"' if isinstance(loc[-1], int) else f'"{last}"'
    if kind in ("model_type", "dict_type"):
        keys = model.keys_of(finding.get("ctx", {}).get("class_name", ""))
        hint = f"its keys are: {', '.join(keys)}" if keys else "write `key: value`, each on a line of its own"
        return Wrong(f"{item} wants a mapping, but {shape(given)} stands here", hint)
    if kind in ("tuple_type", "list_type"):
        return Wrong(
            f"{item} wants a list, but {shape(given)} stands here", "begin each item on a line of its own with -"
        )
    return Wrong(f'"{last}" cannot be read: {finding["msg"].lower()}')


def _choice(last: str, finding: Any) -> Wrong:
    """A word that is none of the few that may stand there."""
    expected = finding["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
    given = finding["input"]
    return Wrong(f"{shape(given)} is not a value of {last}", did_you_mean(str(given), expected))


def _no_kind(given: Any) -> Wrong:
    kinds = ("masquerade", "source-nat", "forward", "redirect", "one-to-one", "exempt")
    if not isinstance(given, Table):
        return Wrong(
            f"an entry of nat wants a mapping, but {shape(given)} stands here", "for example: {masquerade: wan}"
        )
    said = [word for word in given if word in kinds]
    if said:
        return Wrong(f"this entry says {' and '.join(said)}", "an entry is of one kind: write an entry for each")
    close = next((hint for hint in (did_you_mean(word, kinds) for word in given) if hint.startswith("did")), "")
    return Wrong(
        "this entry does not say what kind of translation it is", close or f"it has one of: {', '.join(kinds)}"
    )


def shape(raw: Any) -> str:
    """What something is, in a word an administrator knows."""
    if isinstance(raw, Table):
        return "a mapping"
    if isinstance(raw, Row):
        return "a list"
    return f'"{raw}"' if raw != "" else "nothing"
