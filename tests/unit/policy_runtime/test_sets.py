"""Named sets: membership, replacement, and how long a large file takes."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton
from time import process_time

import pytest

from conntrack.policy.setfile import members
from conntrack.policy.sets import NetworkSet
from conntrack.policy.values import Span


def packed(text: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


def spans(*words: str) -> list[Span]:
    return members("\n".join(words), "test")


def test_a_set_without_a_file_holds_what_the_rules_file_says() -> None:
    admins = NetworkSet("admins", spans("203.0.113.0/29", "2001:db8:a::/48"))

    assert admins.contains(packed("203.0.113.7"))
    assert not admins.contains(packed("203.0.113.8"))
    assert admins.contains(packed("2001:db8:a::9"))
    assert (admins.size(), admins.members, admins.generation, admins.refreshed) == (2, 2, 0, 0.0)


def test_a_set_without_a_file_is_never_replaced() -> None:
    with pytest.raises(ValueError, match="admins has no file"):
        NetworkSet("admins").replace([], 0.0)


def test_a_set_begins_with_what_its_file_held_when_the_rules_were_loaded() -> None:
    blocked = NetworkSet("blocked", spans("192.0.2.1"), file="blocked.txt", loaded=spans("198.51.100.0/24"))

    assert blocked.contains(packed("192.0.2.1")) and blocked.contains(packed("198.51.100.9"))
    assert (blocked.members, blocked.generation) == (2, 0)


def test_replacing_swaps_the_file_s_members_and_keeps_those_of_the_rules_file() -> None:
    blocked = NetworkSet("blocked", spans("192.0.2.1"), file="blocked.txt", refresh=3600)

    blocked.replace(spans("198.51.100.0/24", "198.51.100.7"), 1000.0)
    assert blocked.contains(packed("192.0.2.1")) and blocked.contains(packed("198.51.100.7"))
    assert (blocked.size(), blocked.members, blocked.generation, blocked.refreshed) == (2, 3, 1, 1000.0)

    blocked.replace([], 2000.0)
    assert blocked.contains(packed("192.0.2.1")) and not blocked.contains(packed("198.51.100.7"))
    assert (blocked.size(), blocked.generation, blocked.refreshed) == (1, 2, 2000.0)


def test_who_holds_the_old_members_keeps_them_whole() -> None:
    blocked = NetworkSet("blocked", file="blocked.txt")
    blocked.replace(spans("192.0.2.1"), 1.0)
    before = blocked.ranges()

    blocked.replace(spans("192.0.2.2"), 2.0)

    assert before.contains(packed("192.0.2.1")) and not before.contains(packed("192.0.2.2"))


def test_a_hundred_thousand_networks_load_in_under_a_second() -> None:
    text = "\n".join(f"{10 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24" for n in range(0, 200_000, 2))
    blocked = NetworkSet("blocked", file="blocked.txt")

    began = process_time()
    blocked.replace(members(text, "blocked.txt"), 1.0)
    spent = process_time() - began

    assert (blocked.members, blocked.size()) == (100_000, 100_000)
    assert blocked.contains(packed("13.13.62.200")) and not blocked.contains(packed("13.13.63.0"))
    assert spent < 1.0
