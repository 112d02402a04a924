"""The windows: each condition at its edge, scaling, SACK, and what an accepted packet changes."""

from __future__ import annotations

import pytest

from conntrack.tracker.tcp.machine import TcpTracker
from conntrack.tracker.tcp.sequence import MASK
from conntrack.tracker.tcp.window import LIBERAL, SACK, SCALES, UNACKNOWLEDGED, Window
from tests.traces import Trace

OPEN = """
    lan > syn
    wan < synack
    lan > ack                       | ESTABLISHED 432000
    wan < ack                       | ESTABLISHED 432000
"""
#: places of the initial sequence numbers: plain, and such that windows lie across the end of the circle
ISNS = [(7000, 90000), (2**32 - 3, 2**32 - 40000), (2**31 - 2, 2**31 - 50)]


@pytest.fixture(params=ISNS, ids=["plain", "wraps", "half"])
def trace(request: pytest.FixtureRequest) -> Trace:
    return Trace(isns=request.param)


def window(trace: Trace, side: str) -> Window:
    assert trace.connection is not None
    direction = trace.connection.original if side == trace.opener() else trace.connection.reply
    assert isinstance(direction.state, Window)
    return direction.state


def relative(trace: Trace, side: str, value: int) -> int:
    return (value - trace.sides[side].isn) & MASK


# I: not past the right edge


@pytest.mark.parametrize(
    ("seq", "length", "outcome"),
    [
        (1001, 1, "ESTABLISHED 300"),  # begins at the edge, which the ACK of 1 with 1000 bytes put there
        (1002, 1, "ignored"),  # begins behind it; within another window of it, the receiver may take it all the same
        (1002, 998, "ignored"),
        (1002, 999, "seq-over-window"),  # reaches further behind it than the receiver's largest window
        (2001, 1, "seq-over-window"),
        (2**31, 1, "seq-over-window"),
    ],
)
def test_right_edge(trace: Trace, seq: int, length: int, outcome: str) -> None:
    trace.play("lan > syn \n wan < synack win=1000 \n lan > ack \n wan < ack win=1000")
    trace.play(f"lan > data seq={seq} len={length} | {outcome}")


def test_what_was_sent_beyond_the_window_may_be_acknowledged(trace: Trace) -> None:
    trace.play(OPEN + "lan > data seq=65540 len=100 | ignored \n wan < ack ack=65640 | ESTABLISHED 432000")


@pytest.mark.parametrize("unusual", ["ack=2", "ack=-66001"])  # of what was never sent; of what is long past
def test_beyond_the_window_everything_else_must_be_right(trace: Trace, unusual: str) -> None:
    trace.play(OPEN + f"lan > data seq=65540 len=1 {unusual} | seq-over-window")


# II: not before the left edge


@pytest.mark.parametrize(("seq", "outcome"), [(20001 - 4000, "ESTABLISHED"), (20000 - 4000, "ignored")])
def test_left_edge(trace: Trace, seq: int, outcome: str) -> None:
    trace.play(f"""
        lan > syn
        wan < synack win=4000
        lan > ack
        lan > data len=4000
        wan < ack win=4000
        lan > data len=4000
        wan < ack win=4000
        lan > data len=4000
        wan < ack win=4000
        lan > data len=4000
        wan < ack win=4000
        lan > data len=4000
        wan < ack win=4000              | 432000
        lan > ack seq={seq}             | {outcome} 432000
    """)


def test_data_repeated_after_a_lost_ack_is_passed(trace: Trace) -> None:
    trace.play(OPEN + "lan > data len=1000 \n wan < ack \n lan > data seq=1 len=1000 | ESTABLISHED 432000 \n wan < ack")


# III: no acknowledgement of what was not sent


@pytest.mark.parametrize(
    ("ack", "outcome"), [(101, "ESTABLISHED"), (102, "ack-over-window"), (2**31 - 1, "ack-over-window")]
)
def test_highest_acknowledgement(trace: Trace, ack: int, outcome: str) -> None:
    trace.play(OPEN + f"lan > data len=100 \n wan < ack ack={ack} | {outcome}")


# IV: no acknowledgement long past


@pytest.mark.parametrize(("past", "outcome"), [(66000, "ESTABLISHED"), (66001, "ignored")])
def test_lowest_acknowledgement(trace: Trace, past: int, outcome: str) -> None:
    trace.play(OPEN)
    for _ in range(3):
        trace.play("lan > data len=30000 \n wan < ack")
    trace.play(f"wan < data ack={90001 - past} | {outcome}")


def test_a_large_window_makes_older_acknowledgements_good(trace: Trace) -> None:
    trace.play("lan > syn ws=2 \n wan < synack ws=2 \n lan > ack \n wan < ack win=30000")
    for _ in range(4):
        trace.play("lan > data len=30000 \n wan < ack win=30000")
    trace.play("wan < data ack=1 win=30000 | ESTABLISHED")  # 120000 back, the largest window being 30000 << 2


