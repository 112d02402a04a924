from __future__ import annotations

import io
import json
import os
import pty

import pytest

from conntrack.cli.endpoints import endpoint, translated_text
from conntrack.cli.output import SAMPLE, Column, amount, duration, text_of, write, write_one
from conntrack.service.protocol import Item

COLUMNS = (Column("NAME", lambda item: item["name"]), Column("N", lambda item: item.get("n"), right=True))


def table(*items: Item) -> list[str]:
    out = io.StringIO()
    assert write(items, "table", COLUMNS, out) == len(items)
    return out.getvalue().splitlines()


def test_columns_are_as_wide_as_they_need() -> None:
    assert table({"name": "a", "n": 1}, {"name": "longer", "n": 1000}) == [
        "NAME       N",
        "a          1",
        "longer  1000",
    ]


def test_nothing_is_nothing() -> None:
    assert table() == []


def test_a_long_table_is_not_held_back() -> None:
    """A row beyond the sample may be wider than the rest; it is printed, not waited for."""
    rows = table(*[{"name": "a", "n": 1}] * SAMPLE, {"name": "wide" * 5, "n": 1})
    assert len(rows) == SAMPLE + 2
    assert rows[-1] == "widewidewidewidewide  1"


def test_what_is_unknown_is_a_dash() -> None:
    assert [text_of(value) for value in (None, "", [], 0, False, True, ["a", 1])] == [
        "-",
        "-",
        "-",
        "0",
        "no",
        "yes",
        "a,1",
    ]


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert text_of("a\x1b[31mred\nline") == "a?[31mred?line"


def test_a_single_item() -> None:
    out = io.StringIO()
    write_one({"a": 1}, "table", [("first", 1), ("second one", None)], out)
    assert out.getvalue() == "first       1\nsecond one  -\n"
    out = io.StringIO()
    write_one({"a": 1}, "jsonl", [], out)
    assert out.getvalue() == '{"a": 1}\n'


def test_an_array_is_one_json_value() -> None:
    out = io.StringIO()
    assert write([{"a": "ä"}, {"a": 2}], "json", COLUMNS, out) == 2
    assert json.loads(out.getvalue()) == [{"a": "ä"}, {"a": 2}]


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_rich_draws_and_honours_no_color(colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        assert write([{"name": "[bold]x", "n": 3}], "table", COLUMNS, terminal) == 1
        terminal.flush()
        shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert "NAME" in shown
    assert "[bold]x" in shown
    assert "\x1b[3" not in shown  # no colour in either


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (123456, "123k"), (1.5e6, "1.5M"), (2e12, "2.0T"), (5e15, "5000T")],
)
def test_amounts(number: float, text: str) -> None:
    assert amount(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (61, "1m1s"),
        (3599, "59m59s"),
        (3600, "1h"),
        (90000, "1d1h"),
        (432000, "5d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_endpoints() -> None:
    assert endpoint("192.0.2.1", 80) == "192.0.2.1:80"
    assert endpoint("2001:db8::1", 80) == "[2001:db8::1]:80"
    assert endpoint("2001:db8::1", None) == "2001:db8::1"


def test_what_a_flow_leaves_as(web: Item, ping: Item) -> None:
    assert translated_text(web) == "from 203.0.113.5:40001"
    assert translated_text(ping) == ""
    forwarded = {
        **web,
        "reply": {**web["reply"], "source": "10.0.0.9", "destination": "192.168.10.5", "destination_port": 40000},
    }
    assert translated_text(forwarded) == "to 10.0.0.9:443"
