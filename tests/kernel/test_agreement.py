"""A short run of the comparison with the kernel: `make compare-kernel` is the long one. Needs root."""

from __future__ import annotations

import random

from tests.kernel.__main__ import Tally, run
from tests.kernel.oracle import oracle
from tests.kernel.through import Crossing
from tests.kernel.translations import COMMANDS, kernel_rules


def test_whole_engine_agrees_with_the_kernel_packet_by_packet() -> None:
    with oracle(kernel_rules(), COMMANDS) as kernel:
        crossing = Crossing(kernel)
        tally = Tally(crossing, show=3)
        run(tally, crossing, random.Random(1), 3000)
    figures = tally.figures()
    assert figures["disagreed"] == 0, figures
    assert figures["packets"] == figures["agreed"] + figures["listed"] >= 3000
    assert figures["listed"] < figures["packets"] / 100
