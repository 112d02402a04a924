"""Interval edges: what is inside, what merging and subtracting leave."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton

import pytest

from conntrack.policy.addresses import parse
from conntrack.policy.ranges import EVERYWHERE, NOWHERE, Ranges, united


def packed(text: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


def ranges(*words: str) -> Ranges:
    return united(parse(word) for word in words)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("9.255.255.255", False),
        ("10.0.0.0", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::1", True),
        ("2001:db9::", False),
    ],
)
def test_both_ends_are_inside(address: str, inside: bool) -> None:
    assert ranges("10.0.0.0/8", "192.0.2.7", "2001:db8::/32").contains(packed(address)) is inside


def test_the_last_address_of_a_family_is_inside() -> None:
    top = ranges("255.255.255.255", "ffff::/16")

    assert top.contains(packed("255.255.255.255"))
    assert top.contains(packed("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))
    assert not top.contains(packed("255.255.255.254"))


def test_families_do_not_mix() -> None:
    assert not ranges("0.0.0.0/0").contains(packed("::"))
    assert not ranges("::/0").contains(packed("0.0.0.0"))


def test_overlapping_spans_are_merged_and_counted_once() -> None:
    merged = ranges("10.0.0.0/8", "10.1.0.0/16", "10.255.0.0-11.0.0.5", "172.16.0.1")

    assert merged.size() == 2
    assert merged.contains(packed("11.0.0.5"))
    assert not merged.contains(packed("11.0.0.6"))


def test_neighbours_touch_without_a_gap() -> None:
    touching = ranges("192.0.2.0/25", "192.0.2.128/25")

    assert all(touching.contains(packed(f"192.0.2.{last}")) for last in (0, 127, 128, 255))
    assert not touching.contains(packed("192.0.3.0"))


def test_without_cuts_a_hole() -> None:
    holed = ranges("10.0.0.0/8").without(ranges("10.1.0.0/16"))

    assert holed.contains(packed("10.0.255.255"))
    assert not holed.contains(packed("10.1.0.0"))
    assert not holed.contains(packed("10.1.255.255"))
    assert holed.contains(packed("10.2.0.0"))


def test_without_can_take_everything() -> None:
    assert ranges("10.0.0.0/8").without(ranges("0.0.0.0/0")).size() == 0


def test_without_nothing_is_the_same() -> None:
    before = ranges("10.0.0.0/8", "fd00::/8")

    assert before.without(NOWHERE).edges(4) == before.edges(4)
    assert before.without(NOWHERE).edges(6) == before.edges(6)


def test_an_unknown_address_is_only_in_what_excludes_a_few() -> None:
    assert EVERYWHERE.contains(b"")
    assert EVERYWHERE.without(ranges("10.0.0.0/8", "fd00::/8")).contains(b"")
    assert not ranges("0.0.0.0/0", "::/0").contains(b"")
    assert not NOWHERE.contains(b"")
