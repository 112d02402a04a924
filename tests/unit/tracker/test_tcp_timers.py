"""How long a TCP connection is kept: each state's timeout, the shorter ones that come before it, and who refreshes."""

from __future__ import annotations

import pytest

from conntrack.tracker.tcp.machine import TcpTracker
from conntrack.tracker.tcp.timers import DEFAULTS
from tests.traces import Trace

OPEN = """
    lan > syn                       | SYN_SENT 120
    wan < synack                    | SYN_RECV 60
    lan > ack                       | ESTABLISHED 432000
    wan < ack                       | ESTABLISHED 432000
"""


@pytest.fixture
def trace() -> Trace:
    return Trace()


def test_each_state_has_its_timeout(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        lan > fin                       | FIN_WAIT 120
        wan < ack                       | CLOSE_WAIT 60
        wan < fin                       | LAST_ACK 30
        lan > ack                       | TIME_WAIT 120
        lan > rst                       | CLOSE 10
    """
    )


def test_simultaneous_open_has_its_timeout(trace: Trace) -> None:
    trace.play("lan > syn \n wan < syn | ignored \n lan > syn | SYN_SENT2 120")


@pytest.mark.parametrize("name", [name for name in DEFAULTS if name not in ("syn_sent2", "picked_up", "zero_window")])
def test_every_timeout_can_be_set(name: str) -> None:
    tracker = TcpTracker()
    tracker.set_timeouts({name: 7.5})
    assert tracker.timeouts() == {**DEFAULTS, name: 7.5}
    scripts = {
        "syn_sent": "lan > syn | 7.5",
        "syn_recv": "lan > syn \n wan < synack | 7.5",
        "established": OPEN.replace("432000", "7.5"),
        "fin_wait": OPEN + "lan > fin | 7.5",
        "close_wait": OPEN + "lan > fin \n wan < ack | 7.5",
        "last_ack": OPEN + "lan > fin \n wan < fin | 7.5",
        "time_wait": OPEN + "lan > fin \n wan < fin \n lan > ack | 7.5",
        "close": OPEN + "lan > rst | 7.5",
        "retransmitted": OPEN + "wan < ack \n wan < ack \n wan < ack | 7.5",
        "unacknowledged": OPEN + "lan > data | 7.5",
    }
    Trace(tracker).play(scripts[name])


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("syn_sent2", "lan > syn \n wan < syn | ignored \n lan > syn | 7.5"),
        ("picked_up", "lan > ack | 7.5 \n lan > data | 7.5"),
        ("zero_window", OPEN + "wan < ack win=0 | 7.5"),
    ],
)
def test_every_special_timeout_can_be_set(name: str, script: str) -> None:
    tracker = TcpTracker()
    tracker.set_timeouts({name: 7.5})
    Trace(tracker).play(script)


def test_an_unknown_timeout_is_an_error_and_changes_nothing() -> None:
    tracker = TcpTracker()
    with pytest.raises(KeyError, match="syn_snet"):
        tracker.set_timeouts({"close": 1.0, "syn_snet": 2.0})
    assert tracker.timeouts() == DEFAULTS


def test_a_new_timeout_holds_from_the_next_packet_on() -> None:
    tracker = TcpTracker()
    trace = Trace(tracker)
    trace.play(OPEN)
    tracker.set_timeouts({"established": 1000.0})
    trace.play("+1 wan < syn | out-of-state 431999 \n lan > ack | 1000")


# who refreshes


def test_an_unanswered_syn_does_not_refresh(trace: Trace) -> None:
    trace.play(
        "lan > syn | 120 \n +30 lan > syn | ignored 90 \n +60 lan > syn | ignored 30 \n +31 lan > ack | ESTABLISHED"
    )
    assert trace.began == 2


def test_an_answered_syn_does(trace: Trace) -> None:
    trace.play("lan > syn | 120 \n +30 wan < ack seq=5 ack=6 | ignored 90 replied \n lan > syn | SYN_SENT 120")


def test_neither_ignored_nor_invalid_packets_refresh(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        +5 lan > syn                    | ignored 431995
        +5 wan < synack ack=5           | ignored 431990
        +5 wan < syn                    | out-of-state 431985
        +5 wan < data seq=9000000       | seq-over-window 431980
        +5 lan > ack                    | 432000
    """
    )


