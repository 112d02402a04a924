"""What the table cannot say: reopening, ignored SYNs, challenge ACKs, simultaneous open, ASSURED."""

from __future__ import annotations

from conntrack.tracker.tcp.machine import TcpTracker
from tests.traces import Trace

OPEN = """
    lan > syn ws=7 sackok           | SYN_SENT 120 unreplied unassured
    wan < synack ws=7 sackok        | SYN_RECV 60 replied unassured
    lan > ack                       | ESTABLISHED 432000 assured
"""
CLOSED_BY_LAN = (
    OPEN
    + """
    lan > fin                       | FIN_WAIT 120 closing
    wan < ack                       | CLOSE_WAIT 60 closing
    wan < fin                       | LAST_ACK 30 closing
    lan > ack                       | TIME_WAIT 120 closing
"""
)


# 1. a new entry


def test_handshake_and_orderly_close(trace: Trace) -> None:
    trace.play(CLOSED_BY_LAN)


def test_close_by_the_server(trace: Trace) -> None:
    trace.play(OPEN + "wan < fin | FIN_WAIT \n lan > fin | LAST_ACK 30 \n wan < ack | TIME_WAIT 120")


def test_an_ack_begins_a_connection_only_where_loose_is_on(trace: Trace) -> None:
    trace.play("lan > ack | ESTABLISHED 300 unreplied")
    strict = Trace(TcpTracker(loose=False))
    strict.play("lan > ack | none \n lan > data | none \n lan > syn | SYN_SENT")


# 2. simultaneous open


def test_simultaneous_open(trace: Trace) -> None:
    trace.play("""
        lan > syn                       | SYN_SENT
        wan < syn                       | SYN_SENT2 120 replied ignored
        lan > synack                    | SYN_RECV 60
        wan < synack                    | ignored SYN_RECV
        wan < ack                       | ESTABLISHED
        lan > ack                       | ESTABLISHED assured
    """)


def test_an_ack_of_the_server_does_not_complete_an_ordinary_handshake(trace: Trace) -> None:
    trace.play("""
        lan > syn                       | SYN_SENT
        wan < synack                    | SYN_RECV
        wan < ack                       | SYN_RECV 60 unassured
        lan > ack                       | ESTABLISHED assured
    """)


# 3. SYN while TIME_WAIT or CLOSE


def test_a_syn_reopens_a_connection_that_the_client_closed(trace: Trace) -> None:
    trace.play(CLOSED_BY_LAN + "lan > syn seq=500000 | reopened SYN_SENT 120 unreplied unassured alive")
    assert trace.began == 2


def test_a_syn_reopens_a_connection_that_the_server_closed(trace: Trace) -> None:
    trace.play(OPEN + "wan < fin \n lan > fin \n wan < ack | TIME_WAIT \n lan > syn seq=500000 | reopened SYN_SENT")


def test_the_server_may_reopen_in_the_other_direction(trace: Trace) -> None:
    trace.play(CLOSED_BY_LAN + "wan < syn seq=700000 | reopened SYN_SENT unreplied")
    assert trace.opener() == "wan"


def test_a_syn_reopens_what_its_own_side_reset(trace: Trace) -> None:
    trace.play(OPEN + "lan > rst | CLOSE 10 closing \n lan > syn seq=500000 | reopened SYN_SENT 120")


def test_a_syn_after_the_other_side_s_reset_is_ignored_until_it_is_answered(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        wan < rst                       | CLOSE 10
        +1 lan > syn seq=500000         | ignored CLOSE 9
        wan < synack seq=900000         | SYN_RECV 60 alive
        lan > ack                       | ESTABLISHED 432000
    """
    )
    assert trace.began == 1


# 4. ignored SYNs


def test_port_reuse_after_the_server_forgot(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > data                      | ESTABLISHED
        lan > syn seq=3000000 ws=2      | ignored ESTABLISHED
        wan < synack seq=7000000 ws=3   | SYN_RECV 60
        lan > ack win=100               | ESTABLISHED
        wan < data len=400              | ESTABLISHED     # 100 << 2 bytes fit
        wan < data len=1                | ESTABLISHED     # begins just at the edge
        wan < data len=1                | ignored         # begins behind it
    """
    )


