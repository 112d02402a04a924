"""A rules file as it was read, before anything is known about its meaning: words, rows and tables with positions.

Lives here: what the reader makes and the models are validated from. May not live here: reading, meaning.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from conntrack.policy.values import NOWHERE, Position


class Word(str):
    """A scalar exactly as written, whatever YAML would make of it; "" also where nothing stands."""

    __slots__ = ("position",)
    position: Position


class Row(list[Any]):
    """A list."""

    position: Position = NOWHERE


class Table(dict[str, Any]):
    """A mapping; keys are Words too."""

    position: Position = NOWHERE

    def key_position(self, key: str) -> Position:
        """Where a key stands; the mapping's own position where it does not."""
        return next((word.position for word in self if word == key and isinstance(word, Word)), self.position)


def word(text: str, position: Position = NOWHERE) -> Word:
    """A Word with its position."""
    made = Word(text)
    made.position = position
    return made


def position_of(raw: Any) -> Position:
    """Where a word, row or table stands; NOWHERE for anything else."""
    return getattr(raw, "position", NOWHERE)


def follow(raw: Any, path: Sequence[int | str]) -> Any:
    """What a path leads to; None where it leads nowhere."""
    for step in path:
        if isinstance(raw, Table) and isinstance(step, str):
            raw = raw.get(step)
        elif isinstance(raw, Row) and isinstance(step, int) and step < len(raw):
            raw = raw[step]
        else:
            return None
    return raw


def locate(raw: Any, path: Sequence[int | str]) -> Position:
    """The position of what a path leads to, or of the last thing on the way that exists.

    A value that is not there at all (an empty word) is told by its key.
    """
    position = position_of(raw)
    for step in path:
        if isinstance(raw, Table) and isinstance(step, str) and step in raw:
            position = raw.key_position(step)
            raw = raw[step]
            position = position_of(raw) if raw != "" else position
        elif isinstance(raw, Row) and isinstance(step, int) and step < len(raw):
            raw = raw[step]
            position = position_of(raw)
        else:
            break
    return position


def without(table: Table, paths: Collection[tuple[str, ...]]) -> Table:
    """A copy of a table without some keys (paths of one step) and some entries of the tables in it (of two)."""
    whole = {path[0] for path in paths if len(path) == 1}
    copy = Table({key: value for key, value in table.items() if key not in whole})
    copy.position = table.position
    for outer, inner in (path for path in paths if len(path) == 2 and path[0] not in whole):
        copy[outer] = without(copy[outer], [(inner,)])
    return copy
