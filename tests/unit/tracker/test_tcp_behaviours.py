"""Whole conversations, most of which some tracker once got wrong: the kernel's packetdrill scripts and others."""

from __future__ import annotations

from tests.traces import Trace

# the kernel's tools/testing/selftests/net/netfilter/packetdrill, as behaviours


def test_inexact_reset_of_a_closing_connection(trace: Trace) -> None:
    """A server that has forgotten the connection resets it with an old number, while it is closing anyway."""
    trace.play("""
        lan > syn ws=8 sackok ts
        wan < synack
        lan > ack
        wan < data len=1000
        wan < data len=1000
        wan < data len=1000
        lan > ack ack=1001
        lan > ack ack=2001
        lan > ack ack=3001
        lan > data len=1000
        wan < fin                       | FIN_WAIT
        lan > ack                       | CLOSE_WAIT
        lan > rstack                    | CLOSE
        wan < rst seq=2001              | CLOSE 10
    """)


def test_invalid_resets_leave_an_open_connection_alone(trace: Trace) -> None:
    """Out of the window, before it, in it but inexact: only the exact number closes."""
    trace.play("""
        lan > syn ws=8 sackok ts
        wan < synack
        lan > ack
        wan < data len=1000
        wan < data len=1000
        wan < data len=1000
        lan > ack ack=1001
        lan > ack ack=2001
        lan > ack ack=3001
        wan < rst seq=@0                | rst-before-ack ESTABLISHED
        wan < rst seq=1000000           | seq-over-window ESTABLISHED
        wan < rst seq=42                | rst-before-ack ESTABLISHED
        lan > data len=1000             | ESTABLISHED
        wan < ack                       | ESTABLISHED 432000
        wan < rstack seq=3000           | rst-before-ack ESTABLISHED
        wan < rstack seq=3001           | CLOSE 10
    """)


def test_challenge_ack_to_a_syn_of_a_reused_port(trace: Trace) -> None:
    """The server still knows the port's last connection, says so, and is told to forget it."""
    trace.play("""
        lan > syn ws=8 sackok ts        | SYN_SENT unreplied
        wan < ack seq=145824453 ack=643160523 ts | ignored SYN_SENT
        lan > rst seq=643160523         | CLOSE
        lan > syn ws=8 sackok ts        | reopened SYN_SENT unreplied
        wan < synack ws=0 ts            | SYN_RECV
        lan > ack ts                    | ESTABLISHED assured
    """)


def test_late_synack_of_an_old_connection(trace: Trace) -> None:
    """It is INVALID, and the right one is let through although its number is lower."""
    trace.play("""
        lan > syn ws=8 sackok ts        | SYN_SENT
        wan < synack seq=145824453 ack=643160523 win=240 | ack-over-window SYN_SENT
        +1 lan > syn ws=8 sackok ts     | ignored SYN_SENT unreplied
        wan < synack seq=145758918 win=250 ws=0 | SYN_RECV
        lan > ack ack=145758919         | ESTABLISHED assured
        lan > data len=1 ack=145758919  | ESTABLISHED
    """)


def test_a_syn_that_reuses_an_open_connection_s_port(trace: Trace) -> None:
    """The server challenges, the client resets, and its next SYN begins anew."""
    trace.play("""
        lan > syn ws=7 ts
        wan < synack ws=8 ts
        lan > ack win=257
        lan > data len=100 win=257
        wan < ack
        +1 lan > syn seq=2000 ws=7 ts   | ignored ESTABLISHED
        wan < ack ack=101               | ESTABLISHED
        lan > rst seq=101               | CLOSE
        lan > syn seq=2000 ws=7 ts      | reopened SYN_SENT
        wan < synack seq=500000 ack=2001 ws=8 | SYN_RECV
    """)


def test_a_stall_after_lost_acks(trace: Trace) -> None:
    """The sender repeats a first segment, 67 kB past; it is passed, so that the answer can end the stall."""
    trace.play("lan > syn ws=8 \n wan < synack ws=0 \n lan > ack win=257")
    for _ in range(46):
        trace.play("lan > data len=1460 win=257 \n wan < ack")
    trace.play("lan > data seq=1 len=1460 win=257 | ignored \n wan < ack | ESTABLISHED")


