"""Which packets the hook rules have to queue for the sake of NAT rules."""

from __future__ import annotations

from ipaddress import ip_network

from conntrack.gateway.hooks.plan import Catch, Wanted
from conntrack.policy.load import load_text
from conntrack.service.queueing import crossings_of, joined, wanted

HEAD = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1, "tun+"], networks: [192.168.10.0/24]}
"""


def of(rules: str) -> Wanted:
    return wanted(load_text(HEAD + rules, "rules.yaml"))


def test_without_nat_the_own_addresses_are_enough() -> None:
    assert of("policy: {lan -> wan: accept}") == Wanted(0, False, [], ())


def test_queue_and_failure_come_from_the_settings() -> None:
    found = of("settings: {on-failure: bypass, queue: {number: 7}}\npolicy: {lan -> wan: accept}")
    assert (found.queue, found.bypass) == (7, True)


def test_pool_addresses_and_named_destinations() -> None:
    found = of(
        """
nat:
  - {source-nat: [203.0.113.8-203.0.113.11, 203.0.113.20], at: wan, from: [lan]}
  - {one-to-one: 203.0.113.30, at: wan, to: 192.168.10.30}
  - {forward: tcp/443, at: wan, to: 192.168.10.20, destination: 203.0.113.40}
  - {masquerade: wan, from: [lan]}
"""
    )
    pool = ["203.0.113.8/30", "203.0.113.20/32", "203.0.113.30/32", "203.0.113.40/32"]
    assert [str(network) for network in found.pool] == pool
    assert found.catches == ()


def test_a_redirect_catches_on_every_interface_of_its_zones() -> None:
    found = of("nat: [{redirect: tcp/80, from: [lan], to: 3128}]")
    assert found.catches == (Catch("eth1", 6, (80, 80)), Catch("tun+", 6, (80, 80)))


def test_a_redirect_may_be_for_one_family_and_one_destination() -> None:
    found = of("nat: [{redirect: udp/53, from: [lan], to: 53, family: ipv4, destination: 9.9.9.0/24}]")
    assert found.catches[0] == Catch("eth1", 17, (53, 53), 4, ip_network("9.9.9.0/24"))
    both = of("nat: [{redirect: udp/53, from: [lan], to: 53, family: ipv6}]")
    assert both.catches[0] == Catch("eth1", 17, (53, 53), 6)


def test_a_redirect_from_several_zones() -> None:
    found = of("nat: [{redirect: tcp/80, from: [lan, wan], to: 3128}]")
    assert [catch.interface for catch in found.catches] == ["eth1", "tun+", "eth0"]


NAT64 = """
nat:
  - {nat64: "64:ff9b::/96", at: wan, from: [lan]}
  - {nat64: "2001:db8:64::/48", at: wan}
  - {nat64: "64:ff9b::/96", at: lan, from: [wan]}
"""


def test_nat64_needs_a_link_and_its_prefixes_routed_to_it() -> None:
    document = load_text(HEAD + NAT64, "rules.yaml")
    assert [str(prefix) for prefix in crossings_of(document)] == ["64:ff9b::/96", "2001:db8:64::/48"]
    assert wanted(document).tunnel == "pairwall64"
    assert of("policy: {lan -> wan: accept}").tunnel == ""


def test_with_nat64_the_queue_takes_no_joined_packets() -> None:
    plain = HEAD + "settings: {queue: {gso: %s}}"
    found = {gso: joined(load_text(plain % gso, "rules.yaml"), True) for gso in ("on", "off", "auto")}
    assert found == {"on": True, "off": False, "auto": True}
    assert not joined(load_text(plain % "auto", "rules.yaml"), False)
    for gso in ("on", "off", "auto"):
        assert not joined(load_text(plain % gso + NAT64, "rules.yaml"), True)


def test_a_zone_s_mark_is_for_every_interface_of_it() -> None:
    head = HEAD.replace('"tun+"]', '"tun+"], space: alfa, mark: 0x10')
    found = wanted(load_text(head + "policy: {}", "rules.yaml"))
    assert found.brands == (("eth1", 0x10), ("tun+", 0x10))
    assert of("policy: {}").brands == ()
