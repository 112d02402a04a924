"""IPv4 addresses inside IPv6 ones: the examples of RFC 6052 §2.4, and what the well-known prefix refuses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest

from conntrack.packet.prefix64 import LENGTHS, STAND_IN, WELL_KNOWN, embed, extract, is_global, is_host

#: prefix, and 192.0.2.33 behind it
EXAMPLES = [
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
]
HOST = IPv4Address("192.0.2.33").packed


def parts(text: str) -> tuple[bytes, int]:
    network = IPv6Network(text)
    return network.network_address.packed, network.prefixlen


@pytest.mark.parametrize(("prefix", "address"), EXAMPLES)
def test_an_address_goes_in_and_comes_out(prefix: str, address: str) -> None:
    packed = IPv6Address(address).packed
    assert embed(HOST, *parts(prefix)) == packed
    assert extract(packed, *parts(prefix)) == HOST


def test_every_length_has_an_example() -> None:
    assert {parts(prefix)[1] for prefix, _ in EXAMPLES} == set(LENGTHS)


@pytest.mark.parametrize(("prefix", "address"), EXAMPLES)
def test_an_address_outside_the_prefix_holds_none(prefix: str, address: str) -> None:
    other = bytearray(IPv6Address(address).packed)
    other[parts(prefix)[1] // 8 - 1] ^= 1
    assert extract(bytes(other), *parts(prefix)) == b""


def test_the_reserved_octet_must_be_zero() -> None:
    packed = bytearray(IPv6Address("2001:db8:122:344:c0:2:2100::").packed)
    packed[8] = 1
    assert extract(bytes(packed), *parts("2001:db8:122:344::/64")) == b""


def test_what_follows_the_address_is_ignored() -> None:
    assert extract(IPv6Address("2001:db8:c000:221:0:5:6:7").packed, *parts("2001:db8::/32")) == HOST


PRIVATE = """0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 169.254.1.1 172.16.0.1 172.31.255.255 192.0.0.8
192.168.1.1 198.18.0.1 198.19.255.255 224.0.0.1 240.0.0.1 255.255.255.255"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_the_well_known_prefix_stands_before_no_private_address(address: str) -> None:
    assert not is_global(IPv4Address(address).packed)


@pytest.mark.parametrize("address", ["1.1.1.1", "9.255.255.255", "100.63.255.255", "100.128.0.0", "172.15.0.1"])
def test_it_stands_before_public_ones(address: str) -> None:
    assert is_global(IPv4Address(address).packed)


def test_neither_loopback_nor_a_group_nor_this_network_is_a_host() -> None:
    assert [is_host(IPv4Address(one).packed) for one in ("10.0.0.1", "0.0.0.1", "127.0.0.1", "224.0.0.5")] == [
        True,
        False,
        False,
        False,
    ]


def test_the_constants_are_what_they_are_called() -> None:
    assert IPv6Address(WELL_KNOWN) == IPv6Address("64:ff9b::")
    assert IPv4Address(STAND_IN) == IPv4Address("192.0.0.8")  # RFC 7600