def test_an_old_packet_changes_nothing(trace: Trace) -> None:
    trace.play(OPEN)
    for _ in range(3):
        trace.play("lan > data len=30000 \n wan < ack")
    before = (window(trace, "wan").end, window(trace, "lan").maxend)
    trace.play("+5 wan < data ack=0 len=10 | ignored 431995")
    assert before == (window(trace, "wan").end, window(trace, "lan").maxend)


# scale


@pytest.mark.parametrize(
    ("lan", "wan", "shifts"),
    [
        ("ws=7", "ws=2", (7, 2)),
        ("ws=7", "", (0, 0)),
        ("", "ws=7", (0, 0)),
        ("ws=15", "ws=255", (14, 14)),
        ("ws=0", "ws=3", (0, 3)),
        ("bare", "ws=3", (0, 0)),
    ],
)
def test_scale_is_used_if_both_offer_it(trace: Trace, lan: str, wan: str, shifts: tuple[int, int]) -> None:
    trace.play(f"lan > syn {lan} \n wan < synack {wan}")
    assert (window(trace, "lan").scale, window(trace, "wan").scale) == shifts


def test_windows_of_syns_are_not_scaled(trace: Trace) -> None:
    trace.play("lan > syn ws=7 win=1000 \n wan < synack ws=7 win=500")
    assert (window(trace, "lan").maxwin, window(trace, "wan").maxwin) == (1000, 500)
    assert relative(trace, "lan", window(trace, "lan").maxend) == 1 + 500
    trace.play("lan > ack win=1000")
    assert window(trace, "lan").maxwin == 1000 << 7


# SACK


def test_a_block_moves_the_right_edge_and_not_the_acknowledgement(trace: Trace) -> None:
    trace.play(
        "lan > syn sackok \n wan < synack sackok win=1000 \n lan > ack \n lan > data len=500 \n lan > data len=500"
    )
    trace.play("wan < ack ack=1 win=100 sack=501-1001")
    assert relative(trace, "lan", window(trace, "lan").maxend) == 1001 + 100
    assert relative(trace, "lan", window(trace, "wan").maxack) == 1
    assert window(trace, "lan").flags & UNACKNOWLEDGED


def test_a_block_past_what_was_sent_is_invalid(trace: Trace) -> None:
    trace.play("lan > syn sackok \n wan < synack sackok \n lan > ack \n lan > data len=1000")
    trace.play("wan < ack ack=1 sack=1-1002 | ack-over-window \n wan < ack ack=1 sack=1-1001 | ESTABLISHED")


def test_blocks_count_only_if_the_receiver_permitted_them(trace: Trace) -> None:
    trace.play("lan > syn \n wan < synack sackok \n lan > ack \n lan > data len=1000")
    trace.play("wan < ack ack=1 sack=1-9999 | ESTABLISHED")


def test_a_block_widens_the_window_that_its_packet_advertises(trace: Trace) -> None:
    trace.play("lan > syn sackok \n wan < synack sackok win=100 \n lan > ack \n lan > data len=100")
    trace.play("wan < ack ack=1 win=100 sack=51-101")
    assert window(trace, "wan").maxwin == 100 + 100
    assert relative(trace, "lan", window(trace, "lan").maxend) == 201


# what an accepted packet changes


def test_edges_after_the_handshake(trace: Trace) -> None:
    trace.play("lan > syn win=1000 \n wan < synack win=2000 \n lan > ack win=3000")
    lan, wan = window(trace, "lan"), window(trace, "wan")
    assert relative(trace, "lan", lan.end) == 1
    assert relative(trace, "lan", lan.maxend) == 1 + 2000
    assert relative(trace, "wan", wan.end) == 1
    assert relative(trace, "wan", wan.maxend) == 1 + 3000
    assert relative(trace, "wan", lan.maxack) == 1
    assert (lan.maxwin, wan.maxwin) == (3000, 2000)


def test_a_closed_window_still_admits_one_number(trace: Trace) -> None:
    trace.play("lan > syn \n wan < synack win=0 \n lan > ack")
    assert window(trace, "wan").maxwin == 1
    assert relative(trace, "lan", window(trace, "lan").maxend) == 1 + 1
    trace.play("lan > data len=1 | ESTABLISHED \n lan > data len=1 | ESTABLISHED \n lan > data len=1 | seq-over-window")


def test_a_receiver_that_takes_more_than_it_said_is_believed(trace: Trace) -> None:
    trace.play("lan > syn \n wan < synack win=100 \n lan > ack \n lan > data len=150")
    assert window(trace, "wan").maxwin == 100 + 50