# conversations


def test_a_connection_of_many_segments_and_losses(trace: Trace) -> None:
    trace.play("lan > syn ws=7 sackok ts \n wan < synack ws=7 sackok ts \n lan > ack ts")
    for number in range(40):
        first = 1 + number * 4200
        trace.play(f"""
            wan < data len=1400 ts
            wan < data len=1400 ts
            wan < data len=1400 ts
            lan > ack ack={first} sack={first + 1400}-{first + 4200} ts
            wan < data seq={first} len=1400 ts
            lan > ack ts                | ESTABLISHED 432000
        """)


def test_reordered_segments(trace: Trace) -> None:
    trace.play("""
        lan > syn
        wan < synack
        lan > ack
        lan > data seq=2001 len=1000
        lan > data seq=1 len=1000
        lan > data seq=1001 len=1000
        wan < ack ack=2001
        wan < ack ack=3001              | ESTABLISHED 432000
    """)


def test_a_fin_that_is_repeated(trace: Trace) -> None:
    trace.play("""
        lan > syn
        wan < synack
        lan > ack
        lan > fin                       | FIN_WAIT
        wan < ack                       | CLOSE_WAIT
        wan < fin                       | LAST_ACK
        wan < fin seq=1                 | LAST_ACK
        lan > ack                       | TIME_WAIT
        wan < fin seq=1                 | TIME_WAIT
        lan > ack                       | TIME_WAIT
    """)


def test_both_sides_close_at_once(trace: Trace) -> None:
    trace.play("""
        lan > syn
        wan < synack
        lan > ack
        lan > fin                       | FIN_WAIT
        wan < fin ack=1                 | LAST_ACK
        lan > ack                       | TIME_WAIT
        wan < ack                       | TIME_WAIT
    """)


def test_half_closed_and_still_sending(trace: Trace) -> None:
    trace.play("""
        lan > syn
        wan < synack
        lan > ack
        lan > fin                       | FIN_WAIT 120
        wan < ack                       | CLOSE_WAIT 60
        wan < data len=1000             | CLOSE_WAIT 60
        +50 wan < data len=1000         | CLOSE_WAIT 60
        lan > ack                       | CLOSE_WAIT 60
        wan < fin                       | LAST_ACK
    """)


def test_a_fin_with_the_handshake_s_last_ack(trace: Trace) -> None:
    trace.play("lan > syn \n wan < synack \n lan > fin | FIN_WAIT \n wan < fin | LAST_ACK")


def test_scans_learn_nothing(trace: Trace) -> None:
    """nmap's -sA (loose off), -sF, -sN, -sX and -sM begin no connection."""
    trace.trackers.configure({}, loose=False, liberal=False)
    trace.play("""
        lan > ack                       | none
        lan > fin                       | none
        lan > synack                    | none
        lan > rst                       | none
        lan > rstack                    | none
    """)
    assert trace.began == 0


def test_mid_stream_pickup_finds_the_window_again(trace: Trace) -> None:
    trace.play("""
        wan < data len=500              | ESTABLISHED 300 unreplied
        lan > ack                       | ESTABLISHED 300 replied
        wan < data len=500              | assured
        lan > ack                       | ESTABLISHED 432000
        wan < fin                       | FIN_WAIT 120
        lan > fin                       | LAST_ACK
        wan < ack                       | TIME_WAIT
    """)
    assert trace.opener() == "wan"


def test_a_connection_that_crosses_the_end_of_the_circle() -> None:
    trace = Trace(isns=(2**32 - 2, 2**32 - 1000))
    trace.play("lan > syn \n wan < synack \n lan > ack")
    for _ in range(100):
        trace.play("lan > data len=30000 \n wan < ack \n wan < data len=30000 \n lan > ack | ESTABLISHED 432000")
    trace.play("lan > fin \n wan < fin \n lan > ack | TIME_WAIT")
