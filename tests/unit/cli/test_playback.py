"""The gateway that captures are played through: which way a packet goes, and whose addresses are whose."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack.cli.playback import Finder, Playback, ends, prefixes, stand_in, topology
from conntrack.policy.compile import compile_policy
from conntrack.policy.load import load_text
from conntrack.policy.policy import Policy
from tests.golden.notation import describe, packet
from tests.host import address

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, 192.168.11.5-192.168.11.20, "fd10::/64"]}
  lab: {interfaces: [eth2], networks: [192.168.10.128/25]}
nat:
  - {name: internet, masquerade: wan, from: [lan, lab]}
  - {name: proxy, redirect: tcp/80, from: [lab], to: 3128}
policy:
  lan -> wan: accept
  lab -> wan: accept
"""
WAN, LAN, LAB = 1, 2, 3


@pytest.fixture(scope="module")
def policy() -> Policy:
    return compile_policy(load_text(RULES, "rules.yaml"), lambda _: pytest.fail("no schedule here"))


def found(
    policy: Policy, *lines: str, named: dict[int, list[bytes]] | None = None, forwarded: tuple[int, ...] = ()
) -> object:
    finder = Finder(policy.zones, named or {}, forwarded)
    for line in lines:
        finder.see(packet(line))
    return {zone: [str(ip_address(one)) for one in addresses] for zone, addresses in finder.own.items()}


def test_who_is_spoken_to_from_its_own_zone_is_the_gateway(policy: Policy) -> None:
    lines = [
        "udp 192.168.10.5:9 > 192.168.10.1:53",
        "udp 198.51.100.9:9 > 203.0.113.1:53",
        "udp [fd10::5]:9 > [fd10::1]:53",
    ]
    assert found(policy, *lines) == {LAN: ["192.168.10.1", "fd10::1"], WAN: ["203.0.113.1"]}


def test_who_answers_is_not(policy: Policy) -> None:
    lines = ["udp 192.168.10.5:9 > 192.168.10.1:53", "udp 192.168.10.1:53 > 192.168.10.5:9"]
    assert found(policy, *lines) == {LAN: ["192.168.10.1"]}


def test_what_crosses_zones_tells_nothing(policy: Policy) -> None:
    assert found(policy, "udp 192.168.10.5:9 > 1.1.1.1:53", "udp 192.168.10.5:9 > 192.168.10.200:53") == {}


def test_groups_are_nobodys_address(policy: Policy) -> None:
    lines = [
        "udp 192.168.10.5:9 > 224.0.0.251:5353",
        "udp 192.168.10.5:9 > 192.168.10.127:9",
        "udp [fd10::5]:9 > [ff02::fb]:9",
    ]
    assert found(policy, *lines, "udp 198.51.100.9:68 > 255.255.255.255:67") == {LAN: ["192.168.10.127"]}
    assert found(policy, "udp 192.168.10.200:9 > 192.168.10.255:9") == {}  # the broadcast address of a network


def test_named_addresses_end_the_search_in_their_zone(policy: Policy) -> None:
    named = {WAN: [address("203.0.113.1")]}
    lines = ["udp 198.51.100.9:9 > 9.9.9.9:53", "udp 192.168.10.5:9 > 192.168.10.1:53"]
    assert found(policy, *lines, named=named) == {WAN: ["203.0.113.1"], LAN: ["192.168.10.1"]}


def test_zones_with_rules_between_their_hosts_are_not_searched(policy: Policy) -> None:
    assert found(policy, "udp 198.51.100.9:9 > 9.9.9.9:53", forwarded=(WAN,)) == {}


