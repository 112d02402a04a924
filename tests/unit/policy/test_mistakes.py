"""Every kind of mistake: tests/golden/mistakes holds a rules file for each, and beside it what must be said about it.

The text is compared whole: position, sentence, line, caret and hint. A file that only earns warnings must load.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conntrack.policy.load import load
from conntrack.policy.problems import PolicyError

FOLDER = Path(__file__).parents[2] / "golden" / "mistakes"
MISTAKES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def said(name: str) -> tuple[str, bool]:
    """What is said about a rules file, and whether it loads."""
    try:
        return "\n".join(map(str, load(f"{name}.yaml").warnings)), True
    except PolicyError as error:
        return str(error), False


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_as_expected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    expected = Path(f"{name}.txt").read_text().rstrip("\n")
    assert said(name) == (expected, name.startswith("warning-"))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_the_administrators_words(name: str) -> None:
    expected = (FOLDER / f"{name}.txt").read_text()
    head = re.compile(rf"{name}\.(yaml|list):\d+:\d+: \S")
    heads = [line for line in expected.splitlines() if not line.startswith("    ")]
    assert heads
    assert all(head.match(line) for line in heads), "file, line and column"
    assert expected.count("\n    hint: ") == len(heads), "a hint for each"
    assert not re.search(
        r"pydantic|https?://|validation|[Ii]nput should|NoneType|\bdict|\btuple|\bstr\b|\bint\b", expected
    )


def test_there_is_a_file_for_many_kinds() -> None:
    assert len(MISTAKES) >= 100
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(MISTAKES)