# retransmissions


def test_three_repeated_acks_shorten_the_wait(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        wan < ack                       | 432000
        wan < ack                       | 432000
        wan < ack                       | 300
        +10 wan < ack                   | 300
        lan > ack                       | 432000
    """
    )


@pytest.mark.parametrize("other", ["win=100", "seq=0", "ack=0"])
def test_another_ack_is_no_retransmission(trace: Trace, other: str) -> None:
    trace.play(OPEN + f"wan < ack \n wan < ack \n wan < ack {other} | 432000 \n wan < ack | 432000")


def test_retransmissions_outrank_a_reset(trace: Trace) -> None:
    # as in the kernel: an inexact RST after three of them waits as long as they do
    trace.play(OPEN + "wan < ack \n wan < ack \n wan < ack | 300 \n wan < rst seq=5 | ESTABLISHED 300")


def test_they_are_counted_no_further_than_a_byte_goes(trace: Trace) -> None:
    trace.play(OPEN)
    for _ in range(600):
        trace.play("wan < ack")
    trace.play("wan < ack | 300")


# data in flight, closed windows


def test_unacknowledged_data(trace: Trace) -> None:
    trace.play(OPEN + "wan < data | 300 \n +200 wan < data | 300 \n lan > ack | 432000")


def test_a_closed_window(trace: Trace) -> None:
    trace.play(OPEN + "lan > data | 300 \n wan < ack win=0 | 300 \n +60 wan < ack win=1000 | 432000")


def test_the_special_timeouts_only_lower(trace: Trace) -> None:
    trace.play(OPEN + "lan > data \n lan > fin | FIN_WAIT 120 \n wan < ack win=0 | CLOSE_WAIT 60")


# two refused packets that hint at an ending


def test_two_refused_fins_of_both_sides_shorten_the_wait(trace: Trace) -> None:
    trace.play(
        OPEN
        + """
        wan < fin seq=800000            | seq-over-window 432000
        +9 lan > rst seq=800000         | seq-over-window 300
        +9 wan < fin seq=800000         | seq-over-window 291
        lan > ack                       | ESTABLISHED 432000
    """
    )


def test_refused_fins_of_one_side_do_not(trace: Trace) -> None:
    trace.play(OPEN + "wan < fin seq=800000 | seq-over-window \n +1 wan < fin seq=800000 | seq-over-window 431999")


def test_other_refused_packets_do_not(trace: Trace) -> None:
    trace.play(OPEN + "wan < data seq=800000 | seq-over-window \n +1 lan > data seq=800000 | seq-over-window 431999")


def test_packets_refused_by_the_table_do_not(trace: Trace) -> None:
    trace.play(OPEN + "wan < syn | out-of-state \n +1 lan > synack | out-of-state 431999")


def test_what_is_not_assured_is_left_alone(trace: Trace) -> None:
    trace.play(
        "lan > syn \n wan < synack | 60"
        "\n wan < fin seq=800000 | seq-over-window 60 \n +1 lan > fin seq=800000 | seq-over-window 59"
    )


def test_the_wait_is_only_ever_shortened() -> None:
    tracker = TcpTracker()
    tracker.set_timeouts({"established": 200.0, "unacknowledged": 150.0})
    trace = Trace(tracker)
    trace.play("lan > syn \n wan < synack \n lan > ack | 200")
    trace.play("wan < fin seq=800000 | seq-over-window \n +100 lan > fin seq=800000 | seq-over-window 100")


def test_the_nominal_timeout_is_what_was_last_set(trace: Trace) -> None:
    trace.play(OPEN + "+100 lan > syn | ignored 431900")
    assert trace.connection is not None
    assert trace.connection.nominal == 432000
