"""Port blocks by computation: there and back for every subscriber."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from conntrack.nat.deterministic import capacity, number_of, place, whose
from conntrack.policy.nat_rule import BlockPlan


def plan_of(*inside: tuple[str, str], size: int = 1000, low: int = 10000, high: int = 14499) -> BlockPlan:
    plan = BlockPlan("subscribers", size, low, high)
    plan.inside = [(int(ip_address(first)), int(ip_address(last))) for first, last in inside]
    return plan


def packed(text: str) -> bytes:
    return ip_address(text).packed


def test_subscribers_fill_one_outside_address_after_the_other() -> None:
    plan = plan_of(("100.64.0.0", "100.64.0.15"))
    assert plan.count() == 4  # 500 ports at the end make no block
    assert [place(plan, packed(f"100.64.0.{last}"), 3) for last in (0, 1, 3, 4, 11)] == [
        (0, 10000),
        (0, 11000),
        (0, 13000),
        (1, 10000),
        (2, 13000),
    ]


def test_who_has_no_block_has_no_place() -> None:
    plan = plan_of(("100.64.0.0", "100.64.0.15"))
    assert place(plan, packed("100.64.0.12"), 3) == (-1, 0)  # the thirteenth of twelve
    assert place(plan, packed("100.64.1.0"), 3) == (-1, 0)  # not inside
    assert capacity(plan, 3) == 12


def test_networks_are_numbered_through() -> None:
    plan = plan_of(("100.64.0.0", "100.64.0.3"), ("10.0.0.8", "10.0.0.9"))
    assert [int(number_of(plan, packed(text))) for text in ("100.64.0.3", "10.0.0.8", "10.0.0.9", "10.0.0.10")] == [
        3,
        4,
        5,
        -1,
    ]


def test_a_prefix_is_one_subscriber() -> None:
    plan = plan_of(("2001:db8::", "2001:db8:0:ffff:ffff:ffff:ffff:ffff"))
    plan.prefixes = (32, 56)
    first = place(plan, packed("2001:db8::1"), 2)
    assert place(plan, packed("2001:db8:0:ff:9::1"), 2) == first
    assert place(plan, packed("2001:db8:0:100::1"), 2) == (0, 11000)
    assert whose(plan, 0, 11999, 16) == packed("2001:db8:0:100::")


@pytest.mark.parametrize("addresses", [3, 7])
def test_there_and_back(addresses: int) -> None:
    plan = plan_of(("100.64.0.0", "100.64.0.9"), ("10.1.0.0", "10.1.0.1"))
    for text in [*(f"100.64.0.{last}" for last in range(10)), "10.1.0.0", "10.1.0.1"]:
        at, low = place(plan, packed(text), addresses)
        assert at >= 0
        assert whose(plan, int(at), int(low), 4) == packed(text)
        assert whose(plan, int(at), int(low) + 999, 4) == packed(text)


def test_ports_of_no_block_are_nobodys() -> None:
    plan = plan_of(("100.64.0.0", "100.64.0.5"))
    assert whose(plan, 0, 9999, 4) == b""
    assert whose(plan, 0, 14000, 4) == b""  # the rest that makes no block
    assert whose(plan, 1, 12000, 4) == b""  # block of a seventh subscriber
