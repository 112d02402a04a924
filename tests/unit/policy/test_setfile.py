"""Files of sets."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest

from conntrack.policy import setfile
from conntrack.policy.addresses import parse
from conntrack.policy.problems import PolicyError


def told(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        setfile.members(text, "list.txt")
    return [f"{problem.position} {problem.message}" for problem in caught.value.problems]


def test_one_member_a_line_with_comments() -> None:
    text = "# head\n192.0.2.1\n\n  10.0.0.0/8   # ours\n2001:db8::/32 ; theirs\r\n192.0.2.7-192.0.2.9\n;\n#\n"
    assert setfile.members(text, "list.txt") == [
        parse("192.0.2.1"),
        parse("10.0.0.0/8"),
        parse("2001:db8::/32"),
        parse("192.0.2.7-192.0.2.9"),
    ]


def test_nothing_in_it_is_no_mistake() -> None:
    assert setfile.members("", "list.txt") == []
    assert setfile.members("# to come\n", "list.txt") == []


def test_every_bad_line_is_told_by_file_line_and_column() -> None:
    assert told("192.0.2.1\n   192.0.2.300\nexample.com # x\n") == [
        'list.txt:2:4 "192.0.2.300" is not an address',
        'list.txt:3:1 "example.com" is not an address',
    ]


def test_a_wholly_wrong_file_is_told_in_twenty_lines() -> None:
    problems = told("x\n" * 1000)
    assert len(problems) == 21
    assert problems[-1] == "list.txt:21:1 and 980 more bad lines from here on"


def test_the_line_and_a_hint_are_shown() -> None:
    with pytest.raises(PolicyError) as caught:
        setfile.members("192.0.2.1/24\n", "list.txt")
    assert str(caught.value) == (
        "list.txt:1:1: 192.0.2.1/24 has bits set behind its prefix\n"
        "    192.0.2.1/24\n"
        "    ^\n"
        "    hint: the network is 192.0.2.0/24, the address alone is 192.0.2.1"
    )


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbf192.0.2.1\n")
    assert setfile.read(path) == [parse("192.0.2.1")], "a byte order mark is no member"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read: no such file"):
        setfile.read(tmp_path / "none.txt")
    with pytest.raises(PolicyError, match="cannot be read: is a directory"):
        setfile.read(tmp_path)


def test_a_file_that_is_not_text_is_told_by_place(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"192.0.2.1\n192.0.2.2 # Stra\xdfe\n")
    with pytest.raises(PolicyError) as caught:
        setfile.read(path)
    assert caught.value.problems[0].position == (str(path), 2, 17)


def test_a_file_over_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setfile, "MAX_BYTES", 1 << 20)
    path = tmp_path / "list.txt"
    path.write_text("192.0.2.1\n" * 110_000)
    with pytest.raises(PolicyError, match="over 1 MiB"):
        setfile.read(path)


def test_a_hundred_thousand_networks_take_well_under_a_second() -> None:
    four = [f"{1 + n % 223}.{n % 251}.{n % 256}.0/24" for n in range(60_000)]
    six = [f"2001:db8:{n:x}::/48" for n in range(40_000)]
    text = "\n".join([*four, *six])
    best = min(_seconds(text) for _ in range(3))
    assert best < 1.0  # 0.15 s on an idle 2024 server core; the bound is for busy and older ones


def _seconds(text: str) -> float:
    begin = process_time()
    assert len(setfile.members(text, "list.txt")) == 100_000
    return process_time() - begin
