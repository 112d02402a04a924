"""The same packets through the kernel's nf_conntrack and through our trackers, compared after every packet.

    python -m tests.kernel.compare --sequences 1000 --seed 7

Lives here: playing a sequence on both sides, what is compared, and making a disagreement small. May not live here: how
sequences are made (generate.py), or the list of differences that are meant (deliberate.py).
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass, replace

from conntrack.flow.connection import ASSURED, SEEN_REPLY, Connection
from conntrack.flow.pair import prefixes
from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from conntrack.tracker.sctp.tags import Tags
from conntrack.tracker.tcp.window import Window
from tests.kernel.conntrack_netlink import STATES
from tests.kernel.deliberate import deliberate
from tests.kernel.generate import sequence
from tests.kernel.generate_others import association, exchange
from tests.kernel.oracle import Oracle, oracle
from tests.traces import Trace

#: judgements with which a packet passes; every other one is INVALID
PASSED = {"accepted", "ignored", "reopened", "finished"}
FIRST_PORT, LAST_PORT = 1024, 65000
#: what `--protocol` may say → what makes (lines, IP version) of one connection
GENERATORS = {"tcp": sequence, "sctp": association, "others": exchange}


@dataclass(frozen=True)
class Outcome:
    """What one side made of a packet. Timeouts in whole seconds; of no connection all but `packet` is empty."""

    packet: str  # ct state
    state: int = -1
    timeout: int = -1
    replied: bool = False
    assured: bool = False
    inner: tuple[int, int] = (0, 0)  # TCP: the windows' flags; SCTP: the verification tags
    packets: tuple[int, int] = (0, 0)
    octets: tuple[int, int] = (0, 0)

    def agrees(self, other: Outcome) -> bool:
        """Whether both are the same but for a second on the timer."""
        return abs(self.timeout - other.timeout) <= 1 and self == replace(other, timeout=self.timeout)


class Comparison:
    """Plays sequences on both sides, each under ports of its own."""

    def __init__(self, kernel: Oracle, liberal: bool = False) -> None:
        self._kernel = kernel
        self._liberal = liberal
        self._port = FIRST_PORT
        self.packets = 0
        self.listed = 0

    def play(self, lines: list[str], version: int = 4) -> tuple[int, Outcome, Outcome] | None:
        """The first disagreement: (line number, the kernel's outcome, ours); None if there is none."""
        trace = Trace(version=version)
        trace.trackers.configure({}, loose=True, liberal=self._liberal)
        self._port = self._port + 1 if self._port < LAST_PORT else FIRST_PORT
        trace.sides["lan"].port = self._port
        for place, line in enumerate(lines):
            name, _, kind, *details = line.split()
            raw = trace.packet(name, kind, details)
            if not place:
                self._kernel.forget(key_of(raw))  # protocols without ports use one key over and over
            self.packets += 1
            theirs, ours = self._theirs(name, raw, trace), self._ours(raw, trace)
            if not theirs.agrees(ours):
                listed = deliberate(decoded(raw), theirs.packet, ours.packet)
                self.listed += bool(listed)
                return None if listed else (place, theirs, ours)
        return None

    def _theirs(self, name: str, raw: bytes, trace: Trace) -> Outcome:
        state = self._kernel.send(name, raw)
        entry = self._kernel.entry(key_of(raw))
        if entry is None:
            return Outcome(state)
        return Outcome(state, entry.state, entry.timeout, entry.replied, entry.assured, entry.inner, entry.packets)

    def _ours(self, raw: bytes, trace: Trace) -> Outcome:
        trace.now = time.monotonic()
        key = key_of(raw)
        before = trace.connection
        known = before is not None and (key == before.reply.key or before.status & SEEN_REPLY)
        judgement = trace.send(raw)
        state = ("established" if known else "new") if judgement in PASSED else "invalid"
        if judgement == "reopened":
            state = "new"
        connection = trace.connection
        if connection is None:
            return Outcome(state)
        original, reply = connection.original, connection.reply
        return Outcome(
            state,
            connection.state if connection.protocol in STATES else -1,
            int(connection.deadline - trace.now),
            bool(connection.status & SEEN_REPLY),
            bool(connection.status & ASSURED),
            inner_of(connection),
            (original.packets, reply.packets),
        )

    def smallest(self, lines: list[str], version: int) -> list[str]:
        """The sequence without every packet that the disagreement does not need."""
        found = self.play(lines, version)
        assert found is not None
        lines = lines[: found[0] + 1]
        place = 0
        while place < len(lines):
            fewer = lines[:place] + lines[place + 1 :]
            found = self.play(fewer, version)
            if found is None:
                place += 1
            else:
                lines = fewer[: found[0] + 1]
        return lines


def inner_of(connection: Connection) -> tuple[int, int]:
    """What Outcome.inner says of one of our connections."""
    original, reply, tags = connection.original.state, connection.reply.state, connection.tracking
    if isinstance(original, Window) and isinstance(reply, Window):
        return int(original.flags), int(reply.flags)
    return (int(tags.of(True)), int(tags.of(False))) if isinstance(tags, Tags) else (0, 0)


def decoded(raw: bytes) -> Packet:
    """A packet of its own for these bytes."""
    packet = Packet()
    parse(raw, packet, verify=False)
    return packet


def key_of(raw: bytes) -> bytes:
    """The key (flow/pair.py) of a packet."""
    packet = decoded(raw)
    return prefixes(0)[packet.protocol] + packet.pair


def main() -> None:
    """Compares generated sequences, and prints every disagreement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--protocol", choices=GENERATORS, default="tcp")
    parser.add_argument("--liberal", action="store_true", help="compare with liberal window checking")
    parser.add_argument("--show", type=int, default=5, help="disagreements to print in full")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with oracle() as kernel:
        kernel.set("nf_conntrack_tcp_be_liberal", int(given.liberal))
        comparison = Comparison(kernel, liberal=given.liberal)
        disagreed = 0
        for _ in range(given.sequences):
            lines, version = GENERATORS[given.protocol](chance)
            if comparison.play(lines, version) is None:
                continue
            disagreed += 1
            if disagreed <= given.show:
                report(comparison, lines, version)
        print(
            f"{given.sequences} sequences, {comparison.packets} packets: "
            f"{disagreed} disagree, {comparison.listed} differ as listed in deliberate.py"
        )
        raise SystemExit(disagreed > 0)


def report(comparison: Comparison, lines: list[str], version: int) -> None:
    """Prints a disagreement, made small."""
    lines = comparison.smallest(lines, version)
    found = comparison.play(lines, version)
    print(f"IPv{version}:", *lines, sep="\n  ")
    if found is not None:
        print(f"  kernel {found[1]}\n  ours   {found[2]}")


if __name__ == "__main__":
    main()
