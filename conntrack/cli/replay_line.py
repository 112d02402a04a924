"""What `replay` says of one packet.

Lives here: the line's keys, which are an interface. May not live here: the gateway that it went through (playback.py).
"""

from __future__ import annotations

from conntrack.cli.capture import Frame
from conntrack.cli.playback import Playback
from conntrack.flow.pair import prefixes, readable
from conntrack.packet.errors import Malformed
from conntrack.packet.header import Packet
from conntrack.packet.parse import parse
from conntrack.packet.reason import name
from conntrack.service.names import protocol_name
from conntrack.service.protocol import Item

PAIR_KEYS = ("source", "source_port", "destination", "destination_port")


def play(playback: Playback, frame: Frame, raw: bytes, verify: bool) -> Item:
    """Plays one packet and says what became of it; exactly these keys."""
    outcome = playback.play(raw, frame.time, verify)
    trace = playback.engine.trace
    connection = trace.connection
    rule = trace.rule or (connection.rule if connection is not None else None)
    state = ""
    if connection is not None:
        tracker = playback.engine.trackers.by_number[int(connection.protocol)]
        state = tracker.states()[int(connection.state)]
    original = socket_pair(raw)
    return {
        "n": frame.number,
        "time": round(frame.time, 9),
        "verdict": trace.verdict,
        "reason": name(int(trace.reason)),
        "rule": getattr(rule, "name", None),
        "new": trace.new,
        "direction": trace.direction or None,
        "state": state or None,
        "original": original,
        "translated": socket_pair(outcome.raw) if outcome.passed else original,
    }


def socket_pair(raw: bytes) -> Item | None:
    """A packet's socket pair, None if it is malformed."""
    packet = Packet()
    try:
        parse(raw, packet, False)
    except Malformed:
        return None
    pair = readable(prefixes(0)[int(packet.protocol)] + packet.pair)
    return {"protocol": protocol_name(pair.protocol)} | {key: getattr(pair, key) for key in PAIR_KEYS}
