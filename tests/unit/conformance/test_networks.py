"""1:1 networks (netmap) and prefixes of IPv6 (RFC 6296) through the engine, and NPF's cases of both."""

from __future__ import annotations

import pytest

from tests.host import Host

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd01:203:405::/48"]}
nat:
  - {name: branch, one-to-one: 203.0.113.16/28, at: wan, to: 192.168.10.32/28}
  - {name: prefix, one-to-one: "2001:db8:1::/48", at: wan, to: "fd01:203:405::/48", mapping: checksum-neutral}
policy:
  lan -> wan: accept
"""
LINKS = {
    "wan": ("eth0", ["203.0.113.1/24", "2001:db8:113::1/64"]),
    "lan": ("eth1", ["192.168.10.1/24", "fd01:203:405:1::1/48"]),
}


@pytest.fixture
def host() -> Host:
    return Host(RULES, LINKS)


@pytest.mark.parametrize(("inside", "outside"), [(32, 16), (37, 21), (47, 31)])
def test_netmap_out_and_back(host: Host, inside: int, outside: int) -> None:
    assert host.arrive("lan", f"udp 192.168.10.{inside}:12345 > 198.51.100.9:12345") == (
        f"wan udp 203.0.113.{outside}:12345 > 198.51.100.9:12345"
    )
    assert host.arrive("wan", f"udp 198.51.100.9:12345 > 203.0.113.{outside}:12345") == (
        f"lan udp 198.51.100.9:12345 > 192.168.10.{inside}:12345"
    )


def test_netmap_in_and_back(host: Host) -> None:
    assert host.arrive("wan", "tcp 198.51.100.9:5000 > 203.0.113.20:22 SYN seq=1") == (
        "lan tcp 198.51.100.9:5000 > 192.168.10.36:22 SYN"
    )
    assert host.arrive("lan", "tcp 192.168.10.36:22 > 198.51.100.9:5000 SYN+ACK seq=5 ack=2") == (
        "wan tcp 203.0.113.20:22 > 198.51.100.9:5000 SYN+ACK"
    )


def test_netmap_leaves_the_neighbours_alone(host: Host) -> None:
    assert host.arrive("lan", "udp 192.168.10.48:5000 > 198.51.100.9:53") == (
        "wan udp 192.168.10.48:5000 > 198.51.100.9:53"
    )


def test_netmap_translates_errors_too(host: Host) -> None:
    host.arrive("lan", "udp 192.168.10.37:5000 > 198.51.100.9:53")
    about = "time-exceeded about udp {}:5000 > 198.51.100.9:53"
    assert host.arrive("wan", f"icmp 198.51.100.1 > 203.0.113.21 {about.format('203.0.113.21')}") == (
        f"lan icmp 198.51.100.1 > 192.168.10.37 {about.format('192.168.10.37')}"
    )


def test_nptv6_out_and_back(host: Host) -> None:
    assert host.arrive("lan", "udp [fd01:203:405:1::1234]:1000 > [2001:db8:9::1]:1001") == (
        "wan udp [2001:db8:1:d550::1234]:1000 > [2001:db8:9::1]:1001"
    )
    assert host.arrive("wan", "udp [2001:db8:9::1]:1001 > [2001:db8:1:d550::1234]:1000") == (
        "lan udp [2001:db8:9::1]:1001 > [fd01:203:405:1::1234]:1000"
    )


def test_nptv6_in_and_back(host: Host) -> None:
    assert host.arrive("wan", "tcp [2001:db8:9::1]:5000 > [2001:db8:1:d550::1234]:22 SYN seq=1") == (
        "lan tcp [2001:db8:9::1]:5000 > [fd01:203:405:1::1234]:22 SYN"
    )
    assert host.arrive("lan", "tcp [fd01:203:405:1::1234]:22 > [2001:db8:9::1]:5000 SYN+ACK seq=5 ack=2") == (
        "wan tcp [2001:db8:1:d550::1234]:22 > [2001:db8:9::1]:5000 SYN+ACK"
    )


def test_nptv6_of_an_address_that_cannot_be_translated_is_dropped(host: Host) -> None:
    """RFC 6296 §3.5: a subnet of all ones in a /48."""
    assert host.arrive("lan", "udp [fd01:203:405:ffff::1]:1 > [2001:db8:9::1]:1") == "drop nat-no-address"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("203.0.113.16/28", "203.0.113.32/27"), "32 addresses outside cannot stand for 16 inside"),
        (('fd01:203:405::/48", mapping', 'fd01:203:405::/56", mapping'), "cannot stand for"),
        (("at: wan, to: 192.168.10.32/28", "at: wan, to: 192.168.10.32/28, mapping: checksum-neutral"), "only IPv6"),
    ],
)
def test_what_cannot_stand_for_each_other_is_refused(change: tuple[str, str], message: str) -> None:
    assert change[0] in RULES
    with pytest.raises(Exception, match=message):
        Host(RULES.replace(*change), LINKS)
