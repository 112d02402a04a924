"""What a packet of the comparison came out as, and when two such outcomes are the same.

Lives here: passages, sequences, disagreements, and what the hosts around one side have seen. May not live here: the
playing (through.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from conntrack.packet.errors import Malformed
from tests.kernel.compare import Outcome, decoded, key_of
from tests.kernel.deliberate import deliberate
from tests.kernel.finish import PORTED, comparable, ends, protocol_of, transport_of, without_ends
from tests.kernel.scenes import Scene, Seen


@dataclass(frozen=True)
class Passage:
    """What one side made of a packet: of its connection, the bytes that left (b"" if none), and where."""

    outcome: Outcome
    left: bytes
    where: str = ""  # "lan", "wan", or "self": the gateway

    def agrees(self, other: Passage, chosen: bool = False, back: bool = False) -> bool:
        """Whether both are the same; chosen: but for what the client is known by; back: the packet goes there."""
        if not self.left or not other.left:
            same = self.left == other.left
        elif chosen:
            same = without_ends(self.left, back) == without_ends(other.left, back)
        else:
            same = comparable(self.left) == comparable(other.left)
        return same and self.outcome.agrees(other.outcome)

    def moved(self, sent: bytes) -> bool:
        """Whether the packet left with another source port."""
        return source_of(self.left)[1] != source_of(sent)[1]

    def elsewhere(self, other: Passage) -> bool:
        """Whether both began a connection, and from different ports."""
        both = bool(self.left and other.left) and self.outcome.packet == other.outcome.packet == "new"
        return both and source_of(self.left)[1] != source_of(other.left)[1]


@dataclass
class View:
    """What the hosts around one side have seen in a sequence."""

    arrived: dict[str, bytes] = field(default_factory=dict)  # the last packet that reached each host
    seen: Seen | None = None  # what the server knows the client by
    flow: bytes = b""  # the key of the packet before
    flows: set[bytes] = field(default_factory=set)

    def note(self, raw: bytes, is_error: bool) -> None:
        """Notes a packet that is sent; an error is about the flow of the one before."""
        if not is_error:
            self.flow = key_or(raw, self.flow)
            self.flows.add(self.flow)


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

    def text(self) -> list[str]:
        """For people: the packets up to that one, and what either side made of it."""
        sequence = self.sequence
        lines = [f"{sequence.scene.name} IPv{sequence.version}:"]
        lines += [f"  {line}" for line in sequence.lines[: self.place + 1]]
        for name, passage in (("kernel", self.kernel), ("ours", self.ours)):
            lines += [f"  {name:6} {passage.outcome} at {passage.where or 'nowhere'}", f"         {passage.left.hex()}"]
        return lines


def source_of(raw: bytes) -> Seen:
    """Address and port (0: none) that a packet comes from."""
    start = transport_of(raw)
    port = int.from_bytes(raw[start : start + 2], "big") if protocol_of(raw) in PORTED else 0
    return ends(raw)[0], port


def plain_sums(sequence: Sequence) -> bool:
    """Whether checksums cannot be judged in this sequence."""
    return any(" udplite" in line for line in sequence.lines)


def key_or(raw: bytes, default: bytes) -> bytes:
    """The key of a packet; of one that cannot be read, the default."""
    try:
        return key_of(raw)
    except Malformed:
        return default


def explained(scene: Scene, raw: bytes, theirs: Passage, ours: Passage) -> str:
    """The name of the deliberate difference about this packet, if there is one."""
    try:
        return deliberate(decoded(raw), theirs.outcome.packet, ours.outcome.packet, scene.name)
    except Malformed:
        return ""
