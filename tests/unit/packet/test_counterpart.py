"""Addresses of one network for those of another."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack.packet.checksum import ones_sum
from conntrack.packet.counterpart import counterpart, moved, neutral


def packed(text: str) -> bytes:
    return ip_address(text).packed


@pytest.mark.parametrize(
    ("address", "low", "other", "becomes"),
    [
        ("203.0.113.5", "203.0.113.5", "192.168.10.25", "192.168.10.25"),
        ("203.0.113.17", "203.0.113.16", "10.0.0.16", "10.0.0.17"),
        ("10.1.255.255", "10.1.0.0", "10.2.0.0", "10.2.255.255"),
        ("2001:db8:1::5", "2001:db8:1::", "fd00::", "fd00::5"),
    ],
)
def test_the_nth_address_stands_for_the_nth(address: str, low: str, other: str, becomes: str) -> None:
    assert moved(packed(address), packed(low), packed(other)) == packed(becomes)
    assert moved(packed(becomes), packed(other), packed(low)) == packed(address)


def test_the_example_of_rfc_6296() -> None:
    """§3.1's prefixes: FD01:0203:0405:/48 inside, 2001:0DB8:0001:/48 outside; subnet 0001 becomes D550."""
    inside, outside = packed("fd01:203:405::"), packed("2001:db8:1::")
    translated = neutral(packed("fd01:203:405:1::1234"), inside, outside, 48)
    assert translated == packed("2001:db8:1:d550::1234")
    assert neutral(translated, outside, inside, 48) == packed("fd01:203:405:1::1234")


def test_longer_prefixes_adjust_the_interface_identifier() -> None:
    inside, outside = packed("fd01:203:405:7::"), packed("2001:db8:1:9::")
    address = packed("fd01:203:405:7:ffff:8:9:a")
    translated = neutral(address, inside, outside, 64)
    assert translated[:8] == outside[:8]
    assert translated[8:10] == b"\xff\xff"
    assert translated[10:12] != address[10:12]
    assert neutral(translated, outside, inside, 64) == address


@pytest.mark.parametrize(
    ("address", "length"), [("fd01:203:405:ffff::1", 48), ("fd01:203:405:7:ffff:ffff:ffff:ffff", 64)]
)
def test_an_address_without_a_word_to_adjust_has_no_counterpart(address: str, length: int) -> None:
    assert neutral(packed(address), packed("fd01:203:405:7::"), packed("2001:db8:1:9::"), length) == b""


@given(st.binary(min_size=6, max_size=6), st.binary(min_size=6, max_size=6), st.binary(min_size=10, max_size=10))
def test_no_checksum_changes_and_the_way_back_leads_back(inside: bytes, outside: bytes, rest: bytes) -> None:
    low, other = inside + bytes(10), outside + bytes(10)
    address = inside + rest
    translated = counterpart(address, low, other, 48)
    if not translated:
        assert rest[:2] == b"\xff\xff"
        return
    assert translated[:6] == outside
    assert ones_sum(translated) % 0xFFFF == ones_sum(address) % 0xFFFF
    if rest[:2] != b"\xff\xff" and translated[6:8] != b"\xff\xff":
        back = counterpart(translated, other, low, 48)
        assert back == address or rest[:2] == b"\0\0"
