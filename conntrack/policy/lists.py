"""One word or a list of words, each read by the same parser.

Lives here: reading a list so that every wrong item is told. May not live here: what a word means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from conntrack.policy.problems import Wrong, Wrongs
from conntrack.policy.raw import Row

T = TypeVar("T")


def each(raw: Any, parse: Callable[[Any], T]) -> list[T]:
    """The items of a list, or the one word. Raises Wrong for a word, Wrongs for a list with wrong items."""
    if not isinstance(raw, Row | tuple):
        return [parse(raw)]
    found: list[T] = []
    wrongs: list[Wrong] = []
    for index, item in enumerate(raw):
        try:
            found.append(parse(item))
        except Wrong as wrong:
            wrongs.append(Wrong(wrong.message, wrong.hint, (index, *wrong.path)))
    if wrongs:
        raise Wrongs(wrongs)
    return found
