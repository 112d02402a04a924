"""DCCP: every cell of the table by its sender's role, handshakes, reincarnations."""

from __future__ import annotations

import pytest

from conntrack.packet import dccp
from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from conntrack.tracker.dccp import table
from conntrack.tracker.dccp.machine import DccpTracker
from tests import segments
from tests.traces import LAN, Trace

OPEN = """
    lan > dccp-request              | REQUEST 240 unreplied
    wan < dccp-response seq=500     | RESPOND 480 replied unassured
    lan > dccp-ack ack=500          | PARTOPEN 480 assured
    wan < dccp-data                 | OPEN 43200
"""
WAYS = {
    "RQ": "lan > dccp-request",
    "RS": "lan > dccp-request \n wan < dccp-response",
    "PO": "lan > dccp-request \n wan < dccp-response \n lan > dccp-ack",
    "OP": OPEN,
    "CR": OPEN + "wan < dccp-closereq | CLOSEREQ 64 closing",
    "CG": OPEN + "lan > dccp-close | CLOSING 64 closing",
    "TW": OPEN + "lan > dccp-close \n wan < dccp-reset | TIMEWAIT 240 closing",
}
#: states by their initials; `ig` ignored, `iv` invalid, `fi` the connection ends
EXPECTED = """
              RQ RS PO OP CR CG TW
lan request   RQ RS ig ig ig ig RQ
lan response  ig ig ig ig ig ig iv
lan data      iv iv iv OP CR CG iv
lan ack       iv PO PO OP CR CG iv
lan dataack   iv PO PO OP CR CG iv
lan closereq  iv iv iv iv iv iv iv
lan close     iv iv CG CG CG CG iv
lan reset     fi TW TW TW TW TW ig
lan sync      ig ig ig ig ig ig ig
lan syncack   ig ig ig ig ig ig ig
wan request   ig ig ig ig ig ig RQ
wan response  RS RS ig ig ig ig iv
wan data      iv iv OP OP iv CG iv
wan ack       iv iv OP OP iv CG iv
wan dataack   iv iv OP OP iv CG iv
wan closereq  iv iv CR CR CR CR iv
wan close     iv iv CG CG iv CG iv
wan reset     fi TW TW TW TW TW ig
wan sync      ig ig ig ig ig ig ig
wan syncack   ig ig ig ig ig ig ig
"""
INITIALS = dict(zip("RQ RS PO OP CR CG TW".split(), table.STATES[1:], strict=True))
OTHERWISE = {"ig": "ignored", "iv": "unexpected-type", "fi": "finished"}


def cells() -> list[tuple[str, str, str, str]]:
    head, *rows = EXPECTED.strip().splitlines()
    found = []
    for row in rows:
        side, kind, *outcomes = row.split()
        found += [(side, kind, state, outcome) for state, outcome in zip(head.split(), outcomes, strict=True)]
    return found


@pytest.mark.parametrize(("side", "kind", "state", "outcome"), cells())
def test_every_cell(side: str, kind: str, state: str, outcome: str) -> None:
    trace = Trace()
    trace.play(WAYS[state])
    before = trace.connection
    assert before is not None
    assert trace.state() == INITIALS[state]
    deadline = before.deadline
    sent = f"+1 {side} {'>' if side == 'lan' else '<'} dccp-{kind}"
    if outcome in INITIALS:
        trace.play(f"{sent} | {INITIALS[outcome]}")
        assert before.deadline == trace.now + before.nominal
        return
    trace.play(f"{sent} | {OTHERWISE[outcome]}")
    assert before.deadline == deadline
    assert (trace.connection is None) == (outcome == "fi")


@pytest.mark.parametrize("kind", [kind for kind in segments.DCCP_TYPES if kind != "request"])
def test_only_a_request_begins(trace: Trace, kind: str) -> None:
    trace.play(f"lan > dccp-{kind} | none")


