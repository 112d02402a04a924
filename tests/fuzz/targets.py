"""What is fuzzed: functions of arbitrary bytes. The first sentence of each says what must hold, whatever they are.

Lives here: the targets. May not live here: who makes the bytes (__main__.py, guided.py, tests/property/test_fuzz.py).
A target returns, or raises what is a bug; what its parser may raise is caught here.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from random import Random
from time import gmtime

from conntrack.cli.capture import CaptureError, pcap, pcapng
from conntrack.engine.core import Engine
from conntrack.engine.verdict import ACCEPT, DROP, FORWARD
from conntrack.packet.checksum import ones_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.pieces import read_piece
from conntrack.packet.reassembly import Reassembly
from conntrack.packet.registry import DECODERS, Decoder, within_ipv4, within_ipv6
from conntrack.policy.compile import compile_policy
from conntrack.policy.load import load_text
from conntrack.policy.problems import PolicyError
from conntrack.tracker.registry import Trackers
from tests.fuzz.steps import Steps
from tests.golden.notation import packet
from tests.host import Host
from tests.property.test_engine import RULES, whole
from tests.segments import ip
from tests.traces import JUDGEMENTS, LAN, LAN6, Trace

Target = Callable[[bytes], None]
#: tracker → protocol number and IP version of the packets it is fed
TRACKED = {
    "tcp": (6, 4),
    "udp": (17, 6),
    "udplite": (136, 4),
    "icmp": (1, 4),
    "icmpv6": (58, 6),
    "sctp": (132, 4),
    "dccp": (33, 4),
    "gre": (47, 6),
    "other": (50, 4),
}
#: the longest that any tracker keeps a silent connection by default
LONGEST = 5 * 86400.0
PORTS = b"\x9c\x40\x01\xbb"
HOOKS = ("wan", "lan", "guest")


def decoder(decode: Decoder, data: bytes) -> None:
    """Whatever the bytes, a decoder returns or raises Malformed."""
    try:
        decode(data)
    except Malformed as malformed:
        assert malformed.reason > 0


def tracker(name: str, data: bytes) -> None:
    """Whatever a flow's packets are and in whatever order and time they come, each gets a judgement and none throws
    the connection into a state without a name or a deadline that no timeout explains.
    """
    protocol, version = TRACKED[name]
    trace = Trace(version=version)
    ends = LAN if version == 4 else LAN6
    for way, pause, body in Steps(data):
        trace.now += pause
        ports = PORTS if way else PORTS[2:] + PORTS[:2]
        transport = body if protocol in (1, 58) else ports + body
        source, destination = ends if way else ends[::-1]
        try:
            outcome = trace.send(ip(source, destination, protocol, transport))
        except Malformed:
            continue
        connection = trace.connection
        assert outcome
        if connection is not None and outcome in JUDGEMENTS.values():
            assert trace.now < connection.deadline <= trace.now + LONGEST
            assert trace.state() in trace.trackers.by_name[name].states()


def rules(data: bytes) -> None:
    """Whatever the text, a rules file loads, or every problem is told with its place."""
    text = data.decode("utf-8", "replace")
    try:
        document = load_text(text, "rules.yaml")
    except PolicyError as error:
        assert error.problems
        assert all(problem.message for problem in error.problems)
        return
    compile_policy(document, gmtime)


def capture(data: bytes) -> None:
    """Whatever is in a capture file, its frames come out, or CaptureError says where it breaks off."""
    magic = data[:4]
    file = io.BytesIO(data[4:])
    try:
        frames = list(pcap.frames(file, magic) if magic in pcap.MAGICS else pcapng.Reader(file).frames())
    except CaptureError:
        return
    assert all(len(frame.data) <= len(data) for frame in frames)


def reassembly(data: bytes) -> None:
    """Whatever pieces come in whatever order and time, what comes out is whole and holds only bytes that came at their
    place, and no more is kept than the limits say.
    """
    store = Reassembly(octets=4000, datagrams=3)
    now = 0.0
    for way, pause, body in Steps(data):
        now += pause
        raw = spoiled_piece(body) if way else body
        try:
            out = store.take(raw, now)
        except Malformed:
            continue
        assert out is None or out is raw or out[0] >> 4 == 6 or read_piece(out) is None
        assert out is None or len(out) <= 65575
        assert len(store) <= 3
        assert 0 <= store.octets <= 4000


def spoiled_piece(body: bytes) -> bytes:
    """A piece of one of four datagrams, wherever the bytes want it, with a right IPv4 checksum."""
    first, second, third = (*body, 0, 0, 0)[:3]
    end = 8 * (first & 7) + 8
    if first & 0x80:
        return within_ipv6(44, bytes((17, 0, 0, (second & 7) << 3 | third & 1, 0, 0, 0, third >> 1 & 1)) + bytes(end))
    plain = within_ipv4(17, bytes(end + (third >> 4 & 7)))
    field = (third & 1) << 13 | second & 7
    head = plain[:4] + bytes((0, third >> 1 & 1)) + field.to_bytes(2, "big") + plain[8:10] + bytes(2) + plain[12:20]
    return head[:10] + (0xFFFF - ones_sum(head)).to_bytes(2, "big") + head[12:] + plain[20:]


def engine(data: bytes) -> None:
    """Whatever arrives at whatever interface in whatever order, a verdict comes out, the table stays whole and within
    its limit, every port that is held is held by a connection, and in the end nothing is left of any of it.
    """
    host = fresh()
    for way, pause, body in Steps(data):
        host.wait(pause)
        raw = spoiled(body)
        if len(raw) < 40:  # no host would route it, but the queue may hand it over
            verdict, new, _ = host.engine.packet(raw, FORWARD, 1, 2, 0, host.now)
            assert verdict in (DROP, ACCEPT)
            assert new is None or len(new) == len(raw)
        else:
            fate, left = host.cross(HOOKS[(body[0] if body else 0) % 3 if way else 1], raw)
            assert fate
            assert not left or len(left) == len(raw)
        whole(host)
    host.wait(1e7)
    assert len(host.engine.table) == 0
    assert [int(use.used) for use in host.engine.ports.uses()] == [0] * len(host.engine.ports.uses())


_HOST = Host(RULES)


def fresh() -> Host:
    """A gateway that has seen nothing; the rules are compiled once."""
    _HOST.now = 1000.0
    _HOST.engine = Engine(_HOST.engine.policy, _HOST.topology, Random(1))
    return _HOST


SEEDS = [
    packet(line)
    for line in (
        "tcp 192.168.10.5:5000 > 198.51.100.9:443 SYN seq=1 mss=1460",
        "tcp 198.51.100.9:443 > 203.0.113.1:5000 SYN+ACK seq=9 ack=2",
        "tcp 192.168.10.5:5000 > 198.51.100.9:443 ACK seq=2 ack=10",
        "tcp 198.51.100.9:6000 > 203.0.113.1:443 SYN seq=1",
        "tcp 192.168.10.5:6000 > 203.0.113.1:443 SYN seq=1",
        "udp 192.168.10.5:5000 > 198.51.100.9:53 length=20",
        "udp 198.51.100.9:53 > 203.0.113.1:5000 length=20",
        "icmp 192.168.10.5 > 198.51.100.9 echo-request id=7",
        "icmp 198.51.100.9 > 203.0.113.1 echo-reply id=7",
        "icmp 198.51.100.1 > 203.0.113.1 time-exceeded about udp 203.0.113.1:5000 > 198.51.100.9:53",
        "icmp 192.168.10.20 > 198.51.100.9 port-unreachable about tcp 198.51.100.9:6000 > 192.168.10.20:443 SYN",
        "udp [fd10::5]:5000 > [2001:db8:113::77]:53 length=20",
        "icmp6 fd10::5 > 2001:db8:113::77 echo-request id=7",
    )
]


def spoiled(body: bytes) -> bytes:
    """One of the seeds with some of its bytes replaced, so that most get past the parser; or the bytes alone."""
    if len(body) < 2 or body[1] == 0xFF:
        return body
    raw = bytearray(SEEDS[body[1] % len(SEEDS)])
    for place in range(2, len(body) - 1, 2):
        raw[body[place] % len(raw)] = body[place + 1]
    return bytes(raw)


def targets() -> dict[str, Target]:
    """Every target by name; decoders and trackers come from their registries, so that none can be forgotten."""
    found: dict[str, Target] = {f"decoder-{name}": partial(decoder, decode) for name, decode in DECODERS}
    found |= {f"tracker-{name}": partial(tracker, name) for name in Trackers().by_name}
    return found | {"rules": rules, "capture": capture, "reassembly": reassembly, "engine": engine}