def test_scales_of_a_resumed_connection_count_only_if_both_offer_them(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > syn seq=3000000 ws=7      | ignored
        wan < synack seq=7000000        | SYN_RECV
        lan > ack win=100               | ESTABLISHED
        wan < data len=100              | ESTABLISHED
        wan < data len=1                | ESTABLISHED
        wan < data len=1                | ignored
    """
    )


def test_a_synack_for_another_number_does_not_resume(trace: Trace) -> None:
    trace.play(OPEN + "lan > syn seq=3000000 | ignored \n wan < synack ack=3000000 | ignored ESTABLISHED")


def test_a_synack_with_another_packet_in_between_does_not_resume(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > syn seq=3000000           | ignored
        wan < ack ack=1                 | ESTABLISHED
        wan < synack ack=3000001        | ignored ESTABLISHED
    """
    )


def test_a_repeated_syn_and_synack_of_a_slow_handshake(trace: Trace) -> None:
    trace.play("""
        lan > syn ws=7                  | SYN_SENT
        wan < synack ws=7               | SYN_RECV 60
        +1 lan > syn ws=7               | ignored SYN_RECV 59
        wan < synack ws=7               | SYN_RECV 60
        lan > ack                       | ESTABLISHED assured
    """)


# 5. challenge ACK in LAST_ACK


def test_a_challenge_ack_in_last_ack_is_not_the_last_ack(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > fin                       | FIN_WAIT
        wan < fin                       | LAST_ACK 30
        +1 lan > syn seq=500000         | ignored LAST_ACK 29
        +1 wan < ack ack=2              | ignored LAST_ACK 28
        wan < ack ack=2                 | TIME_WAIT
    """
    )


def test_an_ack_of_the_same_side_is_the_last_ack_even_after_a_syn(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > fin                       | FIN_WAIT
        wan < fin                       | LAST_ACK
        lan > syn seq=500000            | ignored
        lan > ack seq=2                 | TIME_WAIT
    """
    )


# 6. challenge ACK to a SYN


def test_challenge_ack_to_a_syn_then_reset_then_a_fresh_start(trace: Trace) -> None:
    trace.play("""
        lan > syn                       | SYN_SENT 120
        wan < ack seq=145824453 ack=643160523 | ignored SYN_SENT replied
        lan > rst seq=643160523         | CLOSE 10
        lan > syn                       | reopened SYN_SENT 120 unreplied
        wan < synack seq=0              | SYN_RECV
        lan > ack                       | ESTABLISHED assured
    """)


def test_a_reset_with_another_number_is_no_answer_to_a_challenge(trace: Trace) -> None:
    trace.play("""
        lan > syn                       | SYN_SENT 120
        wan < ack seq=145824453 ack=643160523 | ignored
        lan > rst seq=643160524         | seq-over-window SYN_SENT
    """)


# 7. ASSURED


def test_a_connection_is_assured_by_the_ack_that_completes_it(trace: Trace) -> None:
    trace.play("lan > syn | unassured \n wan < synack | unassured \n lan > ack | assured")


def test_a_picked_up_connection_is_assured_by_the_packet_after_the_first_answer(trace: Trace) -> None:
    trace.play("""
        lan > ack                       | ESTABLISHED 300 unreplied unassured
        wan < ack                       | ESTABLISHED 300 replied unassured
        wan < data                      | ESTABLISHED assured
    """)


def test_an_ignored_answer_is_an_answer(trace: Trace) -> None:
    trace.play("lan > syn | unreplied \n wan < ack seq=55 ack=66 | ignored replied SYN_SENT")


def test_an_invalid_answer_is_none(trace: Trace) -> None:
    trace.play("lan > syn | unreplied \n wan < synack ack=55 | ack-over-window unreplied SYN_SENT")
