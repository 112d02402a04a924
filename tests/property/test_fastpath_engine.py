"""The fast path against the whole engine: twins (tests/twins.py) get the same packets, and nobody can tell them apart.

What decides is where a packet lies in the windows of the moment, so packets are made from these: at their edges, beyond
them, around the wrap of sequence numbers, with SACK, of every form that headers have, through each kind of NAT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conntrack.flow.connection import CLOSING, OFFLOADED
from conntrack.flow.pair import build
from conntrack.packet.header import ICMP, ICMPV6, TCP, UDP
from conntrack.tracker.tcp.window import Window
from tests import segments
from tests.host import address
from tests.property.odd import Datagram, Plain, Segment, coming, datagram, ports
from tests.twins import Twins, interfaces, known

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, fd10::/64]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
nat:
  - {name: shop, forward: [tcp/443, "udp/443"], at: wan, to: "192.168.10.20:8443", hairpin: [lan]}
  - {name: mapped, one-to-one: 203.0.113.8, at: wan, to: 192.168.10.8}
  - {name: prefix, one-to-one: "2001:db8:113:1::/64", at: wan, to: "fd10::/64", mapping: checksum-neutral}
  - {name: pool, source-nat: 203.0.113.16-203.0.113.23, at: wan, source: 192.168.10.64/26}
  - {name: narrow, masquerade: wan, from: [guest], ports: 5000-5100}
  - {name: internet, masquerade: wan, from: [lan]}
policy:
  lan -> wan: accept
  guest -> wan: [{accept: any, mark: 7, dscp: ef}]
  lan -> guest: [{accept: any, dscp: 10}]
"""

#: zone that begins it, protocol, source, destination; for ICMP the last number is type and code
Flow = tuple[str, int, tuple[str, int], tuple[str, int]]
SERVER = "198.51.100.9"
STREAMS: dict[str, Flow] = {
    "masqueraded": ("lan", TCP, ("192.168.10.5", 40000), (SERVER, 80)),
    "with another port": ("guest", TCP, ("192.168.20.5", 40000), (SERVER, 80)),
    "forwarded": ("wan", TCP, (SERVER, 40000), ("203.0.113.1", 443)),
    "hairpin": ("lan", TCP, ("192.168.10.5", 40000), ("203.0.113.1", 443)),
    "one-to-one": ("wan", TCP, (SERVER, 40000), ("203.0.113.8", 80)),
    "pooled": ("lan", TCP, ("192.168.10.70", 40000), (SERVER, 80)),
    "untouched": ("lan", TCP, ("192.168.10.5", 40000), ("192.168.20.9", 80)),
    "IPv6 prefix": ("lan", TCP, ("fd10::5", 40000), ("2001:db8:99::9", 80)),
}
DATAGRAMS: dict[str, Flow] = {
    "masqueraded": ("lan", UDP, ("192.168.10.5", 40000), (SERVER, 53)),
    "with another port": ("guest", UDP, ("192.168.20.5", 40000), (SERVER, 53)),
    "hairpin": ("lan", UDP, ("192.168.10.5", 40000), ("203.0.113.1", 443)),
    "untouched": ("lan", UDP, ("192.168.10.5", 40000), ("192.168.20.9", 53)),
    "IPv6 prefix": ("lan", UDP, ("fd10::5", 40000), ("2001:db8:99::9", 53)),
    "ping": ("lan", ICMP, ("192.168.10.5", 77), (SERVER, 8 << 8)),
    "ping with another identifier": ("guest", ICMP, ("192.168.20.5", 40000), (SERVER, 8 << 8)),
    "IPv6 ping": ("lan", ICMPV6, ("fd10::5", 77), ("2001:db8:99::9", 128 << 8)),
}


@pytest.fixture(scope="module", autouse=True)
def _interfaces() -> Iterator[None]:
    with interfaces():
        yield


def key_of(flow: Flow) -> bytes:
    _, protocol, (source, sport), (destination, dport) = flow
    return build(protocol, address(source), address(destination), sport, dport)


def opened(twins: Twins, flow: Flow) -> bytes:
    """A UDP stream or a ping that is carried; its key."""
    key = key_of(flow)
    for _ in range(3):
        for original in (True, False):
            found = twins.pair(key)
            way = key if original or found is None else found[0].reply.key
            zone = flow[0] if found is None else coming(twins, found[0], original)
            twins.arrive(zone, Plain().raw(way, datagram(way, 10)))
        twins.turn()
    return key


def connected(twins: Twins, flow: Flow, begin: int, options: tuple[bytes, bytes]) -> bytes:
    """A TCP connection that is carried, from sequence numbers near `begin` on; its key."""
    key = key_of(flow)
    there, back = begin, begin + 12345

    def send(original: bool, flags: str, seq: int, ack: int, option: bytes = b"", size: int = 0) -> None:
        found = twins.pair(key)
        zone = flow[0] if found is None else coming(twins, found[0], original)
        way = key if original or found is None else found[0].reply.key
        bits = segments.flag_bits(flags)
        twins.arrive(zone, Plain().raw(way, segments.tcp(ports(way), seq, ack, bits, 60000, option, bytes(size))))
        twins.turn()

    send(True, "S", there, 0, segments.mss() + options[0])
    send(False, "SA", back, there + 1, segments.mss() + options[1])
    send(True, "A", there + 1, back + 1)
    for at in range(0, 300, 100):
        send(True, "PA", there + 1 + at, back + 1 + at, size=100)
        send(False, "PA", back + 1 + at, there + 101 + at, size=100)
    return key


