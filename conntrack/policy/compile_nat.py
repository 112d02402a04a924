"""From the entries of `nat:` to the parts of a policy that translate.

Lives here: which kind goes where. May not live here: the kinds (compile_source_nat.py, compile_destination_nat.py).
"""

from __future__ import annotations

from conntrack.policy import compile_destination_nat as destinations
from conntrack.policy import compile_source_nat as sources
from conntrack.policy.document_nat import Exempt, Forward, Masquerade, Nat64, Redirect, SourceNat
from conntrack.policy.lowering import Lowering
from conntrack.policy.nat_rule import NatRule
from conntrack.policy.policy import Parts


def translate(lowering: Lowering, parts: Parts) -> None:
    """Fills the parts of a policy that translate."""
    for number, entry in enumerate(lowering.document.nat):
        nat = NatRule(number, "", 0, entry.position.file, entry.position.line)
        parts.nat_rules.append(nat)
        if isinstance(entry, Masquerade):
            parts.departures.append(sources.masquerade(lowering, entry, nat))
        elif isinstance(entry, SourceNat):
            parts.departures.append(sources.source_nat(lowering, entry, nat))
        elif isinstance(entry, Exempt):
            parts.departures.append(sources.exempt(lowering, entry, nat))
        elif isinstance(entry, Nat64):
            parts.crossings.append(sources.nat64(lowering, entry, nat))
        elif isinstance(entry, Forward):
            parts.arrivals.append(destinations.forward(lowering, entry, nat))
        elif isinstance(entry, Redirect):
            parts.arrivals.append(destinations.redirect(lowering, entry, nat))
        else:
            parts.arrivals.append(destinations.arriving(lowering, entry, nat))
            parts.departures.append(sources.departing(lowering, entry, nat))
