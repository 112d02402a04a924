"""The fast path on a bench: its program judges frames that no interface ever saw (BPF_PROG_TEST_RUN).

Needs root and clang; `bench` skips the test, and says why, where one is missing.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import struct
import tempfile
from pathlib import Path

import pytest

from conntrack.flow.connection import ASSURED, SEEN_REPLY, Connection
from conntrack.flow.pair import invert
from conntrack.gateway.fastpath import build, layout, punts
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.layout import Flow
from conntrack.gateway.fastpath.loader import Loaded, load
from conntrack.gateway.fastpath.maps import FlowMaps, Offer
from conntrack.packet.checksum import adjust, delta
from conntrack.packet.header import TCP
from conntrack.tracker.tcp import table
from conntrack.tracker.tcp.memory import Memory
from conntrack.tracker.tcp.window import LIBERAL, Window

#: the loopback interface, which every frame on the bench comes in by
INTERFACE = 1
CAPACITY = 64
REDIRECT = 7  # TC_ACT_REDIRECT
PASS = -1  # TC_ACT_UNSPEC
XDP_PASS, XDP_REDIRECT = 2, 4
LINK = 1
#: hardware addresses: ours (of frames on the bench, and of what is sent on), and every next hop's
OURS, NEXT = bytes(6), bytes((2, 0, 0, 0, 0, 9))

_CONTEXT = struct.Struct("=8xI28xI120xI8xI12x")  # struct __sk_buff: mark, ifindex, gso_segs, gso_size


@functools.cache
def why_not() -> str:
    """What is missing here; "" if nothing."""
    if os.geteuid():
        return "the fast path is loaded by root only"
    return f"the fast path is compiled by {build.missing()}" if build.missing() else ""


@functools.cache
def built() -> Path:
    """The compiled object; one for the whole test process."""
    folder = tempfile.mkdtemp(prefix="pairwall-test-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    output = Path(folder) / "pairwall.bpf.o"
    build.build(output)
    return output


@functools.cache
def _loaded() -> Loaded | str:
    try:
        return load(built(), CAPACITY, xdp=True)
    except FastPathError as error:
        return str(error)


def bench() -> Bench:
    """An empty bench; all share one load of the program."""
    loaded = why_not() or _loaded()
    if isinstance(loaded, str):
        pytest.skip(loaded)
    return Bench(loaded)


class Sent:
    """What became of a frame."""

    def __init__(self, punt: str, raw: bytes, mark: int) -> None:
        self.punt = punt  # "forwarded", or why not; at the driver "left" for that
        self.raw = raw  # the IP packet afterwards
        self.mark = mark


class Bench:
    """One load of the program, empty at first."""

    def __init__(self, loaded: Loaded) -> None:
        self.tc = loaded.tc
        self.maps: FlowMaps = loaded.maps
        self._driver = loaded.xdp
        for batch in list(self.maps.entries()):
            for key, flow in batch:
                self.maps.recall(key, invert(bytes((key[0], key[1])) + flow.pair))
        self.maps.set_generation(1)
        self._counts = self.maps.punts()

    def send(
        self,
        raw: bytes,
        mark: int = 0,
        segment: int = 0,
        segments: int = 0,
        interface: int = INTERFACE,
        version: int = 0,
        to: bytes = OURS,
    ) -> Sent:
        """Gives an IP packet to the program, as if it had come in from that interface, addressed to us.

        segment, segments: of a GSO packet. version: that the link header says, if not the packet's own. to: the
        interface's hardware address.
        """
        kind = b"\x86\xdd" if (version or raw[0] >> 4) == 6 else b"\x08\x00"
        run = self.tc.run(to + bytes(6) + kind + raw, _CONTEXT.pack(mark, interface, segments, segment))
        counts = self.maps.punts()
        risen = [punt for punt in punts.PUNTS if counts[punt] != self._counts[punt]]
        self._counts = counts
        assert len(risen) == 1, f"one frame, {len(risen)} counters"
        assert run.action == (REDIRECT if risen[0] == punts.FORWARDED else PASS)
        return Sent(punts.name(risen[0]), run.data[14:], _CONTEXT.unpack(run.context)[0])

    def passes(self, raw: bytes, segment: int, segments: int) -> bool:
        """The same for very many packets: whether it was sent on is all that is asked."""
        kind = b"\x86\xdd" if raw[0] >> 4 == 6 else b"\x08\x00"
        run = self.tc.run(OURS + bytes(6) + kind + raw, _CONTEXT.pack(0, INTERFACE, segments, segment))
        self._counts[punts.FORWARDED] += run.action == REDIRECT
        return run.action == REDIRECT

    def drive(self, raw: bytes, version: int = 0) -> Sent:
        """The same at the driver, with XDP; marks and GSO packets are not there yet."""
        assert self._driver is not None
        kind = b"\x86\xdd" if (version or raw[0] >> 4) == 6 else b"\x08\x00"
        self.maps.set_link(LINK, NEXT, OURS, OURS)
        run = self._driver.run(OURS + bytes(6) + kind + raw)
        self._counts = self.maps.punts()
        if run.action == XDP_REDIRECT:
            assert run.data[:14] == NEXT + OURS + kind
            return Sent("forwarded", run.data[14:], 0)
        assert run.action == XDP_PASS
        assert run.data[:14] == OURS + bytes(6) + kind
        return Sent("left", run.data[14:], 0)

    def offer(self, key: bytes, leaves: bytes, state: bytes = b"", **fields: int) -> Offer:
        """A connection whose packets come with `key` and leave with the pair `leaves`; fields of both entries."""
        size = 4 if len(key) == 14 else 16
        shared = {"inbound": INTERFACE, "outbound": INTERFACE, "mtu": 65535, "generation": 1, "owner": 1}
        shared |= {"link": LINK, **fields}
        original = Flow(pair=leaves, next_hop=leaves[size : 2 * size], **shared)
        back = invert(key)[2:]
        reply = Flow(pair=back, next_hop=back[size : 2 * size], **{**shared, "flags": fields.get("flags", 0) | 1})
        return Offer(key, original, invert(key[:2] + leaves), reply, state)

    def insert(self, key: bytes, leaves: bytes, state: bytes = b"", **fields: int) -> Offer:
        """Makes an offer and accepts it."""
        offer = self.offer(key, leaves, state, **fields)
        self.maps.insert(offer)
        return offer


def established(key: bytes, reply: bytes, now: float = 0.0) -> Connection:
    """A TCP connection as it is offered, with windows that have seen one byte of each side."""
    connection = Connection(1, key, reply, now)
    connection.state = table.ESTABLISHED
    connection.status = SEEN_REPLY | ASSURED
    connection.deadline = now + 432000.0
    for direction in (connection.original, connection.reply):
        window = Window()
        window.end, window.maxend, window.maxwin = 1, 65536, 65535
        direction.state = window
    connection.tracking = Memory()
    return connection


def liberal(owner: int = 1) -> bytes:
    """A TCP state that lets everything pass that keeps the connection established."""
    numbers = (1, 1, 1, 1) * 2 + (0, 0, LIBERAL, LIBERAL) + (0,) * 8
    return layout.TCP_STATE.pack(0, owner, *numbers)


def is_tcp(key: bytes) -> bool:
    """Whether a flow key is TCP's."""
    return key[0] == TCP


def forwarded(raw: bytes) -> bytes:
    """An IP packet after one hop."""
    if raw[0] >> 4 == 6:
        return raw[:7] + bytes((raw[7] - 1,)) + raw[8:]
    checksum = adjust(int.from_bytes(raw[10:12], "big"), delta(raw[8:10], bytes((raw[8] - 1, raw[9]))))
    return raw[:8] + bytes((raw[8] - 1, raw[9])) + int(checksum).to_bytes(2, "big") + raw[12:]
