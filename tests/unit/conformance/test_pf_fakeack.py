"""pf's fake-ack RST, written anew: an RST+ACK that acknowledges 0 was taken for one that acknowledges everything.

Whoever knew the addresses and ports could end a connection, or keep one from beginning, with no number guessed right.
"""

from __future__ import annotations

import pytest

from tests.traces import Trace

OPEN = """
    lan > syn
    wan < synack
    lan > ack
    lan > data len=100
    wan < ack
"""


@pytest.fixture
def trace() -> Trace:
    return Trace()


@pytest.mark.parametrize("side", ["lan >", "wan <"])
@pytest.mark.parametrize("seq", ["@0", "@123456789", "-5000", "200000"])
def test_a_forged_reset_does_not_end_an_open_connection(trace: Trace, side: str, seq: str) -> None:
    trace.play(OPEN)
    name, _ = side.split()
    outcome = trace.send(trace.packet(name, "rstack", [f"seq={seq}", "ack=@0"]))
    assert outcome in ("rst-before-ack", "rst-out-of-window", "seq-over-window")
    assert trace.state() == "ESTABLISHED"


def test_a_forged_reset_does_not_answer_a_syn(trace: Trace) -> None:
    trace.play("""
        lan > syn
        wan < rstack seq=@77777 ack=@0      | rst-out-of-window SYN_SENT
        wan < synack                        | SYN_RECV
        lan > ack                           | ESTABLISHED assured
    """)


def test_a_refusal_that_acknowledges_the_syn_is_believed(trace: Trace) -> None:
    trace.play("""
        lan > syn
        wan < rstack seq=@0 ack=1           | finished
    """)
