"""What the hook rules have to queue besides the gateway's own addresses: what NAT rules wait for.

Lives here: reading that out of a rules file. May not live here: the hook rules (gateway/hooks).
PREROUTING must see packets that a destination NAT rule translates, and replies to addresses that only NAT uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, summarize_address_range

from conntrack.gateway.hooks.plan import Catch, Wanted
from conntrack.gateway.tunnel.device import NAME
from conntrack.policy.document import Document
from conntrack.policy.document_nat import Forward, Nat64, OneToOne, Redirect, SourceNat
from conntrack.policy.values import ANY_PROTOCOL, Span, Traffic

Network = IPv4Network | IPv6Network
_VERSIONS = {"ipv4": 4, "ipv6": 6, "both": 0}


def wanted(document: Document) -> Wanted:
    """The queue's number, what happens without us, and what to queue."""
    settings = document.settings
    pool = sorted(set(pool_of(document)), key=lambda network: (network.version, network))
    catches = tuple(catches_of(document))
    tunnel = NAME if crossings_of(document) else ""
    brands = [(interface, zone.mark) for zone in document.zones.values() if zone.mark for interface in zone.interfaces]
    return Wanted(settings.queue.number, settings.on_failure == "bypass", pool, catches, tuple(brands), tunnel)


def crossings_of(document: Document) -> list[IPv6Network]:
    """The prefixes of NAT64, each once."""
    entries = [entry.nat64 for entry in document.nat if isinstance(entry, Nat64)]
    return [IPv6Network((span.low, span.length)) for span in dict.fromkeys(entries)]


def joined(document: Document, safe: bool) -> bool:
    """Whether the queue may take joined packets whole. Not with NAT64: nothing tells where they are to be cut again.

    safe: this kernel may (`gso: auto`).
    """
    gso = document.settings.queue.gso
    return (gso == "on" or (gso == "auto" and safe)) and not crossings_of(document)


def pool_of(document: Document) -> Iterator[Network]:
    """Outside addresses of source NAT and one-to-one, and the destinations that forwards name."""
    for entry in document.nat:
        if isinstance(entry, SourceNat):
            spans = entry.source_nat
        elif isinstance(entry, OneToOne):
            spans = (entry.one_to_one,)
        elif isinstance(entry, Forward):
            spans = (*entry.destination.spans, *members(document, entry.destination.sets))
        else:
            continue
        for span in spans:
            yield from networks(span)


def members(document: Document, sets: tuple[str, ...]) -> Iterator[Span]:
    """What sets hold now; a forward's destination is better written out, for a refresh does not reach the hooks."""
    for name in sets:
        yield from document.sets[name].members
        yield from document.file_members(name)


def catches_of(document: Document) -> Iterator[Catch]:
    """What redirects take on its way."""
    for entry in document.nat:
        if isinstance(entry, Redirect):
            for zone in entry.from_:
                for interface in document.zones[zone].interfaces:
                    for kind in document.traffic(entry.redirect):
                        yield from catch(interface, kind, entry)


def catch(interface: str, kind: Traffic, entry: Redirect) -> Iterator[Catch]:
    """One redirect, one interface, one kind of traffic."""
    version = _VERSIONS[entry.family]
    ports = (0, 0) if kind.protocol == ANY_PROTOCOL or (kind.low, kind.high) == (0, 65535) else (kind.low, kind.high)
    spans = entry.destination.spans
    if not spans:
        yield Catch(interface, kind.protocol, ports, version)
    for span in spans:
        for network in networks(span):
            if version in (0, network.version):
                yield Catch(interface, kind.protocol, ports, network.version, network)


def networks(span: Span) -> Iterator[Network]:
    """A span as networks."""
    yield from summarize_address_range(ip_address(span.low), ip_address(span.high))
