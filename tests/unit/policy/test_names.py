"""Which words may be names, and pairs of zones."""

from __future__ import annotations

from typing import Any

import pytest

from conntrack.policy import names
from conntrack.policy.problems import Wrong
from conntrack.policy.values import Pair


@pytest.mark.parametrize(
    ("key", "sources", "destinations"),
    [
        ("lan -> wan", ("lan",), ("wan",)),
        ("lan->wan", ("lan",), ("wan",)),
        ("lan, guest -> wan", ("lan", "guest"), ("wan",)),
        ("lan,guest->wan, dmz", ("lan", "guest"), ("wan", "dmz")),
        ("any -> self", ("any",), ("self",)),
        ("self -> any", ("self",), ("any",)),
        ("lan -> lan", ("lan",), ("lan",)),
    ],
)
def test_pairs(key: str, sources: tuple[str, ...], destinations: tuple[str, ...]) -> None:
    assert names.pair(key) == Pair(sources, destinations)


@pytest.mark.parametrize(
    "key",
    [
        "lan",
        "lan - wan",
        "lan => wan",
        "-> wan",
        "lan ->",
        "lan -> wan -> dmz",
        "lan guest -> wan",
        "lan, -> wan",
        ",lan -> wan",
        "lan, lan -> wan",
        "any, lan -> wan",
        "lan -> wan, any",
        "self -> self",
        "1lan -> wan",
        "192.168.1.0/24 -> wan",
        "",
    ],
)
def test_no_pairs(key: str) -> None:
    with pytest.raises(Wrong):
        names.pair(key)


def test_a_pair_is_shown_as_it_would_be_written() -> None:
    assert str(names.pair("lan,guest->wan")) == "lan, guest -> wan"


@pytest.mark.parametrize(
    ("parse", "word"),
    [
        (names.new_zone, "lan"),
        (names.new_zone, "guest-wifi_2"),
        (names.new_set, "block.list-1"),
        (names.new_service, "3cx"),
        (names.new_service, "https"),
        (names.new_schedule, "office-hours"),
        (names.rule, "Büro (Etage 2)"),
        (names.helper, "ftp"),
    ],
)
def test_names(parse: Any, word: str) -> None:
    assert parse(word) == word


@pytest.mark.parametrize(
    ("parse", "word"),
    [
        (names.new_zone, "self"),
        (names.new_zone, "any"),
        (names.new_zone, "2nd"),
        (names.new_zone, "guest wifi"),
        (names.new_zone, "a.b"),
        (names.new_zone, "z" * 32),
        (names.new_zone, "größe"),
        (names.new_set, "any"),
        (names.new_set, "10"),
        (names.new_set, "a:b"),
        (names.new_service, "any"),
        (names.new_service, "tcp"),
        (names.new_service, "gre"),
        (names.new_service, "tcp/80"),
        (names.new_schedule, "daily"),
        (names.new_schedule, "mon-fri"),
        (names.new_schedule, "8-18"),
        (names.rule, "x" * 65),
        (names.rule, "two\nlines"),
        (names.rule, ""),
        (names.helper, "http"),
    ],
)
def test_no_names(parse: Any, word: str) -> None:
    with pytest.raises(Wrong):
        parse(word)


def test_a_list_written_as_one_word_gets_the_remedy() -> None:
    with pytest.raises(Wrong) as caught:
        names.zone("lan, guest")
    assert caught.value.hint == "write a list: [lan, guest]"
