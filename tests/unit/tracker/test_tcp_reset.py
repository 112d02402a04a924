"""RSTs: which are believed, which are inexact, which are refused."""

from __future__ import annotations

import pytest

from tests.traces import Trace

#: both sides have sent 1000 bytes and acknowledged all of them, the server speaking last
OPEN = """
    lan > syn
    wan < synack
    lan > ack
    lan > data len=1000
    wan < data len=1000
    lan > ack
    wan < ack                       | ESTABLISHED 432000 assured
"""


@pytest.fixture
def trace() -> Trace:
    return Trace()


@pytest.mark.parametrize("side", ["lan >", "wan <"])
@pytest.mark.parametrize(
    ("reset", "outcome"),
    [
        ("rst seq=1001", "CLOSE 10 closing"),
        ("rst seq=1000", "rst-before-ack ESTABLISHED 432000"),
        ("rst seq=1002", "ESTABLISHED 10 alive"),  # inexact: timer as of CLOSE, state as it was
        ("rst seq=66536", "ESTABLISHED 10"),  # the last number that the window admits
        ("rst seq=66537", "ignored ESTABLISHED 432000"),  # a number behind it may be an honest sender's
        ("rst seq=1000000", "seq-over-window ESTABLISHED 432000"),
        ("rst seq=@0", "rst-before-ack ESTABLISHED"),
        ("rstack seq=1001 ack=1001", "CLOSE 10"),
        ("rstack seq=1001 ack=1002", "ack-over-window ESTABLISHED"),
        ("rstack seq=1002 ack=1001", "ESTABLISHED 10"),
        ("rstack seq=1001 ack=@0", "CLOSE 10"),
        ("rstack seq=1002 ack=@0", "ESTABLISHED 10"),
    ],
)
def test_reset_of_an_established_connection(trace: Trace, side: str, reset: str, outcome: str) -> None:
    trace.play(OPEN + f"{side} {reset} | {outcome}")


@pytest.mark.parametrize("state", ["lan > fin", "lan > fin\nwan < ack", "lan > fin\nwan < fin"])
@pytest.mark.parametrize("reset", ["rst seq=@0", "rst seq=2000000", "rstack seq=5 ack=@0", "rstack seq=5 ack=700000"])
def test_a_closing_connection_believes_every_reset(trace: Trace, state: str, reset: str) -> None:
    trace.play(OPEN + state + f"\n wan < {reset} | CLOSE 10 closing \n lan > {reset} | CLOSE 10")


