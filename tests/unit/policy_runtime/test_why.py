"""Sentences: services and addresses of a query, and each demand that is not met."""

from __future__ import annotations

from time import gmtime

import pytest

from conntrack.policy import why
from conntrack.policy.match import Match
from conntrack.policy.ranges import EVERYWHERE, united
from conntrack.policy.runtime import ACCEPT, DROP, REJECT, Query, Rule
from conntrack.policy.schedules import Schedule
from conntrack.policy.selection import Selection
from conntrack.policy.setfile import members
from conntrack.policy.values import Window


def query(protocol: int = 6, port: int = 443) -> Query:
    asked = Query()
    asked.protocol, asked.destination_port = protocol, port
    asked.source, asked.destination = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
    asked.source_port, asked.minute = 50000, 0
    if protocol in (1, 58):
        asked.icmp_type, asked.icmp_code = port >> 8, port & 255
    return asked


@pytest.mark.parametrize(
    ("protocol", "port", "text"),
    [
        (6, 443, "tcp/443"),
        (17, 53, "udp/53"),
        (136, 7, "udplite/7"),
        (1, 8 << 8, "icmp/8"),
        (1, 3 << 8 | 4, "icmp/3/4"),
        (58, 128 << 8, "icmpv6/128"),
        (50, 0, "esp"),
        (253, 0, "proto/253"),
    ],
)
def test_services(protocol: int, port: int, text: str) -> None:
    assert why.service(query(protocol, port)) == text


@pytest.mark.parametrize(
    ("packed", "zone", "text"),
    [
        (bytes((10, 0, 0, 1)), 2, "10.0.0.1"),
        (bytes(15) + b"\1", 2, "::1"),
        (b"", 0, "any address of the gateway"),
        (b"", 2, "any address"),
    ],
)
def test_addresses(packed: bytes, zone: int, text: str) -> None:
    assert why.address(packed, zone) == text


@pytest.mark.parametrize(("action", "word"), [(ACCEPT, "accept"), (DROP, "drop"), (REJECT, "reject")])
def test_verdicts(action: int, word: str) -> None:
    assert why.verdict(Rule(0, "r", "a -> b", action, "", 0)) == word


def test_a_rule_that_demands_nothing_mismatches_nothing() -> None:
    assert why.mismatches(Match((0,), (0,)), query()) == []


def test_every_demand_has_its_sentence() -> None:
    match = Match((0,), (0,))
    match.version = 6
    match.services, match.words = ((17 << 16 | 53, 17 << 16 | 53),), ("dns",)
    match.source_ports = ((67, 67),)
    match.source = Selection("set admins", united(members("192.0.2.0/24", "")))
    match.destination = Selection("!10.0.0.0/8", EVERYWHERE, (), united(members("10.0.0.0/8", "")))
    match.schedule = Schedule("night", [Window(0b1111111, 60, 120)], gmtime)

    assert why.mismatches(match, query()) == [
        "it is for IPv6 only",
        "tcp/443 is none of dns",
        "it is not for source port 50000",
        "source 10.0.0.1 is not in set admins",
        "destination 10.0.0.2 is excepted by !10.0.0.0/8",
        "schedule night is closed then",
    ]


def test_a_built_in_rule_has_no_words_for_its_services() -> None:
    match = Match((0,), (0,))
    match.services = ((17 << 16 | 68, 17 << 16 | 68),)

    assert why.mismatches(match, query()) == ["it is not for tcp/443"]
