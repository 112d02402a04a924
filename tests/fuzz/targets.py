"""What is fuzzed: functions of arbitrary bytes. The first sentence of each says what must hold, whatever they are.

Lives here: the targets. May not live here: who makes the bytes (guided.py, unguided.py, tests/property/test_fuzz.py).
A target returns, or raises what is a bug; what its parser may raise is caught here.
"""

from __future__ import annotations

import io
from functools import partial
from time import gmtime

from conntrack.cli.capture import CaptureError, pcap, pcapng
from conntrack.helper.registry import HELPERS
from conntrack.packet.checksum import ones_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.pieces import read_piece
from conntrack.packet.reassembly import Reassembly
from conntrack.packet.registry import DECODERS, Decoder, within_ipv4, within_ipv6
from conntrack.policy.compile import compile_policy
from conntrack.policy.load import load_text
from conntrack.policy.problems import PolicyError
from conntrack.tracker.registry import Trackers
from tests.fuzz import requests, talks
from tests.fuzz.budget import Target
from tests.fuzz.crossing import nat64
from tests.fuzz.gateway import engine
from tests.fuzz.invariants import LONGEST
from tests.fuzz.steps import Steps
from tests.segments import ip
from tests.traces import JUDGEMENTS, LAN, LAN6, Trace

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
PORTS = b"\x9c\x40\x01\xbb"


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


def targets() -> dict[str, Target]:
    """Every target by name; decoders, trackers and helpers come from their registries: none can be forgotten."""
    found: dict[str, Target] = {f"decoder-{name}": partial(decoder, decode) for name, decode in DECODERS}
    found |= {f"tracker-{name}": partial(tracker, name) for name in Trackers().by_name}
    found |= {f"helper-{helper.name()}": partial(talks.alone, helper) for helper in HELPERS}
    found |= {
        f"talk-{helper.name()}": partial(talks.through, helper) for helper in HELPERS if talks.can_be_named(helper)
    }
    return found | {
        "rules": rules,
        "control": requests.request,
        "capture": capture,
        "reassembly": reassembly,
        "engine": engine,
        "nat64": nat64,
    }