def test_an_inexact_reset_leaves_room_for_a_challenge_ack(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        wan < rst seq=1500              | ESTABLISHED 10
        +1 lan > ack                    | ESTABLISHED 300     # what the RST's number promised is not acknowledged yet
        +1 wan < rst seq=1001           | CLOSE 10
    """
    )


def test_an_inexact_reset_without_any_sequel_ends_in_ten_seconds(trace: Trace) -> None:
    trace.play(OPEN + "wan < rst seq=1500 | ESTABLISHED 10 \n +11 wan < fin | none")


def test_a_reset_that_follows_its_own_side_s_data_is_exact(trace: Trace) -> None:
    trace.play(OPEN + "wan < data len=19 | ESTABLISHED \n wan < rst seq=1020 | CLOSE 10")


def test_a_reset_that_follows_the_other_side_s_packet_is_not(trace: Trace) -> None:
    trace.play(OPEN + "wan < data len=19 \n lan > ack ack=1001 \n wan < rst seq=1020 | ESTABLISHED 10")


# not established yet


def test_a_refused_connection_is_forgotten_at_once(trace: Trace) -> None:
    trace.play("lan > syn | SYN_SENT \n wan < rstack seq=@0 | finished")
    assert trace.connection is None


def test_a_reset_without_an_acknowledgement_may_answer_a_syn_too(trace: Trace) -> None:
    trace.play("lan > syn | SYN_SENT \n wan < rst seq=@0 | finished")


def test_a_reset_that_acknowledges_another_syn_is_refused(trace: Trace) -> None:
    trace.play("lan > syn | SYN_SENT \n wan < rstack seq=@0 ack=77 | ack-over-window SYN_SENT 120")


def test_a_client_that_gives_up_is_forgotten_at_once(trace: Trace) -> None:
    trace.play("lan > syn | SYN_SENT \n lan > rst seq=1 | finished")


def test_a_reset_after_the_synack_closes(trace: Trace) -> None:
    trace.play("lan > syn \n wan < synack \n lan > rst seq=1 | CLOSE 10 replied")


@pytest.mark.parametrize(
    ("seq", "outcome"), [("@0", "seq-over-window SYN_RECV"), ("0", "rst-before-ack"), ("1", "CLOSE")]
)
def test_a_half_open_connection_is_reset_only_within_the_window(trace: Trace, seq: str, outcome: str) -> None:
    trace = Trace(isns=(4_000_000_000, 90000))
    trace.play(f"lan > syn \n wan < synack \n lan > rst seq={seq} | {outcome}")


def test_a_reset_of_a_picked_up_connection_without_an_answer_ends_it(trace: Trace) -> None:
    trace.play("lan > ack | ESTABLISHED unreplied \n wan < rst | finished")


# answers to packets that were passed without being believed


def test_a_reset_that_answers_an_ignored_syn_skips_the_window(trace: Trace) -> None:
    trace.play(OPEN + "lan > syn seq=5000000 | ignored \n wan < rstack seq=@0 ack=5000001 | CLOSE 10")


def test_a_reset_that_answers_another_syn_must_fit_the_window(trace: Trace) -> None:
    trace.play(
        OPEN + "lan > syn seq=5000000 | ignored \n wan < rstack seq=@0 ack=5000002 | ack-over-window ESTABLISHED"
    )


def test_the_side_that_sent_the_syn_cannot_answer_it(trace: Trace) -> None:
    trace.play(
        "lan > syn \n wan < synack \n lan > syn | ignored \n lan > rstack seq=900000 ack=@7001 | seq-over-window"
    )


def test_a_reset_that_answers_a_half_open_ack_skips_the_window(trace: Trace) -> None:
    trace.play("lan > syn \n wan < ack seq=500 ack=900 | ignored \n lan > rstack seq=3 ack=500 | CLOSE 10")


# ours: the acknowledgement 0 of an RST+ACK is no proof


@pytest.mark.parametrize("seq", ["@0", "0", "1", "500"])
def test_ack_zero_does_not_answer_a_syn(trace: Trace, seq: str) -> None:
    trace.play(f"lan > syn \n wan < rstack seq={seq} ack=@0 | rst-out-of-window SYN_SENT 120 unreplied")


def test_ack_zero_does_not_reset_a_half_open_connection_by_a_guess(trace: Trace) -> None:
    trace.play("lan > syn \n wan < synack \n wan < rstack seq=500 ack=@0 | rst-out-of-window SYN_RECV 60")


@pytest.mark.parametrize("side", ["lan >", "wan <"])
def test_ack_zero_with_the_exact_number_is_believed(trace: Trace, side: str) -> None:
    trace.play(f"lan > syn \n wan < synack \n {side} rstack seq=1 ack=@0 | CLOSE 10")


def test_ack_zero_does_not_end_a_picked_up_connection_by_a_guess(trace: Trace) -> None:
    trace.play("lan > ack \n wan < rstack seq=0 ack=@0 | rst-out-of-window ESTABLISHED 300")


def test_ack_zero_is_proof_where_zero_is_the_number(trace: Trace) -> None:
    trace = Trace(isns=(2**32 - 1, 90000))
    trace.play("lan > syn | SYN_SENT \n wan < rstack seq=@0 ack=@0 | finished")
