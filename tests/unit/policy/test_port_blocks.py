"""`port-blocks:` as written: what it becomes, and what cannot be done."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from conntrack.policy.compile import compile_policy
from conntrack.policy.document import Document
from conntrack.policy.nat_rule import BlockPlan

Rules = Callable[[str], Document]
Told = Callable[[str], list[str]]


def plan(document: Document) -> BlockPlan:
    found = compile_policy(document, time.gmtime).nat_rules[0].blocks
    assert found is not None
    return found


INSIDE = "source: 192.168.1.0/26"


def entry(blocks: str, more: str = INSIDE, kind: str = "source-nat: 203.0.113.9, at: wan") -> str:
    return f"nat:\n  - {{{kind}, {more}, port-blocks: {{{blocks}}}}}\n"


def test_what_is_not_said(rules: Rules) -> None:
    found = plan(rules(entry("size: 500")))
    assert (found.size, found.low, found.high, found.most, found.sessions) == (500, 1024, 65535, 1, 0)
    assert (found.prefixes, found.log, found.inside) == ((32, 64), True, [])
    assert found.count() == 129


def test_what_is_said(rules: Rules) -> None:
    said = "size: 500, per-subscriber: 3, connections: 900, subscriber: {ipv4: 30}, log: no"
    found = plan(rules(entry(said, "ports: 20000-29999")))
    assert (found.size, found.low, found.high, found.most, found.sessions) == (500, 20000, 29999, 3, 900)
    assert (found.prefixes, found.log) == ((30, 64), False)


def test_deterministic_blocks_know_the_networks(rules: Rules) -> None:
    found = plan(rules(entry("size: 1000, allocation: deterministic")))
    assert found.inside == [(0xC0A80100, 0xC0A8013F)]


def test_a_subscriber_is_a_prefix() -> None:
    found = BlockPlan("x", 1, 1, 2)
    found.prefixes = (30, 56)
    assert found.prefix(bytes((192, 168, 1, 7))) == bytes((192, 168, 1, 4))
    assert found.prefix(b"\x20\x01" + b"\xff" * 14) == b"\x20\x01" + b"\xff" * 5 + bytes(9)


COMPUTED = "size: 9, allocation: deterministic"
MISTAKES = [
    ("size: 200", "ports: 5000-5099", "a block of 200 ports does not fit into 5000-5099"),
    ("size: 0", "from: lan", "0 is out of range"),
    ("log: yes", "from: lan", 'port-blocks lacks "size"'),
    ("size: 9, subscriber: {ipv4: 33}", "from: lan", "33 is out of range"),
    ("size: 2048, allocation: deterministic", INSIDE, "64 subscribers need a block each, and there are 31"),
    (COMPUTED, "from: lan", "it must be known who the subscribers are"),
    (COMPUTED, 'source: [192.168.1.0/26, "!192.168.1.7"]', "it must be known who the subscribers are"),
    (COMPUTED + ", per-subscriber: 2", INSIDE, "one block each is computed"),
    (COMPUTED + ", subscriber: {ipv4: 24}", INSIDE, "a network holds only a part of a subscriber"),
]


@pytest.mark.parametrize(("blocks", "more", "message"), MISTAKES)
def test_what_cannot_be_done(told: Told, blocks: str, more: str, message: str) -> None:
    assert [problem.partition(" ")[2] for problem in told(entry(blocks, more))] == [message]


def test_nothing_can_be_computed_behind_an_interface(told: Told) -> None:
    [problem] = told(entry(COMPUTED, INSIDE, "masquerade: wan"))
    assert problem.endswith("an interface's address may change, so nothing can be computed from it")


SHARED = """
nat:
  - {source-nat: 203.0.113.8/29, at: wan, from: lan, port-blocks: {size: 64}}
  - {source-nat: 203.0.113.9, at: wan, from: guest%s}
"""


OTHERWISE = ["", ", port-blocks: {size: 32}", ", ports: 2000-3000", f", port-blocks: {{{COMPUTED}}}, {INSIDE}"]


@pytest.mark.parametrize("second", OTHERWISE)
def test_two_entries_cannot_give_out_the_same_ports_in_two_ways(told: Told, second: str) -> None:
    [problem] = told(SHARED % second)
    assert problem.endswith("the entry in line 8 gives out ports of the same addresses in another way")


@pytest.mark.parametrize("second", [", port-blocks: {size: 64}", ", ports: 600-1023"])
def test_two_entries_that_cut_alike_or_keep_apart_go_together(rules: Rules, second: str) -> None:
    assert rules(SHARED % second).warnings == ()


def test_two_masquerades_of_a_zone_share_its_address(told: Told) -> None:
    text = "nat:\n  - {masquerade: wan, from: lan, port-blocks: {size: 64}}\n  - {masquerade: wan, from: guest}\n"
    assert len(told(text)) == 1
