"""Whether the port blocks of source NAT can be given out as they are asked for.

Lives here: their arithmetic, and entries that would give out the same ports. May not live here: any other check of
`nat:` (check_nat.py).
"""

from __future__ import annotations

from itertools import combinations

from conntrack.policy.compile_blocks import BLOCK_PORTS
from conntrack.policy.document_blocks import PortBlocks
from conntrack.policy.document_nat import Masquerade, SourceNat, SourceSide
from conntrack.policy.references import References
from conntrack.policy.values import Span


def check(references: References) -> None:
    """Report what is wrong with port blocks."""
    entries = [entry for entry in references.document.nat if isinstance(entry, SourceSide) and not entry.broken]
    for entry in entries:
        if entry.port_blocks is not None:
            _one(references, entry, entry.port_blocks)
    for first, second in combinations(entries, 2):
        if (first.port_blocks or second.port_blocks) and _share(first, second) and not _cut_alike(first, second):
            hint = "name other outside addresses, or say the same `ports:` and `port-blocks:` there"
            found = f"the entry in line {first.position.line} gives out ports of the same addresses in another way"
            references.report.error(second.position, found, hint)


def _one(references: References, entry: SourceSide, said: PortBlocks) -> None:
    low, high = entry.ports or BLOCK_PORTS
    if said.size > high - low + 1:
        found = f"a block of {said.size} ports does not fit into {low}-{high}"
        references.report.error(entry.place("port-blocks", "size"), found, "make the block smaller")
    elif said.allocation == "deterministic":
        _deterministic(references, entry, said, (high - low + 1) // said.size)


def _deterministic(references: References, entry: SourceSide, said: PortBlocks, count: int) -> None:
    """Who has which ports must follow from the file alone, and there must be a block for everybody."""
    place = entry.place("port-blocks", "allocation")
    inside = entry.source
    if not isinstance(entry, SourceNat):
        hint = "use source-nat with fixed addresses, or blocks on demand"
        references.report.error(place, "an interface's address may change, so nothing can be computed from it", hint)
    elif not inside.spans or inside.sets or inside.except_spans or inside.except_sets:
        hint = "write the subscribers' networks in `source:`, without sets and exceptions"
        references.report.error(place, "it must be known who the subscribers are", hint)
    elif len({span.version for span in (*inside.spans, *entry.source_nat)}) > 1:
        references.report.error(place, "both IP versions in one computation", "write one entry for each IP version")
    elif said.per_subscriber != 1:
        hint = "make the blocks larger instead"
        references.report.error(entry.place("port-blocks", "per-subscriber"), "one block each is computed", hint)
    else:
        _enough(references, entry, said, count)


def _enough(references: References, entry: SourceNat, said: PortBlocks, count: int) -> None:
    version = entry.source.spans[0].version
    free = 32 - said.subscriber.ipv4 if version == 4 else 128 - said.subscriber.ipv6
    if any(int.from_bytes(span.low, "big") % (1 << free) or span.extent % (1 << free) for span in entry.source.spans):
        hint = "let networks begin and end with a whole subscriber"
        references.report.error(entry.place("source"), "a network holds only a part of a subscriber", hint)
        return
    wanted = sum(span.extent >> free for span in entry.source.spans)
    there = count * sum(span.extent for span in entry.source_nat)
    if wanted > there:
        found = f"{wanted} subscribers need a block each, and there are {there}"
        hint = "name more outside addresses, smaller blocks or fewer subscribers"
        references.report.error(entry.place("port-blocks", "size"), found, hint)


def _share(first: SourceSide, second: SourceSide) -> bool:
    """Whether two entries translate to an address in common, with a port in common."""
    low, high = first.ports or BLOCK_PORTS
    other_low, other_high = second.ports or BLOCK_PORTS
    if high < other_low or other_high < low:
        return bool(first.port_blocks and second.port_blocks) and _meet(first, second)
    return _meet(first, second)


def _meet(first: SourceSide, second: SourceSide) -> bool:
    if isinstance(first, Masquerade) and isinstance(second, Masquerade):
        return first.masquerade == second.masquerade and _versions(first) & _versions(second) != set()
    if isinstance(first, SourceNat) and isinstance(second, SourceNat):
        return any(_overlap(one, other) for one in first.source_nat for other in second.source_nat)
    return False


def _versions(entry: Masquerade) -> set[str]:
    return {"ipv4", "ipv6"} if entry.family == "both" else {entry.family}


def _overlap(one: Span, other: Span) -> bool:
    return len(one.low) == len(other.low) and one.low <= other.high and other.low <= one.high


def _cut_alike(first: SourceSide, second: SourceSide) -> bool:
    """Whether both take blocks on demand of the same size from the same ports: then one stock serves both."""
    one, other = first.port_blocks, second.port_blocks
    if one is None or other is None or "deterministic" in (one.allocation, other.allocation):
        return False
    return one.size == other.size and (first.ports or BLOCK_PORTS) == (second.ports or BLOCK_PORTS)
