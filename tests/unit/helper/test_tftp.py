"""TFTP through the engine: the answer comes from a port that nobody named."""

from __future__ import annotations

import pytest

from conntrack.flow.connection import RELATED
from tests.host import Host
from tests.talk import datagram

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}
nat:
  - {name: internet, masquerade: wan, from: lan}
policy:
  lan -> wan:
    - {name: boot, accept: tftp}
"""
CLIENT = ("192.168.10.5", 1069)
SERVER = ("198.51.100.9", 69)
READ = b"\0\1pxelinux.0\0octet\0blksize\x001428\0"


def asked(host: Host, request: bytes = READ) -> None:
    fate, out = host.cross("lan", datagram(CLIENT, SERVER, request))
    assert fate == "wan"
    assert out.endswith(request)


def test_the_servers_answer_from_another_port_comes_in() -> None:
    host = Host(RULES)
    asked(host)
    answer = host.arrive("wan", "udp 198.51.100.9:33000 > 203.0.113.1:1069 length=100")
    assert answer == "lan udp 198.51.100.9:33000 > 192.168.10.5:1069"
    assert host.arrive("lan", "udp 192.168.10.5:1069 > 198.51.100.9:33000 length=4") == (
        "wan udp 203.0.113.1:1069 > 198.51.100.9:33000"
    )
    _, child = host.engine.table.connections()
    assert child.status & RELATED


def test_only_the_server_and_only_once() -> None:
    host = Host(RULES)
    asked(host)
    assert host.arrive("wan", "udp 198.51.100.10:33000 > 203.0.113.1:1069") == "drop no-rule"
    assert host.arrive("wan", "udp 198.51.100.9:33000 > 203.0.113.1:1069").startswith("lan ")
    assert host.arrive("wan", "udp 198.51.100.9:33001 > 203.0.113.1:1069") == "drop no-rule"
    asked(host)
    assert host.arrive("wan", "udp 198.51.100.9:33001 > 203.0.113.1:1069").startswith("lan ")


def test_a_request_that_comes_again_replaces_what_waits() -> None:
    host = Host(RULES)
    for _ in range(5):
        asked(host)
    assert host.engine.expectations.count == 1


@pytest.mark.parametrize("mode", [b"octet", b"NETASCII", b"mail"])
@pytest.mark.parametrize("kind", [1, 2])
def test_requests(mode: bytes, kind: int) -> None:
    host = Host(RULES)
    asked(host, bytes((0, kind)) + b"file\0" + mode + b"\0")
    assert host.engine.expectations.count == 1


@pytest.mark.parametrize(
    "request_",
    [b"", b"\0\1", b"\0\3file\0octet\0", b"\0\1file\0other\0", b"\0\1\0octet\0", b"\0\1file\0octet", bytes(600)],
)
def test_what_is_none_opens_nothing(request_: bytes) -> None:
    host = Host(RULES)
    asked(host, request_)
    assert host.engine.expectations.created == 0


def test_over_ipv6_as_well() -> None:
    host = Host(RULES)
    host.cross("lan", datagram(("fd10::5", 1069), ("2001:db8:9::9", 69), READ))
    assert host.arrive("wan", "udp [2001:db8:9::9]:33000 > [fd10::5]:1069") == (
        "lan udp [2001:db8:9::9]:33000 > [fd10::5]:1069"
    )


def test_a_port_that_had_to_be_changed_is_changed_back() -> None:
    host = Host(RULES)
    for last in (6, 5):
        fate, out = host.cross("lan", datagram((f"192.168.10.{last}", 1069), SERVER, READ))
        assert fate == "wan"
    port = int.from_bytes(out[20:22], "big")
    assert port != 1069
    assert host.arrive("wan", f"udp 198.51.100.9:33000 > 203.0.113.1:{port}").endswith("> 192.168.10.5:1069")
    assert host.arrive("wan", "udp 198.51.100.9:33000 > 203.0.113.1:1069").endswith("> 192.168.10.6:1069")


def test_everything_is_given_back() -> None:
    host = Host(RULES)
    asked(host)
    host.arrive("wan", "udp 198.51.100.9:33000 > 203.0.113.1:1069")
    host.wait(10_000)
    assert host.engine.expectations.count == 0
    assert [use.used for use in host.engine.ports.uses()] == [0] * len(host.engine.ports.uses())
