"""What may be written short, spelled out before the models see it: `lan -> wan: accept`.

Lives here: the rewriting of raw rows, tables and words. May not live here: models.
"""

from __future__ import annotations

from typing import Any, Final

from conntrack.policy.problems import Wrong, did_you_mean
from conntrack.policy.raw import Row, Table, Word, position_of, word
from conntrack.policy.units import number

ACTIONS: Final = ("accept", "drop", "reject")


def as_version(raw: Any) -> Any:
    """The version as a number."""
    value = number(raw, 0, 1 << 31, "a version")
    if value != 1:
        raise Wrong(f"version {value} of the language is not known here", "this pairwall reads version 1")
    return value


def as_rules(raw: Any) -> Any:
    """The rules of a pair: a list of rules, one rule, or the word accept, drop or reject alone."""
    if isinstance(raw, Table):
        return _row([raw], raw)
    if not isinstance(raw, Word):
        return raw
    if raw == "":
        raise Wrong("no rules stand here", "write accept, drop, reject or a list of rules; or delete the pair")
    if raw not in ACTIONS:
        raise Wrong(f'"{raw}" is no rule', did_you_mean(raw, ACTIONS))
    return _row([_rule(raw)], raw)


def _rule(action: Word) -> Table:
    rule = Table({word(action, action.position): word("any", action.position)})
    rule.position = action.position
    return rule


def _row(items: list[Any], raw: Any) -> Row:
    row = Row(items)
    row.position = position_of(raw)
    return row
