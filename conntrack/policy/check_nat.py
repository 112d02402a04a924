"""Whether the entries of `nat:` are whole, name what exists, and can be done.

Lives here: the checks of each kind. May not live here: translation.
"""

from __future__ import annotations

from collections.abc import Iterable

from conntrack.policy import check_blocks, check_nat64, families, wellknown
from conntrack.policy.document_nat import (
    DestinationSide,
    Exempt,
    Forward,
    Masquerade,
    Nat64,
    NatCommon,
    OneToOne,
    Redirect,
    SourceNat,
    SourceSide,
)
from conntrack.policy.references import References
from conntrack.policy.values import Addresses, Span, Traffic

#: most addresses of a pool, and most hosts that share a forward's load
POOL = 65536
HOSTS = 256
#: longest prefix that is exchanged checksum-neutrally: the interface identifier must be free (RFC 6296 §3.5)
NEUTRAL = 64
PORTED = frozenset(wellknown.PROTOCOLS[name] for name in wellknown.WITH_PORTS)


def check(references: References) -> None:
    """Report what is wrong with translation."""
    for entry in references.document.nat:
        references.zone_list(entry, "from", entry.from_, "self")
        references.selection(entry, "source", entry.source)
        references.when(entry, entry.when)
        if isinstance(entry, SourceSide):
            _source_side(references, entry)
        elif isinstance(entry, DestinationSide):
            _destination_side(references, entry)
        elif isinstance(entry, Nat64):
            check_nat64.check(references, entry)
            _families(references, entry, (entry.source, Addresses(spans=(entry.nat64,))))
        elif isinstance(entry, Exempt):
            references.selection(entry, "exempt", entry.exempt)
            _families(references, entry, (entry.source, entry.exempt))
    check_blocks.check(references)


def _source_side(references: References, entry: SourceSide) -> None:
    references.selection(entry, "destination", entry.destination)
    if entry.filtering and not entry.mapping:
        hint = "add mapping: endpoint-independent"
        references.report.error(
            entry.place("filtering"), "only a mapping that serves every peer can let anybody in", hint
        )
    if entry.says("preserve") and not entry.mapping:
        hint = "add mapping: endpoint-independent"
        references.report.error(
            entry.place("preserve"), "only mappings that serve every peer keep more than a port", hint
        )
    if isinstance(entry, Masquerade):
        references.zone(entry.masquerade, entry.place("masquerade"))
        _families(references, entry, (entry.source, entry.destination))
    elif isinstance(entry, SourceNat):
        references.zone(entry.at, entry.place("at"))
        pool = Addresses(spans=entry.source_nat)
        _families(references, entry, (entry.source, entry.destination, pool))
        if size(entry.source_nat) > POOL:
            hint = "name the addresses that this gateway really answers for"
            references.report.error(entry.place("source-nat"), f"a pool of more than {POOL} addresses", hint)


def _destination_side(references: References, entry: DestinationSide) -> None:
    references.selection(entry, "destination", entry.destination)
    chosen = (entry.source, entry.destination)
    if isinstance(entry, Forward):
        references.zone(entry.at, entry.place("at"))
        references.zone_list(entry, "hairpin", entry.hairpin)
        traffic = references.traffic(entry, "forward", entry.forward)
        _targets(references, entry)
        _ports(references, entry, "forward", traffic, entry.to[0].port)
        inside = Addresses(spans=tuple(target.span for target in entry.to))
        _families(references, entry, (*chosen, inside), traffic)
    elif isinstance(entry, Redirect):
        traffic = references.traffic(entry, "redirect", entry.redirect)
        _ports(references, entry, "redirect", traffic, entry.to)
        _families(references, entry, chosen, traffic)
    elif isinstance(entry, OneToOne):
        references.zone(entry.at, entry.place("at"))
        references.zone_list(entry, "hairpin", entry.hairpin)
        both = (Addresses(spans=(entry.one_to_one,)), Addresses(spans=(entry.to,)))
        _families(references, entry, (*chosen, *both))
        _sizes(references, entry)


def _sizes(references: References, entry: OneToOne) -> None:
    """As many addresses outside as inside; prefixes of one length where their checksums are to stay."""
    outside, inside = entry.one_to_one, entry.to
    if outside.version != inside.version:
        return  # told by _families
    if outside.extent != inside.extent:
        found = f"{outside.extent} addresses outside cannot stand for {inside.extent} inside"
        references.report.error(entry.place("to"), found, "name networks of the same size")
    elif entry.mapping and not (outside.version == 6 and 0 < outside.length == inside.length <= NEUTRAL):
        hint = f"name IPv6 networks of the same length, /{NEUTRAL} at most"
        references.report.error(entry.place("mapping"), "only IPv6 prefixes can be exchanged checksum-neutrally", hint)


def _targets(references: References, entry: Forward) -> None:
    """Hosts of one IP version, one port for all, and not too many."""
    if len(families.of_spans(target.span for target in entry.to)) > 1:
        hint = "write one forward for IPv4 and one for IPv6"
        references.report.error(entry.place("to"), "the targets are of both IP versions", hint)
    if len({target.port for target in entry.to}) > 1:
        index = next(index for index, target in enumerate(entry.to) if target.port != entry.to[0].port)
        references.report.error(entry.place("to", index), "the targets have different ports", "all share one port")
    if size(target.span for target in entry.to) > HOSTS:
        references.report.error(entry.place("to"), f"more than {HOSTS} hosts", "name the hosts that offer the service")


def _ports(references: References, entry: DestinationSide, key: str, traffic: tuple[Traffic, ...], port: int) -> None:
    """Another port needs services that have ports, and one range of them: it is the place of the first."""
    if not port:
        return
    if any(kind.protocol not in PORTED for kind in traffic):
        hint = "leave the port out, or name services of tcp and udp"
        references.report.error(entry.place(key), "a port is named, but not every service here has ports", hint)
        return
    ranges = {(kind.low, kind.high) for kind in traffic}
    if len(ranges) > 1:
        hint = "write an entry for each, or leave the port out"
        references.report.error(entry.place(key), "several ports cannot all become one", hint)
    elif any(port + high - low > 65535 for low, high in ranges):
        references.report.error(entry.place("to"), "the range runs over port 65535", "choose a lower first port")


def _families(
    references: References,
    entry: NatCommon,
    chosen: tuple[Addresses, ...],
    traffic: tuple[Traffic, ...] = (),
) -> None:
    if not entry.broken:
        families.check(references, entry, chosen, entry.family, traffic)


def size(spans: Iterable[Span]) -> int:
    """How many addresses there are in spans."""
    return sum(int.from_bytes(span.high, "big") - int.from_bytes(span.low, "big") + 1 for span in spans)
