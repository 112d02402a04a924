"""pydantic's findings about one mapping, told to an administrator.

Lives here: the sentence and hint for every kind of finding. May not live here: positions of nested mappings (each
Node tells its own).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from conntrack.policy.problems import Report, Wrong, Wrongs, did_you_mean
from conntrack.policy.raw import Row, Table, locate

if TYPE_CHECKING:
    from conntrack.policy.node import Node


def tell(model: type[Node], data: Table, error: ValidationError, report: Report) -> set[tuple[str, ...]]:
    """Report every finding about a mapping; the paths of what is to be left out of it are returned."""
    broken = set()
    for finding in error.errors(include_url=False):
        place = [step for step in finding["loc"] if step != "[key]" and not str(step).startswith("<")]
        broken.add(_culprit(data, place))
        for wrong in _wrongs(model, finding):
            path = [*place, *wrong.path]
            at_key = "[key]" in finding["loc"] or finding["type"] == "extra_forbidden"
            position = _key_position(data, path) if at_key else locate(data, path)
            report.error(position, wrong.message, wrong.hint)
    return broken


def _culprit(data: Table, place: list[int | str]) -> tuple[str, ...]:
    """The least that has to be left out: an entry of a table within, or a whole key."""
    inner = data.get(str(place[0]))
    deep = len(place) > 1 and isinstance(inner, Table) and place[1] in inner
    return tuple(str(step) for step in place[: 2 if deep else 1])


def _key_position(data: Any, path: list[int | str]) -> Any:
    for step in path[:-1]:
        data = data[step]
    return data.key_position(str(path[-1])) if isinstance(data, Table) else locate(data, path)


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
    kind, given = finding["type"], finding["input"]
    last = next((step for step in reversed(finding["loc"]) if isinstance(step, str)), "")
    if kind == "extra_forbidden":
        keys = [field.alias or name for name, field in model.model_fields.items()]
        return Wrong(f'{model.called} has no key "{last}"', did_you_mean(last, keys))
    if kind == "missing":
        return Wrong(f'{model.called} lacks "{last}"', f'add "{last}: …"')
    if kind == "literal_error":
        return _choice(str(last), finding)
    if kind == "union_tag_not_found":
        return _no_kind(given)
    if kind in ("model_type", "dict_type", "tuple_type", "list_type", "string_type", "model_attributes_type"):
        return _wrong_shape(kind, last, given)
    return Wrong(f'"{last}" cannot be read: {finding["msg"].lower()}')


def _choice(last: str, finding: Any) -> Wrong:
    """A word that is none of the few that may stand there."""
    expected = finding["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
    given = finding["input"]
    shown = f'"{given}"' if isinstance(given, str) else shape(given)
    close = did_you_mean(str(given), expected) if isinstance(given, str) else ""
    return Wrong(f"{last}: {shown} is not possible here; it is one of: {', '.join(expected)}", close)


def _no_kind(given: Any) -> Wrong:
    kinds = ("masquerade", "source-nat", "forward", "redirect", "one-to-one", "exempt")
    keys = [str(word) for word in given] if isinstance(given, dict) else []
    close = next((hint for hint in (did_you_mean(word, kinds) for word in keys) if hint.startswith("did")), "")
    return Wrong(
        "this entry does not say what kind of translation it is", close or f"it has one of: {', '.join(kinds)}"
    )


def _wrong_shape(kind: str, last: str, given: Any) -> Wrong:
    wanted = {
        "tuple_type": "a list",
        "list_type": "a list",
        "string_type": "a word",
    }.get(kind, "a mapping (`key: value`)")
    return Wrong(f'"{last}" wants {wanted}, but {shape(given)} stands here')


def shape(raw: Any) -> str:
    """What something is, in a word an administrator knows."""
    if isinstance(raw, Table):
        return "a mapping"
    if isinstance(raw, Row):
        return "a list"
    return f'"{raw}"' if raw != "" else "nothing"