offers = st.builds(
    lambda scale, sack: (
        (segments.window_scale(scale) if scale >= 0 else b"") + (segments.sack_permitted() if sack else b"")
    ),
    st.integers(-1, 14),
    st.booleans(),
)
starts = st.sampled_from([0, 2**31 - 200, 2**32 - 200, 2**32 - 12500]) | st.integers(0, 2**32 - 1)
#: seconds that pass; "back": connections are taken back; "sweep": all that passed is read; "look": both are compared
between = st.sampled_from(["look", "look", "back", "sweep", "sweep", 0.5, 3, 40, 130, 400])
USUAL = settings().max_examples
some = settings(max_examples=5 * USUAL, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pause(twins: Twins, what: str | float) -> None:
    """What happens between packets."""
    if what == "back":
        twins.take_back()
    elif what == "sweep":
        twins.sweep()
        return
    elif what != "look":
        twins.wait(float(what))
    twins.agree()


def is_carried(twins: Twins, key: bytes) -> bool:
    found = twins.pair(key)
    return found is not None and found[1].status & OFFLOADED != 0


def play(twins: Twins, key: bytes, script: Sequence[Segment | Datagram | str | float]) -> None:
    """The script until the connection ends; then both twins say all that they know."""
    for step in script:
        found = twins.pair(key)
        if found is None:
            break
        if isinstance(step, Segment | Datagram):
            step.arrive(twins, found[0])
            twins.turn()
        else:
            pause(twins, step)
    pause(twins, "look")
    pause(twins, "back")


@some
@given(
    st.sampled_from(sorted(STREAMS)),
    starts,
    st.tuples(offers, offers),
    st.lists(st.composite(Segment)() | between, max_size=25),
)
def test_tcp(kind: str, begin: int, options: tuple[bytes, bytes], script: list[Segment | str | float]) -> None:
    twins = Twins(RULES)
    if kind == "with another port":
        connected(twins, STREAMS["masqueraded"], begin, options)  # has its port already
    key = connected(twins, STREAMS[kind], begin, options)
    assert is_carried(twins, key)
    assert twins.carried > 0
    play(twins, key, script)


@some
@given(st.sampled_from(sorted(DATAGRAMS)), st.lists(st.composite(Datagram)() | between, max_size=25))
def test_datagrams(kind: str, script: list[Datagram | str | float]) -> None:
    twins = Twins(RULES)
    key = opened(twins, DATAGRAMS[kind])
    assert is_carried(twins, key)
    assert twins.carried > 0
    play(twins, key, script)


GIGABYTE = 1 << 30
SEGMENT = 1024
PIECE = 3 * SEGMENT  # as much as a test run takes
JOINED = 20 * PIECE
SCALE = 7


class Download:
    """A download of any length, from just before the sequence numbers wrap.

    The plain engine gets joined packets as large as there are, the program the same bytes in PIECEs.
    """

    def __init__(self) -> None:
        self.twins = Twins(RULES)
        key = connected(self.twins, STREAMS["masqueraded"], 2**32 - 20000, (segments.window_scale(SCALE),) * 2)
        found = self.twins.pair(key)
        assert found is not None
        self.plain, self.fast = found
        self.seq, self.ack = (cast(Window, way.state).end for way in (self.plain.reply, self.plain.original))

    def segment(self, original: bool, seq: int, ack: int, flags: str = "A", size: int = 0) -> bytes:
        key = (self.plain.original if original else self.plain.reply).key
        bits = segments.flag_bits(flags)
        return Plain().raw(key, segments.tcp(ports(key), seq, ack, bits, 60000, segments.timestamps(), bytes(size)))

    def stretch(self) -> None:
        """JOINED bytes from the server, of which it hears that they came."""
        fate, _, _ = self.twins.plain.judged(
            "wan", self.segment(False, self.seq, self.ack, "A", JOINED), 0, monotonic()
        )
        assert fate == "lan"
        piece = bytearray(self.segment(False, self.seq, self.ack, "A", PIECE))
        for at in range(0, JOINED, PIECE):
            piece[24:28] = ((self.seq + at) % 2**32).to_bytes(4, "big")
            assert self.twins.bench.passes(bytes(piece), SEGMENT, PIECE // SEGMENT)
        self.seq += JOINED
        assert self.acknowledge() == "forwarded"

    def acknowledge(self) -> str:
        return self.twins.arrive("lan", self.segment(True, self.ack, self.seq))

    def fin(self, shift: int = 0) -> str:
        """From the server; shift: of its number."""
        return self.twins.arrive("wan", self.segment(False, self.seq + shift, self.ack, "FA"))


def test_a_fin_after_a_gigabyte_is_judged_as_if_python_had_seen_every_byte() -> None:
    download = Download()
    twins, plain, fast = download.twins, download.plain, download.fast
    before = cast(Window, fast.reply.state).end
    stretches = GIGABYTE // JOINED + 1
    for _ in range(stretches):
        download.stretch()
    assert cast(Window, fast.reply.state).end == before  # it has seen none of it
    reach = 60000 << SCALE
    for shift in (2 * reach + 1, 2**30, 2**31):  # beyond what the client has room for: forged
        assert download.fin(shift) in ("closing", "miss")
        assert known(fast)["windows"] == known(plain)["windows"]
        assert not (plain.status | fast.status) & CLOSING
        twins.turn()
        twins.take_back()
    assert twins.plain.engine.counters.reasons == twins.fast.engine.counters.reasons
    assert download.fin() in ("closing", "miss")
    assert plain.status & fast.status & CLOSING
    assert known(fast)["windows"] == known(plain)["windows"]
    assert fast.reply.packets - plain.reply.packets == (JOINED // SEGMENT - 1) * stretches
