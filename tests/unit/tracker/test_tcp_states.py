"""What is kept of a connection: that it fits, and that nothing of it is lost in 32 bits."""

from __future__ import annotations

import sys

import pytest

from conntrack.tracker.tcp import machine
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.sequence import MASK
from conntrack.tracker.tcp.window import LIBERAL, SACK, SCALES, Window
from tests.traces import Trace

COMPILED = not machine.__file__.endswith(".py")


@pytest.mark.skipif(not COMPILED, reason="plain Python objects are larger")
def test_compiled_sizes() -> None:
    assert sys.getsizeof(Window()) == 48
    assert sys.getsizeof(Memory()) == 48


@pytest.mark.parametrize("isns", [(0, 2**32 - 1), (2**31, 2**31 - 1), (2**32 - 1, 0)])
def test_numbers_survive_at_both_ends_of_the_circle(isns: tuple[int, int]) -> None:
    trace = Trace(isns=isns)
    trace.play("lan > syn \n wan < synack \n lan > ack")
    assert trace.connection is not None
    for direction, side in ((trace.connection.original, "lan"), (trace.connection.reply, "wan")):
        window = direction.state
        assert isinstance(window, Window)
        assert window.end & MASK == (trace.sides[side].isn + 1) & MASK
        assert window.maxend & MASK == (trace.sides[side].isn + 1 + 65535) & MASK


def test_a_forgotten_window_stays_liberal() -> None:
    window = Window()
    window.end = window.maxend = window.maxwin = window.maxack = 5
    window.scale = 7
    window.flags = LIBERAL | SACK | SCALES
    window.forget()
    assert (window.end, window.maxend, window.maxwin, window.maxack, window.scale) == (0, 0, 0, 0, 0)
    assert window.flags == LIBERAL


def test_the_largest_window_of_all() -> None:
    trace = Trace()
    trace.play("lan > syn ws=14 \n wan < synack ws=14 \n lan > ack \n wan < ack | ESTABLISHED")
    assert trace.connection is not None
    window = trace.connection.original.state
    assert isinstance(window, Window)
    assert window.maxwin & MASK == 65535 << 14


def test_directions_do_not_share_a_window() -> None:
    trace = Trace()
    trace.play("lan > syn")
    assert trace.connection is not None
    assert trace.connection.original.state is not trace.connection.reply.state
