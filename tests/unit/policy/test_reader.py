"""YAML as the rules language sees it: words as written, each with its place; nothing that could surprise."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from conntrack.policy import reader
from conntrack.policy.problems import Report
from conntrack.policy.raw import Row, Table, Word
from conntrack.policy.reader import MAX_BYTES, MAX_DEPTH, read


def table(text: str) -> Table:
    report = Report("rules.yaml", text)
    root = read(text, "rules.yaml", report)
    assert report.errors() == []
    assert root is not None
    return root


def told(text: str) -> list[str]:
    """line:column message of every problem"""
    report = Report("rules.yaml", text)
    read(text, "rules.yaml", report)
    return [f"{p.position.line}:{p.position.column} {p.message}" for p in report.errors()]


# what YAML 1.1 would make of these: a boolean, a boolean, 1350, 8, 16, 1000.0, None, 1.5, a date, infinity, 685230
TRAPS = ["no", "on", "22:30", "010", "0x10", "1e3", "~", "1.50", "2024-05-01", ".inf", "190:20:30", "null", "Yes", "="]


@pytest.mark.parametrize("trap", TRAPS)
def test_a_word_is_what_was_written(trap: str) -> None:
    assert table(f"key: {trap}")["key"] == trap


@pytest.mark.parametrize("trap", TRAPS)
def test_a_key_is_what_was_written(trap: str) -> None:
    assert list(table(f"{trap}: value")) == [trap]


@pytest.mark.parametrize("trap", TRAPS)
def test_an_item_is_what_was_written(trap: str) -> None:
    assert table(f"key: [{trap}, {trap}]")["key"] == [trap, trap]


def test_quotes_change_nothing_but_what_may_be_written() -> None:
    assert table('a: "no"\nb: \'!list\'\nc: "tab\\t"') == {"a": "no", "b": "!list", "c": "tab\t"}


def test_nothing_is_an_empty_word() -> None:
    assert table("nat:\npolicy: ''") == {"nat": "", "policy": ""}


def test_everything_has_its_place() -> None:
    root = table("version: 1\nzones:\n  lan: {interfaces: [eth1, eth2]}\n")
    lan = root["zones"]["lan"]
    assert (root.position.line, root.position.column) == (1, 1)
    assert root["version"].position == ("rules.yaml", 1, 10)
    assert root.key_position("zones") == ("rules.yaml", 2, 1)
    assert lan.position == ("rules.yaml", 3, 8)
    assert lan["interfaces"][1].position == ("rules.yaml", 3, 28)
    assert isinstance(lan["interfaces"], Row)
    assert isinstance(lan["interfaces"][0], Word)


def test_columns_count_characters_not_bytes() -> None:
    assert table("größe: [ä, ö]")["größe"][1].position.column == 12


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    root = table("\ufeffversion: 1\r\nzones:\r\n  lan: x\r\n")
    assert root == {"version": "1", "zones": {"lan": "x"}}
    assert root["zones"]["lan"].position.line == 3


def test_a_second_key_of_the_same_name_is_told_with_the_line_of_the_first() -> None:
    text = "policy:\n  lan -> wan: accept\n  lan -> wan: drop\n"
    report = Report("rules.yaml", text)
    root = read(text, "rules.yaml", report)
    assert root == {"policy": {"lan -> wan": "accept"}}, "the first stays"
    (problem,) = report.errors()
    assert problem.position == ("rules.yaml", 3, 3)
    assert problem.hint == "the first is in line 2"


def test_several_refusals_are_told_together() -> None:
    assert told("a: &x 1\na: 2\nb: *x\n<<: {c: 3}\nd: !!int 4\n") == [
        "1:4 an anchor (&x) is not part of the rules language",
        '2:1 the key "a" stands here twice',
        "3:4 an alias (*x) is not part of the rules language",
        "4:1 a merge key (<<)",
        "5:4 a tag (!!int) is not part of the rules language",
    ]


def test_an_anchored_mapping_and_list_are_refused_too() -> None:
    assert len(told("a: &x {b: 1}\nc: &y [1]\n")) == 2


def test_an_alias_bomb_is_not_expanded() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    assert len(told(bomb)) == 40 + 2 * 39


def test_one_document_only() -> None:
    assert told("a: 1\n---\nb: 2\n") == ["2:1 a second document is not part of the rules language"]
    assert table("---\na: 1\n...\n") == {"a": "1"}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "word", "- item\n", "[]"])
def test_a_file_without_a_mapping_has_no_rules(text: str) -> None:
    assert told(text) == ["1:1 there are no rules in this file"]


def test_depth_is_bounded() -> None:
    deep = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert told(deep) == []
    assert "nesting this deep" in told("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH)[0]
    assert "nesting this deep" in told("a: " + "[" * 100_000)[0]
    assert "nesting this deep" in told("{a: " * 100_000)[0]


def test_size_is_bounded() -> None:
    assert told("a: " + "x" * MAX_BYTES) == ["0:0 the file is over 8 MiB"]


@pytest.mark.parametrize(("char", "name"), [("\x00", "U+0000"), ("\x1b", "U+001B"), ("\x9f", "U+009F")])
def test_control_characters_are_told_by_place(char: str, name: str) -> None:
    assert told(f"a: 1\nb: x{char}y\n") == [f"2:5 a control character ({name})"]


def test_a_lone_surrogate_is_told_and_not_an_encoding_error() -> None:
    assert told("a: \ud800") == ["1:4 a control character (U+D800)"]


def test_a_key_that_is_no_word() -> None:
    assert told("? [a, b]\n: c\n") == ["1:3 a key must be a plain word"]
    assert told("{a: b}: c\n") == ["1:1 a key must be a plain word"]


SYNTAX = {
    "a: b: c\n": '1:5 a second ": " in one line',
    "a: [b, c\nd: e\n": "1:4 the list that begins here is not closed",
    "a: {b: c\nd: e\n": "1:4 the mapping that begins here is not closed",
    "a: 'b\n": "1:4 the quote that begins here is not closed",
    "a:\n\t- b\n": "2:1 a tab in the indentation",
    "a: @b\n": '1:4 a word cannot begin with "@"',
    "a: [*]\n": "1:5 * begins an alias, which the rules language does not have",
    "a:\n  - b\n - c\n": "3:2 this line does not fit in here",
    "a: [b]: c\n": '1:7 a second ": " in one line',
    "a: [b]c\n": "1:7 something follows a closing bracket",
    "a: !b}\n": "1:4 ! begins a tag, which the rules language does not have",
    "a: [b,,c]\n": "1:7 a word is missing here",
    "a: [": "1:5 a word is missing here",
    "a: {": "1:5 a word is missing here",
    "a: [\n": "2:1 a word is missing here",
    "a: 1\nb\n": "2:1 a key without its colon",
}


@pytest.mark.parametrize("text", SYNTAX, ids=list(SYNTAX))
def test_what_yaml_cannot_parse_is_told_in_plain_words(text: str) -> None:
    assert told(text) == [SYNTAX[text]]


def test_the_slow_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "version: 1\nzones:\n  lan: {interfaces: [eth1], x: no}\n  wan: &a [22:30]\n"

    def read_it() -> tuple[Any, list[str]]:
        return read(text, "rules.yaml", Report("rules.yaml", text)), told(text)

    fast = read_it()
    monkeypatch.setattr(reader, "LOADER", yaml.BaseLoader)
    assert read_it() == fast
