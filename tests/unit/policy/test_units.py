"""Numbers with a meaning."""

from __future__ import annotations

from typing import Any

import pytest

from conntrack.policy import units
from conntrack.policy.problems import Wrong
from conntrack.policy.raw import Row, Table
from conntrack.policy.values import Ports, Rate


def wrong(parse: Any, word: Any) -> Wrong:
    with pytest.raises(Wrong) as caught:
        parse(word)
    return caught.value


@pytest.mark.parametrize(
    ("word", "seconds"),
    [
        ("300", 300),
        ("1s", 1),
        ("90s", 90),
        ("5m", 300),
        ("1h", 3600),
        ("5d", 432000),
        ("2w", 1209600),
        ("3650d", 3650 * 86400),
    ],
)
def test_durations(word: str, seconds: int) -> None:
    assert units.duration(word) == seconds


@pytest.mark.parametrize(
    "word", ["0", "0s", "", "5 m", "1.5h", "1h30m", "-1", "5M", "1e3", "010", "3651d", "9" * 30, "٣"]
)
def test_no_durations(word: str) -> None:
    wrong(units.duration, word)


@pytest.mark.parametrize(
    ("word", "rate"),
    [
        ("1/second", Rate(1, 1, 1)),
        ("5/minute", Rate(5, 60, 5)),
        ("100/hour", Rate(100, 3600, 100)),
        ("2/day", Rate(2, 86400, 2)),
        ("50/second per source", Rate(50, 1, 50, True)),
        ("50 / second  per  source", Rate(50, 1, 50, True)),
        ("10/second burst 30", Rate(10, 1, 30)),
        ("5/minute per source burst 1", Rate(5, 60, 1, True)),
    ],
)
def test_rates(word: str, rate: Rate) -> None:
    assert units.rate(word) == rate


@pytest.mark.parametrize(
    "word",
    [
        "5",
        "5/",
        "/second",
        "5/fortnight",
        "0/second",
        "5/second burst 0",
        "5/second burst",
        "1e3/second",
        "5/second per zone",
        "5/second burst 3 per source",
        "-1/second",
        "5/second per source per source",
    ],
)
def test_no_rates(word: str) -> None:
    wrong(units.rate, word)


def test_a_rate_with_a_wrong_period_names_the_right_one() -> None:
    assert wrong(units.rate, "5/minutes").hint == 'did you mean "minute"?'


@pytest.mark.parametrize(
    ("word", "ports"), [("80", (80, 80)), ("8000-8100", (8000, 8100)), ("1-65535", (1, 65535)), ("80 - 90", (80, 90))]
)
def test_ports(word: str, ports: tuple[int, int]) -> None:
    assert units.ports(word) == Ports(*ports)


@pytest.mark.parametrize("word", ["0", "65536", "80-", "-80", "90-80", "http", "080", "80,90", "80-90-100", "", "²"])
def test_no_ports(word: str) -> None:
    wrong(units.ports, word)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("010", "leave out the leading zeros: 10 (they could be read as octal)"),
        ("000", "leave out the leading zeros: 0 (they could be read as octal)"),
        ("0x10", "write plain decimal digits"),
        ("1e3", "write plain decimal digits"),
        ("1_000", "write plain decimal digits"),
        ("1.0", "write plain decimal digits"),
        ("ten", "write a whole number in decimal digits"),
    ],
)
def test_what_other_languages_would_take_for_a_number_is_refused_with_a_remedy(word: str, hint: str) -> None:
    assert wrong(lambda raw: units.number(raw, 0, 1000), word).hint == hint


def test_a_number_out_of_range_names_the_range() -> None:
    found = wrong(units.port, "70000")
    assert (found.message, found.hint) == ("70000 is out of range", "a port from 1 to 65535")


@pytest.mark.parametrize("word", ["yes", "true", "on", "Yes", "TRUE", True])
def test_yes(word: Any) -> None:
    assert units.boolean(word) is True


@pytest.mark.parametrize("word", ["no", "false", "off", "No", "OFF", False])
def test_no(word: Any) -> None:
    assert units.boolean(word) is False


@pytest.mark.parametrize("word", ["1", "0", "y", "n", "enabled", ""])
def test_neither_yes_nor_no(word: str) -> None:
    wrong(units.boolean, word)


@pytest.mark.parametrize(("word", "mark"), [("1", 1), ("0x10", 16), ("0xfffffff", 0xFFFFFFF), ("268435455", 0xFFFFFFF)])
def test_marks_are_the_one_place_for_hexadecimal(word: str, mark: int) -> None:
    assert units.mark(word) == mark


@pytest.mark.parametrize("word", ["0", "0x0", "0x10000000", "268435456", "010", "red", "0x", "0xg"])
def test_no_marks(word: str) -> None:
    wrong(units.mark, word)


@pytest.mark.parametrize(("word", "size"), [("path", -1), ("536", 536), ("1360", 1360), ("65495", 65495)])
def test_segment_sizes(word: str, size: int) -> None:
    assert units.mss(word) == size


@pytest.mark.parametrize("word", ["0", "535", "65496", "clamp", "0x400", "-1", ""])
def test_no_segment_sizes(word: str) -> None:
    wrong(units.mss, word)


@pytest.mark.parametrize(
    ("word", "dscp"),
    [
        ("0", 0),
        ("63", 63),
        ("cs0", 0),
        ("cs1", 8),
        ("cs7", 56),
        ("af11", 10),
        ("af43", 38),
        ("ef", 46),
        ("EF", 46),
        ("le", 1),
    ],
)
def test_dscp(word: str, dscp: int) -> None:
    assert units.dscp(word) == dscp


@pytest.mark.parametrize("word", ["64", "af14", "cs8", "af50", "0x2e", "046", "-1", "gold"])
def test_no_dscp(word: str) -> None:
    wrong(units.dscp, word)


@pytest.mark.parametrize(("raw", "stands"), [(Row(["1"]), "a list"), (Table(a="1"), "a mapping"), ("", "nothing")])
def test_what_is_no_word_is_named(raw: Any, stands: str) -> None:
    assert wrong(units.duration, raw).message == f"{stands} stands where a duration is wanted"