def test_a_connection_from_request_to_reset(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > dccp-dataack              | OPEN 43200 alive
        wan < dccp-closereq             | CLOSEREQ 64 closing
        lan > dccp-close                | CLOSING 64 closing
        wan < dccp-reset                | TIMEWAIT 240 closing
        +1 wan < dccp-reset             | ignored TIMEWAIT 239
    """
    )


def test_a_refused_request(trace: Trace) -> None:
    trace.play("lan > dccp-request | REQUEST \n wan < dccp-reset | finished")


@pytest.mark.parametrize("ack", ["dccp-ack ack=501", "dccp-dataack ack=500"])
def test_only_the_ack_of_the_response_assures(trace: Trace, ack: str) -> None:
    trace.play(f"lan > dccp-request \n wan < dccp-response seq=500 \n lan > {ack} | PARTOPEN unassured")


def test_a_response_with_a_short_number_assures_nobody(trace: Trace) -> None:
    trace.play("lan > dccp-request")
    lan, wan = trace.sides["lan"], trace.sides["wan"]
    short = segments.dccp((wan.port, lan.port), dccp.RESPONSE, 9, long=False)
    assert trace.send(segments.ip(wan.address, lan.address, 33, short)) == "accepted"
    short = segments.dccp((lan.port, wan.port), dccp.ACK, 9, long=False)
    assert trace.send(segments.ip(lan.address, wan.address, 33, short)) == "accepted"
    trace.play("lan > dccp-ack | PARTOPEN unassured")


def test_a_reincarnation(trace: Trace) -> None:
    trace.play(WAYS["TW"] + "\n lan > dccp-request | REQUEST 240 alive \n wan < dccp-response | RESPOND")


def test_a_reincarnation_with_the_roles_reversed(trace: Trace) -> None:
    trace.play(WAYS["TW"])
    trace.play("""
        wan < dccp-request              | REQUEST 240
        lan > dccp-response             | RESPOND
        wan < dccp-ack                  | PARTOPEN
        lan > dccp-closereq             | CLOSEREQ
        wan < dccp-closereq             | unexpected-type
    """)


def test_a_response_to_an_ignored_request_comes_in_step(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > dccp-request              | ignored OPEN
        wan < dccp-response seq=900     | RESPOND 480
        lan > dccp-ack ack=900          | PARTOPEN
    """
    )


def test_a_response_after_another_packet_does_not(trace: Trace) -> None:
    trace.play(OPEN + "lan > dccp-request | ignored \n wan < dccp-data | OPEN \n wan < dccp-response | ignored OPEN")


def test_a_request_of_the_server_that_is_answered_reverses_the_roles(trace: Trace) -> None:
    trace.play(OPEN + "wan < dccp-request | ignored \n lan > dccp-response | RESPOND \n wan < dccp-ack | PARTOPEN")


@pytest.mark.parametrize("kind", [10, 11, 15])
def test_reserved_types_are_invalid(trace: Trace, kind: int) -> None:
    trace.play(OPEN)
    lan, wan = trace.sides["lan"], trace.sides["wan"]
    raw = segments.ip(lan.address, wan.address, 33, segments.dccp((lan.port, wan.port), kind, 5))
    assert trace.send(raw) == "unexpected-type"


@pytest.mark.parametrize(
    ("segment", "numbers"),
    [
        (segments.dccp((1, 2), dccp.REQUEST, 2**48 - 2), (2**48 - 2, -1)),
        (segments.dccp((1, 2), dccp.ACK, 3, 2**40 + 7), (3, 2**40 + 7)),
        (segments.dccp((1, 2), dccp.ACK, 3, long=False), (-1, -1)),
    ],
)
def test_numbers(segment: bytes, numbers: tuple[int, int]) -> None:
    packet = Packet()
    parse(segments.ip(*LAN, 33, segment), packet, verify=False)
    assert (dccp.long_sequence(packet), dccp.long_acknowledgement(packet)) == numbers


@pytest.mark.parametrize("name", table.TIMEOUTS)
def test_every_timeout_can_be_set(name: str) -> None:
    tracker = DccpTracker()
    tracker.set_timeouts({name: 77.0})
    assert tracker.timeouts() == {**table.TIMEOUTS, name: 77.0}
    trace = Trace(tracker)
    way = next(WAYS[initials] for initials, state in INITIALS.items() if state == name.upper())
    trace.play("\n".join(line.split("|")[0] for line in way.splitlines()))
    assert trace.connection is not None
    assert trace.connection.nominal == 77.0


def test_an_unknown_timeout_is_an_error() -> None:
    with pytest.raises(KeyError, match="opened"):
        DccpTracker().set_timeouts({"opened": 1.0})
