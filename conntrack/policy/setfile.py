"""Files of a set: one address, network or range a line, `#` and `;` begin a comment.

Lives here: text → spans, with every bad line told. May not live here: when a file is read again (service/).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from conntrack.policy.addresses import parse
from conntrack.policy.problems import PolicyError, Problem, Wrong
from conntrack.policy.values import Position, Span

MAX_BYTES: Final = 64 << 20
#: so many bad lines are told one by one
TOLD: Final = 20


def read(path: Path) -> list[Span]:
    """The members that a file holds, in its order. Raises PolicyError: not readable, not UTF-8, or a bad line."""
    return members(text_of(path, MAX_BYTES, "a set's file"), str(path))


def members(text: str, name: str) -> list[Span]:
    """The members in a file's text. Raises PolicyError with the bad lines, `name` being the file's."""
    spans: list[Span] = []
    bad: list[tuple[int, str, Wrong]] = []
    for number, line in enumerate(text.split("\n"), 1):
        member = line
        if "#" in member or ";" in member:
            member = member.partition("#")[0].partition(";")[0]
        member = member.strip()
        if member:
            try:
                spans.append(parse(member))
            except Wrong as wrong:
                bad.append((number, line, wrong))
    if bad:
        raise PolicyError(_told(bad, name))
    return spans


def _told(bad: list[tuple[int, str, Wrong]], name: str) -> list[Problem]:
    problems = [
        Problem(
            Position(name, number, len(line) - len(line.lstrip()) + 1), wrong.message, wrong.hint, line.rstrip("\r")
        )
        for number, line, wrong in bad[:TOLD]
    ]
    if len(bad) > TOLD:
        problems.append(Problem(Position(name, bad[TOLD][0], 1), f"and {len(bad) - TOLD} more bad lines from here on"))
    return problems


def text_of(path: Path, most: int, what: str) -> str:
    """The text of a file of at most so many bytes. Raises PolicyError."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        problem = Problem(Position(str(path), 0, 0), f"{what} cannot be read: {(error.strerror or str(error)).lower()}")
        raise PolicyError([problem]) from None
    if len(content) > most:
        raise PolicyError([Problem(Position(str(path), 0, 0), f"{what} is over {most >> 20} MiB")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        position = Position(str(path), line, column)
        raise PolicyError([Problem(position, "not UTF-8 text", "save the file in UTF-8")]) from None
