"""What entries of `nat:` of every kind have in common.

Lives here: names, zones, IP versions, lists of addresses. May not live here: any kind (compile_source_nat.py,
compile_destination_nat.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from conntrack.policy.document_nat import NatCommon
from conntrack.policy.families import of_family, of_spans
from conntrack.policy.lowering import Lowering
from conntrack.policy.nat_rule import NatRule
from conntrack.policy.values import Span

#: Rule.pair of the implicit accept
PAIR: Final = "nat"


def identify(nat: NatRule, entry: NatCommon, kind: int, word: str) -> None:
    """Says its kind, and the entry's own name, else `word` and its place."""
    nat.kind = kind
    nat.name = entry.name or f"{word} #{nat.number + 1}"


def from_zones(lowering: Lowering, entry: NatCommon) -> list[int]:
    """The zones of `from:`; without it every zone but the gateway, whose own packets have the right address already."""
    return lowering.zones(entry.from_) if entry.from_ else lowering.outside()


def only_version(entry: NatCommon, spans: Iterable[Span]) -> int:
    """The IP version that both `family:` and the addresses to translate to leave; 0 for both."""
    left = of_family(entry.family) & of_spans(spans)
    return next(iter(left)) if len(left) == 1 else 0


def every_address(spans: Iterable[Span]) -> list[bytes]:
    """Every address of spans, in order; check_nat.py has seen to it that they are not too many."""
    return [
        number.to_bytes(len(span.low), "big")
        for span in spans
        for number in range(int.from_bytes(span.low, "big"), int.from_bytes(span.high, "big") + 1)
    ]
