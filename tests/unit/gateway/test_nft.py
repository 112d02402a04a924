"""The plan in nftables' words."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from conntrack.gateway.hooks import nft
from conntrack.gateway.hooks import plan as p
from conntrack.gateway.hooks.plan import Catch, Mark, Rule, Wanted, plan

PLAN = plan(Wanted(5, pool=[ip_network("203.0.113.8/29")], catches=[Catch("eth1", 17, (53, 53))], untrack=True))


def chain(name: str, text: str) -> list[str]:
    """The lines of one chain."""
    start = text.index(f"chain {name} {{")
    return [line.strip() for line in text[start : text.index("  }", start)].splitlines()[1:]]


def test_the_table_is_replaced_whole_in_one_transaction() -> None:
    text = nft.install(PLAN)
    assert text.startswith("add table inet pairwall\ndelete table inet pairwall\ntable inet pairwall {\n")
    assert text.count("table inet pairwall {") == 1
    assert text.endswith("}\n")
    assert nft.remove() == "add table inet pairwall\ndelete table inet pairwall\n"


def test_forwarded_packets_that_are_not_done_are_queued() -> None:
    assert chain("forward", nft.install(PLAN)) == [
        "type filter hook forward priority -150; policy accept;",
        'iifname "lo" return',
        "meta mark & 0xc0000000 != 0x80000000 queue num 5",
    ]


def test_output_spares_loopback_and_neighbour_discovery() -> None:
    assert chain("output", nft.install(PLAN)) == [
        "type filter hook output priority -150; policy accept;",
        'oifname "lo" return',
        "icmpv6 type { 133-136 } ip6 hoplimit 255 return",
        "queue num 5",
    ]


def test_packets_pass_a_missing_daemon_only_if_that_is_wanted() -> None:
    queues = [line for line in nft.install(PLAN).splitlines() if "queue num" in line]
    bypassing = [line for line in nft.install(plan(Wanted(5, bypass=True))).splitlines() if "queue num" in line]
    assert len(queues) == 7
    assert not [line for line in queues if "bypass" in line]
    assert all(line.endswith("queue num 5 bypass") for line in bypassing)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Rule(p.PREROUTING, p.QUEUE, 4, kinds=("local",)), "meta nfproto ipv4 fib daddr type { local } queue num 5"),
        (Rule(p.PREROUTING, p.QUEUE, 6, network="2001:db8::/64"), "ip6 daddr 2001:db8::/64 queue num 5"),
        (Rule(p.PREROUTING, p.QUEUE, 4, network="10.0.0.0/8"), "ip daddr 10.0.0.0/8 queue num 5"),
        (Rule(p.PREROUTING, p.QUEUE, interface="ppp*", protocol=1), 'iifname "ppp*" meta l4proto 1 queue num 5'),
        (Rule(p.PREROUTING, p.QUEUE, protocol=6, ports=(80, 80)), "meta l4proto 6 th dport 80 queue num 5"),
        (Rule(p.PREROUTING, p.QUEUE, protocol=6, ports=(80, 90)), "meta l4proto 6 th dport 80-90 queue num 5"),
        (Rule(p.GUARD, p.DROP, mark=Mark(1, 3, unless=True)), "meta mark & 0x3 != 0x1 drop"),
        (Rule(p.PREROUTING, p.CLEAR), "meta mark set meta mark & 0xfffffff"),
        (Rule(p.ANSWER_OUT, p.SETTLE), "meta mark set meta mark | 0x80000000"),
        (Rule(p.PREROUTING, p.HALVE, 4, "pw"), 'meta nfproto ipv4 iifname "pw" meta mark set meta mark | 0x40000000'),
        (Rule(p.PREROUTING, p.LEAVE, own_source=True), "fib saddr type local return"),
    ],
)
def test_rules(rule: Rule, text: str) -> None:
    assert nft.rule_text(rule, PLAN) == text


def test_listed_base_chains_are_recognised() -> None:
    listing = nft.install(PLAN).partition("delete table inet pairwall\n")[2]
    assert nft.listed_chains(listing) == nft.chains(PLAN) == set(p.CHAINS)
    assert nft.listed_chains("table inet pairwall {\n}\n") == set()
    assert "untrack-in" not in nft.chains(plan(Wanted(5)))


def test_a_zone_s_mark_leaves_our_bits_alone() -> None:
    lines = nft.install(plan(Wanted(5, brands=[("eth1", 0x10), ("ppp+", 0x20)]))).splitlines()
    branding = [line.strip() for line in lines if "| 0x" in line and "iifname" in line]
    assert branding == [
        'iifname "eth1" meta mark set meta mark & 0xf0000000 | 0x10',
        'iifname "ppp*" meta mark set meta mark & 0xf0000000 | 0x20',
    ]