def test_data_is_unacknowledged_until_its_last_byte_is_acknowledged(trace: Trace) -> None:
    trace.play(OPEN + "lan > data len=100 \n lan > data len=100")
    assert window(trace, "lan").flags & UNACKNOWLEDGED
    trace.play("wan < ack ack=101 | 300")
    assert window(trace, "lan").flags & UNACKNOWLEDGED
    trace.play("wan < ack ack=201 | 432000")
    assert not window(trace, "lan").flags & UNACKNOWLEDGED


def test_the_highest_acknowledgement_never_falls(trace: Trace) -> None:
    trace.play(OPEN + "wan < data len=500 \n lan > ack \n lan > ack ack=101")
    assert relative(trace, "wan", window(trace, "lan").maxack) == 501


# how a side begins


def test_what_a_syn_offers(trace: Trace) -> None:
    trace.play("lan > syn ws=3 sackok \n wan < synack")
    assert window(trace, "lan").flags & (SCALES | SACK) == SCALES | SACK
    assert window(trace, "wan").flags & (SCALES | SACK) == 0


def test_a_later_syn_with_a_higher_number_replaces_the_first(trace: Trace) -> None:
    trace.play("""
        lan > syn ws=7 win=1000
        lan > syn seq=50000 win=2000    | ignored SYN_SENT 120
        wan < synack ack=50001 ws=2     | SYN_RECV
    """)
    assert (window(trace, "lan").scale, window(trace, "wan").scale) == (0, 0)
    assert window(trace, "lan").maxwin == 2000


def test_a_synack_of_an_old_incarnation_does_not_stand_in_the_way_of_the_right_one(trace: Trace) -> None:
    trace.play("""
        lan > syn                       | SYN_SENT
        wan < synack seq=70000 ack=9999 | ack-over-window SYN_SENT 120 unreplied
        wan < synack seq=900000 ack=1   | SYN_RECV
    """)


def test_a_syn_with_data(trace: Trace) -> None:
    trace.play("lan > syn len=50 \n wan < synack ack=51 | SYN_RECV \n lan > ack seq=51 | ESTABLISHED")


def test_a_keepalive_before_the_first_answer(trace: Trace) -> None:
    trace.play("lan > ack seq=99 | ESTABLISHED \n wan < ack ack=100 | ESTABLISHED 300")
    assert relative(trace, "lan", window(trace, "lan").end) == 100


def test_options_that_cannot_be_read_are_as_if_absent(trace: Trace) -> None:
    raw = bytearray(trace.packet("lan", "syn", ["ws=7"]))
    raw[-3] = 99  # the window scale option says that it is 99 bytes long
    assert trace.send(bytes(raw)) == "accepted"
    assert (window(trace, "lan").scale, window(trace, "lan").flags) == (0, 0)


def test_blocks_that_cannot_be_read_do_not_count(trace: Trace) -> None:
    trace.play("lan > syn sackok \n wan < synack sackok \n lan > ack \n lan > data")
    raw = bytearray(trace.packet("wan", "ack", ["ack=1", "sack=1-9999"]))
    raw[43] = 11  # no whole number of blocks
    assert trace.send(bytes(raw)) == "accepted"


# liberal


def test_liberal_passes_what_is_outside_the_window() -> None:
    trace = Trace(TcpTracker(liberal=True))
    trace.play(OPEN + "lan > data seq=900000 | ESTABLISHED 432000 \n wan < ack ack=900000 | ESTABLISHED 432000")
    assert relative(trace, "lan", window(trace, "lan").end) == 1


def test_liberal_does_not_touch_the_table() -> None:
    trace = Trace(TcpTracker(liberal=True))
    trace.play(OPEN + "wan < syn | out-of-state ESTABLISHED \n wan < rst seq=0 | rst-before-ack")


def test_a_picked_up_connection_is_not_held_to_its_window(trace: Trace) -> None:
    trace.play("lan > ack \n wan < ack \n lan > data seq=5000000 | ESTABLISHED")
    assert window(trace, "lan").flags & window(trace, "wan").flags & LIBERAL


def test_a_syn_of_a_new_connection_is_held_to_it_again(trace: Trace) -> None:
    trace.play("lan > ack \n wan < ack \n lan > syn seq=100000 | ignored \n wan < synack | SYN_RECV \n lan > ack")
    assert not window(trace, "lan").flags & LIBERAL


def test_a_block_half_the_circle_ahead_counts_as_ahead() -> None:
    """As in the kernel, where it makes the difference between an ignored and an accepted packet."""
    trace = Trace(isns=(2**31 + 7, 90000))
    trace.play("lan > syn sackok \n wan < synack sackok \n lan > ack")
    trace.play("wan < ack ack=@8 sack=@2147483650-@2147483656 | ESTABLISHED")