def test_so_many_addresses_and_no_more(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conntrack.cli.playback.MOST_ADDRESSES", 2)
    lines = [f"udp 198.51.100.9:9 > 203.0.113.{number}:53" for number in range(9)]
    assert found(policy, *lines) == {WAN: ["203.0.113.0", "203.0.113.1"]}


def test_the_topology_follows_the_networks(policy: Policy) -> None:
    made = topology(policy.zones, {LAN: [address("192.168.10.1")]})
    routes = {
        text: int(made.route(address(text))) for text in ("192.168.10.5", "192.168.10.200", "192.168.11.20", "fd10::9")
    }
    assert routes == {"192.168.10.5": LAN, "192.168.10.200": LAB, "192.168.11.20": LAN, "fd10::9": LAN}
    assert int(made.route(address("192.168.11.21"))) == WAN
    assert made.is_local(address("192.168.10.1"))
    assert made.masquerade_address(LAN, 4) == address("192.168.10.1")
    assert made.masquerade_address(WAN, 4) == address("192.0.2.1")
    assert made.is_group(address("192.168.10.255"))


def test_stand_ins_are_documentation_addresses() -> None:
    assert str(ip_address(stand_in(3, 4))) == "192.0.2.3"
    assert str(ip_address(stand_in(3, 16))) == "2001:db8::3"


def play(policy: Policy, *lines: str) -> list[str]:
    playback = Playback(policy, {WAN: [address("203.0.113.1")]}, 0.0)
    outcomes = [playback.play(packet(line), number * 0.1, True) for number, line in enumerate(lines)]
    return [describe(outcome.raw) if outcome.passed else "stopped" for outcome in outcomes]


def test_a_redirect_takes_what_was_meant_for_others(policy: Policy) -> None:
    out, back = play(
        policy, "tcp 192.168.10.200:9000 > 1.1.1.1:80 SYN seq=1", "tcp 192.168.10.200:9000 > 1.1.1.1:443 SYN seq=1"
    )
    assert ":3128 SYN" in out
    assert back.startswith("tcp 203.0.113.1:9000 > 1.1.1.1:443 SYN")


def test_a_source_that_no_zone_holds_is_dropped(policy: Policy) -> None:
    only_lan = compile_policy(
        load_text(
            "version: 1\nzones: {lan: {interfaces: [eth1], networks: [10.0.0.0/8]}}\npolicy: {any -> any: accept}",
            "rules.yaml",
        ),
        lambda _: pytest.fail("no schedule here"),
    )
    playback = Playback(only_lan, {}, 0.0)
    assert not playback.play(packet("udp 192.0.2.9:9 > 10.0.0.1:53"), 0.0, True).passed
    assert playback.play(packet("udp 10.0.0.2:9 > 10.0.0.1:53"), 0.0, True).passed


def test_connections_end_when_their_time_is_up(policy: Policy) -> None:
    playback = Playback(policy, {}, 1e9)
    for number in range(50):
        playback.play(packet(f"udp 192.168.10.5:{number + 1} > 1.1.1.1:53"), 1e9, True)
    assert len(playback.engine.table) == 50
    playback.play(packet("udp 192.168.10.5:9999 > 1.1.1.1:53"), 1e9 + 86400, True)
    assert len(playback.engine.table) == 1


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_prefixes_cover_a_range_exactly(one: int, other: int) -> None:
    low, high = sorted((one, other))
    covered = low
    for network, length in prefixes(low.to_bytes(4, "big"), high.to_bytes(4, "big")):
        assert int.from_bytes(network, "big") == covered
        covered += 1 << (32 - length)
    assert covered == high + 1


def test_addresses_of_packets_that_are_cut_off() -> None:
    assert ends(b"\x45" + bytes(11) + bytes((1, 2, 3, 4, 5, 6, 7, 8))) == (bytes((1, 2, 3, 4)), bytes((5, 6, 7, 8)))
    assert ends(b"\x60" + bytes(19)) == (bytes(16), bytes(16))


def test_what_nat64_makes_is_what_leaves() -> None:
    rules = RULES.replace("nat:", 'nat:\n  - {name: to-ipv4, nat64: "64:ff9b::/96", at: wan, from: [lan]}')
    policy = compile_policy(load_text(rules, "rules.yaml"), lambda _: pytest.fail("no schedule here"))
    playback = Playback(policy, {WAN: [address("203.0.113.1")]}, 0.0)
    went = playback.play(packet("udp [fd10::5]:5000 > [64:ff9b::c633:6409]:53 length=20"), 1.0, True)
    assert went.passed
    assert describe(went.raw) == "udp 203.0.113.1:5000 > 198.51.100.9:53"
    trace = playback.engine.trace
    assert (trace.verdict, trace.new, trace.direction) == ("accept", True, "original")
    assert trace.rule is not None
    came = playback.play(packet("udp 198.51.100.9:53 > 203.0.113.1:5000 length=1400"), 2.0, True)
    assert came.passed
    assert came.raw[:1] == b"\x60"
    refused = playback.play(packet("udp [fd10::5]:5000 > [64:ff9b::a00:1]:53"), 3.0, True)
    assert (refused.passed, playback.engine.trace.verdict) == (False, "drop")
