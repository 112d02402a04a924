"""For the daemon's tests: connections as they stand in a table, and the naming that the engine would supply."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton

import pytest

from conntrack.flow.connection import ASSURED, SEEN_REPLY, SOURCE_NAT, Connection
from conntrack.flow.pair import build, invert
from conntrack.policy.runtime import ACCEPT, Rule
from conntrack.service.views import Flows

ZONES = ["self", "lan", "wan"]
STATES = {6: ["NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED"], 17: ["UNREPLIED", "REPLIED"]}


def packed(address: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in address else AF_INET, address)


def state_name(protocol: int, state: int) -> str:
    names = STATES.get(protocol, [])
    return names[state] if state < len(names) else ""


@pytest.fixture
def flows() -> Flows:
    return Flows(state_name, lambda: ZONES)


@pytest.fixture
def web() -> Connection:
    """An established HTTPS connection of a LAN host, masqueraded behind 203.0.113.5."""
    original = build(6, packed("192.168.10.5"), packed("1.1.1.1"), 40000, 443)
    reply = build(6, packed("1.1.1.1"), packed("203.0.113.5"), 443, 40001)
    connection = Connection(7, original, reply, 100.0)
    connection.state = 3
    connection.status = SEEN_REPLY | ASSURED | SOURCE_NAT
    connection.deadline = 1100.0
    connection.seen = 102.5
    connection.zone_in, connection.zone_out = 1, 2
    connection.mark = 16
    connection.rule = Rule(0, "outbound", "lan -> wan", ACCEPT, "rules.yaml", 12)
    connection.original.packets, connection.original.octets = 10, 1000
    connection.reply.packets, connection.reply.octets = 8, 9000
    return connection


@pytest.fixture
def query() -> Connection:
    """A DNS query over IPv6 without an answer yet."""
    original = build(17, packed("fd10::5"), packed("2001:db8::53"), 5353, 53)
    connection = Connection(8, original, invert(original), 100.0)
    connection.deadline = 130.0
    connection.zone_in, connection.zone_out = 1, 2
    connection.original.packets, connection.original.octets = 1, 80
    return connection


@pytest.fixture
def ping() -> Connection:
    """An echo request to the gateway."""
    original = build(1, packed("192.168.10.5"), packed("192.168.10.1"), 77, 8 * 256)
    connection = Connection(9, original, invert(original), 100.0)
    connection.deadline = 130.0
    connection.zone_in, connection.zone_out = 1, 0
    return connection
