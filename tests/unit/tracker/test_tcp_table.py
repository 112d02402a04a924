"""Every cell of the transition table, by packets: each state, both directions, each flag class."""

from __future__ import annotations

import pytest

from conntrack.packet.header import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG
from conntrack.tracker.tcp import table
from tests.traces import Trace

#: how a connection gets into each state, with both sides' windows known
WAYS = {
    "SYN_SENT": "lan > syn",
    "SYN_RECV": "lan > syn \n wan < synack",
    "ESTABLISHED": "lan > syn \n wan < synack \n lan > ack \n wan < ack",
    "FIN_WAIT": "lan > syn \n wan < synack \n lan > ack \n lan > fin",
    "CLOSE_WAIT": "lan > syn \n wan < synack \n lan > ack \n lan > fin \n wan < ack",
    "LAST_ACK": "lan > syn \n wan < synack \n lan > ack \n lan > fin \n wan < fin",
    "TIME_WAIT": "lan > syn \n wan < synack \n lan > ack \n lan > fin \n wan < fin \n lan > ack",
    "CLOSE": "lan > syn \n wan < synack \n lan > ack \n wan < rst",
    "SYN_SENT2": "lan > syn \n wan < syn | ignored",
}
#: the state that each packet leads to, or what becomes of the packet where there is none
EXPECTED = """
            SYN_SENT     SYN_RECV     ESTABLISHED  FIN_WAIT     CLOSE_WAIT   LAST_ACK     TIME_WAIT    CLOSE        SYN_SENT2
lan syn     ignored      ignored      ignored      ignored      ignored      ignored      reopened     ignored      SYN_SENT2
lan synack  out-of-state SYN_RECV     out-of-state out-of-state out-of-state out-of-state out-of-state out-of-state SYN_RECV
lan fin     out-of-state FIN_WAIT     FIN_WAIT     LAST_ACK     LAST_ACK     LAST_ACK     TIME_WAIT    CLOSE        out-of-state
lan ack     out-of-state ESTABLISHED  ESTABLISHED  CLOSE_WAIT   CLOSE_WAIT   TIME_WAIT    TIME_WAIT    CLOSE        out-of-state
lan rst     finished     CLOSE        CLOSE        CLOSE        CLOSE        CLOSE        CLOSE        CLOSE        CLOSE
wan syn     s2-unrefreshed out-of-state out-of-state out-of-state out-of-state out-of-state reopened     out-of-state SYN_SENT2
wan synack  SYN_RECV     ignored      ignored      ignored      ignored      ignored      ignored      ignored      SYN_RECV
wan fin     out-of-state FIN_WAIT     FIN_WAIT     LAST_ACK     LAST_ACK     LAST_ACK     TIME_WAIT    CLOSE        out-of-state
wan ack     ignored      SYN_RECV     ESTABLISHED  CLOSE_WAIT   CLOSE_WAIT   TIME_WAIT    TIME_WAIT    CLOSE        ignored
wan rst     finished     CLOSE        CLOSE        CLOSE        CLOSE        CLOSE        CLOSE        CLOSE        CLOSE
"""  # noqa: E501


def cells() -> list[tuple[str, str, str, str]]:
    head, *rows = EXPECTED.strip().splitlines()
    states = head.split()
    found = []
    for row in rows:
        side, kind, *outcomes = row.split()
        found += [(side, kind, state, outcome) for state, outcome in zip(states, outcomes, strict=True)]
    return found


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("side", "kind", "state", "outcome"), cells())
def test_every_cell(side: str, kind: str, state: str, outcome: str, version: int) -> None:
    trace = Trace(version=version)
    trace.play(WAYS[state])
    assert trace.state() == state
    arrived = trace.connection
    assert arrived is not None
    deadline = arrived.deadline
    sent = f"+3 {side} {'>' if side == 'lan' else '<'} {kind}"
    if outcome == "finished":
        trace.play(f"{sent} | finished")
        assert trace.connection is None
    elif outcome == "reopened":
        trace.play(f"{sent} | reopened SYN_SENT 120 unreplied")
        assert trace.connection is not arrived
        assert trace.opener() == side
    elif outcome == "s2-unrefreshed":  # a SYN does not refresh before there was an answer, and that is this one
        trace.play(f"{sent} | ignored SYN_SENT2 117 replied")
    elif outcome in ("ignored", "out-of-state"):
        trace.play(f"{sent} | {outcome} {state}")
        assert arrived.deadline == deadline
    else:
        trace.play(f"{sent} | {outcome}")
        assert arrived.deadline != deadline


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("syn", "SYN_SENT 120"), ("synack", "none"), ("fin", "none"), ("ack", "ESTABLISHED 300"), ("rst", "none")],
)
def test_what_may_begin_a_connection(kind: str, outcome: str) -> None:
    Trace().play(f"lan > {kind} | {outcome}")


def test_flags_that_no_stack_sends_have_no_class() -> None:
    for flags in (0, FIN, FIN | PSH | URG, SYN | FIN, SYN | RST, SYN | FIN | ACK, FIN | RST | ACK, URG, PSH, RST | URG):
        assert table.CLASSES[flags] == table.UNUSUAL
    assert sum(kind != table.UNUSUAL for kind in table.CLASSES) == 9 * 8


def test_push_and_congestion_flags_do_not_matter() -> None:
    for legal, kind in table.LEGAL.items():
        for extra in (PSH, ECE, CWR, PSH | ECE | CWR):
            assert table.CLASSES[legal | extra] == kind


def test_unusual_flags_are_invalid_in_every_state() -> None:
    for original in (True, False):
        for state in range(len(table.STATES)):
            assert table.step(original, table.UNUSUAL, state) == table.INVALID


def test_reset_outranks_all_other_flags() -> None:
    assert table.CLASSES[RST | ACK | PSH] == table.RST
