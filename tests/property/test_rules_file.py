"""Whatever stands in a rules file: it loads, or every problem is told with its place. Nothing else may come out."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from conntrack.policy.cases import question
from conntrack.policy.load import load_text
from conntrack.policy.problems import PolicyError, Report, Wrong
from conntrack.policy.reader import read

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLES = [path.read_text() for path in (CONFIG / "rules.yaml", *sorted((CONFIG / "examples").glob("*.yaml")))]
KEYS = sorted({key for text in EXAMPLES for key in re.findall(r"[a-z][a-z0-9-]*(?=:)", text)})
PIECES = [*KEYS, "lan -> wan", "any -> self", "192.168.1.0/24", "fd00::/8", "tcp/443", "https", "any", "!set"]

words = st.one_of(
    st.sampled_from(PIECES),
    st.integers(-10, 1 << 40).map(str),
    st.text(max_size=12),
    st.from_regex(r"[0-9a-f:./-]{1,20}", fullmatch=True),
)
values = st.recursive(
    words.map(lambda word: repr(word) if "\\" not in repr(word) else "x"),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(st.sampled_from(PIECES), inner), max_size=5).map(
            lambda pairs: "{" + ", ".join(f"'{key}': {value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=12,
)


def told_or_loaded(text: str) -> None:
    """Load, or be told of problems that lie within the text and can be shown."""
    try:
        load_text(text, "rules.yaml", CONFIG / "examples")
    except PolicyError as error:
        assert error.problems
        lines = len(Report("", text).lines)
        for problem in error.problems:
            assert problem.message
            assert 0 <= problem.position.line <= lines
            assert str(problem).isprintable() or "\n" in str(problem)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    told_or_loaded(text)


@given(st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=6))
def test_any_sections(sections: list[tuple[str, str]]) -> None:
    told_or_loaded(
        "version: 1\nzones: {lan: {interfaces: [a]}}\n" + "".join(f"{key}: {value}\n" for key, value in sections)
    )


@given(st.sampled_from(EXAMPLES), st.data())
def test_an_example_with_a_piece_exchanged(text: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text)))
    end = min(len(text), begin + data.draw(st.integers(0, 12)))
    told_or_loaded(text[:begin] + data.draw(st.one_of(values, words, st.just(""))) + text[end:])


@given(st.sampled_from(EXAMPLES), st.data())
def test_an_example_without_a_line_or_with_one_twice(text: str, data: st.DataObject) -> None:
    lines = text.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at : at + 1] = lines[at : at + 1] * data.draw(st.sampled_from([0, 2]))
    told_or_loaded("".join(lines))


@given(
    st.one_of(
        st.text(max_size=60), st.lists(st.sampled_from([*PIECES, "->", "=", "at", "self", ":", "mon"])).map(" ".join)
    )
)
def test_any_question(line: str) -> None:
    try:
        found = question(line)
    except Wrong as wrong:
        assert wrong.message
    else:
        assert found.zone_in
        assert found.service


@given(
    st.lists(
        st.sampled_from(["no", "on", "~", "22:30", "010", "0x1f", "1e3", "1.0", "null", "2024-01-01", ".nan"]),
        min_size=1,
    )
)
def test_scalars_come_back_as_written(items: list[str]) -> None:
    text = "key: [" + ", ".join(items) + "]\n"
    root = read(text, "rules.yaml", Report("rules.yaml", text))
    assert root == {"key": items}
