"""What a packet of the comparison came out as, and when two such outcomes are the same.

Lives here: passages, sequences, disagreements. May not live here: the playing (through.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from conntrack.packet.errors import Malformed
from tests.kernel.compare import Outcome, decoded, key_of
from tests.kernel.deliberate import deliberate
from tests.kernel.finish import PORTED, comparable, protocol_of, transport_of
from tests.kernel.scenes import Scene


@dataclass(frozen=True)
class Passage:
    """What one side made of a packet: of its connection, and the bytes that left (b"" if none)."""

    outcome: Outcome
    left: bytes

    def moved(self, sent: bytes) -> bool:
        """Whether the source port was changed."""
        return bool(self.left) and protocol_of(sent) in PORTED and source_port(self.left) != source_port(sent)

    def agrees(self, other: Passage) -> bool:
        """Whether both are the same."""
        return self.outcome.agrees(other.outcome) and comparable_or_none(self.left) == comparable_or_none(other.left)


@dataclass(frozen=True)
class Sequence:
    """Lines of one connection (tests/traces.py, errors.py), and where they are played."""

    scene: Scene
    version: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Disagreement:
    """The first packet of a sequence that came out differently."""

    sequence: Sequence
    place: int
    kernel: Passage
    ours: Passage
    listed: str


def source_port(raw: bytes) -> bytes:
    """As it stands in the packet."""
    return raw[transport_of(raw) : transport_of(raw) + 2]


def plain_sums(sequence: Sequence) -> bool:
    """Whether checksums cannot be judged in this sequence."""
    return any(" udplite" in line for line in sequence.lines)


def key_or(raw: bytes, default: bytes) -> bytes:
    """The key of a packet; of one that cannot be read, the default."""
    try:
        return key_of(raw)
    except Malformed:
        return default


def explained(raw: bytes, theirs: str, ours: str) -> str:
    """The name of the deliberate difference about this packet, if there is one."""
    try:
        return deliberate(decoded(raw), theirs, ours)
    except Malformed:
        return ""


def comparable_or_none(raw: bytes) -> bytes:
    """Bytes as `comparable` has them; nothing stays nothing."""
    return comparable(raw) if raw else b""
