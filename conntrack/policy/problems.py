"""What can be wrong with a rules file and how it is told: position, sentence, the line, a caret, a hint.

Lives here: Problem, the Report that collects them, PolicyError that carries them, and Wrong, which a parser of one
value raises. May not live here: any knowledge of the language.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from conntrack.policy.values import Position

#: so much of a source line is shown around the caret
SHOWN = 110
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class Wrong(ValueError):
    """One value that cannot be read; path leads from where it was asked for to the culprit (indexes and keys)."""

    def __init__(self, message: str, hint: str = "", path: tuple[int | str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = path


class Wrongs(ValueError):
    """Several of them, in one list."""

    def __init__(self, wrongs: Sequence[Wrong]) -> None:
        super().__init__("; ".join(wrong.message for wrong in wrongs))
        self.wrongs = tuple(wrongs)


class Problem(NamedTuple):
    """A mistake (or, as a warning, what looks like one), ready to be shown."""

    position: Position
    message: str
    hint: str = ""
    line: str = ""  # the source line as it stands; "" where there is none to show
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        shown = [f"{self.position}: {kind}{self.message}"]
        if self.line.strip():
            shown += _with_caret(self.line, self.position.column)
        if self.hint:
            shown.append(f"    hint: {self.hint}")
        return "\n".join(shown)


class PolicyError(Exception):
    """A rules file that cannot be used; problems are all that was found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Report:
    """Collects the problems of one text; where one phase found an error, later ones add nothing to that line."""

    def __init__(self, name: str, text: str = "") -> None:
        self.name = name
        self.lines = LINE_BREAK.split(text)
        self.problems: dict[Problem, None] = {}
        self._settled: set[tuple[str, int]] = set()

    def error(self, position: Position, message: str, hint: str = "") -> None:
        """Note a mistake in the text itself."""
        self.add(Problem(position, message, hint, self.line(position)))

    def warn(self, position: Position, message: str, hint: str = "") -> None:
        """Note what is allowed but looks like a mistake."""
        self.add(Problem(position, message, hint, self.line(position), warning=True))

    def add(self, problem: Problem) -> None:
        """Note a problem of any file."""
        if problem.position[:2] not in self._settled:
            self.problems[problem] = None

    def settle(self) -> None:
        """End a phase: lines with an error are not looked at again, for what follows may only be its consequence."""
        self._settled.update(problem.position[:2] for problem in self.problems if not problem.warning)

    def inside(self, position: Position, written: str, part: str) -> Position:
        """Where a part of a word stands, given where the word does; the word's own place if that cannot be told."""
        rest = self.line(position)[position.column - 1 :]
        quote = rest[:1] if rest[:1] in ("'", '"') else ""
        if not rest.startswith(quote + written):
            return position
        whole = re.search(rf"(?<![\w-]){re.escape(part)}(?![\w-])", written)
        at = whole.start() if whole else max(0, written.find(part))
        return position._replace(column=position.column + len(quote) + at) if at else position

    def line(self, position: Position) -> str:
        """The source line of a position, "" for one in another file or in none."""
        here = position.file == self.name and 1 <= position.line <= len(self.lines)
        return self.lines[position.line - 1] if here else ""

    def errors(self) -> list[Problem]:
        """All mistakes so far, in the order of the file."""
        return sorted(problem for problem in self.problems if not problem.warning)

    def warnings(self) -> tuple[Problem, ...]:
        """All warnings so far, in the order of the file."""
        return tuple(sorted(problem for problem in self.problems if problem.warning))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, else all of them where they are few."""
    known = list(known)
    longer = [name for name in known if len(word) > 2 and name.startswith(word.lower())]
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6) or longer
    if close:
        return f'did you mean "{close[0]}"?'
    listed = ", ".join(known)
    return f"known here: {listed}" if 0 < len(listed) <= 160 else ""


def _with_caret(line: str, column: int) -> list[str]:
    """The line, cut to what fits, without control characters, and the line with the caret."""
    at = max(0, min(column - 1, len(line)))
    begin = max(0, at - SHOWN + 30)
    shown = "".join(char if char.isprintable() else " " for char in line[begin : begin + SHOWN])
    shorter = shown.lstrip(" ")
    at -= begin + len(shown) - len(shorter)
    return [f"    {shorter.rstrip()}", f"    {' ' * max(0, at)}^"]
