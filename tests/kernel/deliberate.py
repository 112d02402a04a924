"""The differences from the kernel that are meant, each with its reason; the only list of them.

A difference ends its sequence, because the two sides go on from different states.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from conntrack.engine.related import LINK_TYPES
from conntrack.packet import sctp
from conntrack.packet.header import ACK, GRE, ICMP_ERROR, ICMPV6, RST, SCTP, TCP, UDP, UDPLITE, Packet
from tests.kernel.scenes import GATEWAY, OUTSIDE, SECOND, address


class Difference(NamedTuple):
    """One deliberate difference. applies: to this packet, of which the kernel thinks the first and we the second, in
    this scene (scenes.py; "" where only trackers are compared).
    """

    name: str
    why: str
    applies: Callable[[Packet, str, str, str], bool]


def _reset_without_proof(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    reset = packet.protocol == TCP and packet.flags & (ACK | RST) == ACK | RST
    return reset and packet.ack == 0 and theirs != "invalid" and ours == "invalid"


def _invalid_bundle(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    bundle = packet.protocol == SCTP and sctp.following(packet, packet.payload) >= 0
    return bundle and theirs == ours == "invalid"


def _young_udplite(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    return packet.protocol == UDPLITE and theirs == ours == "established"


def _own_error(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    if packet.kind != ICMP_ERROR or (theirs, ours) != ("invalid", "related"):
        return False
    return _from_gateway(packet)


def _own_reset(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    reset = packet.protocol == TCP and packet.flags & RST
    return bool(reset) and (theirs, ours) == ("invalid", "new") and _from_gateway(packet)


def _from_gateway(packet: Packet) -> bool:
    size = 4 if packet.version == 4 else 16
    return packet.pair[:size] in {address(own[packet.version]) for own in (GATEWAY, OUTSIDE, SECOND)}


def _forwarded_port(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    return scene == "forward-range" and packet.protocol in (TCP, UDP) and theirs == ours == "new"


def _with_itself(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    alone = packet.protocol not in (TCP, UDP, SCTP, UDPLITE)
    return scene == "hairpin-one-to-one" and alone and theirs == ours == "new"


def _exhausted(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    return scene == "exhausted" and (theirs, ours) == ("lost", "exhausted")


def _any_gre(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    at = packet.transport + 8
    inner = packet.raw[at + (9 if packet.version == 4 else 6)] if packet.kind == ICMP_ERROR else packet.protocol
    return inner == GRE and theirs == "lost" and ours in ("new", "established", "related")


def _redirected_clash(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    return scene == "redirect" and (theirs, ours) == ("new", "lost")


def _no_link_of_its(packet: Packet, theirs: str, ours: str, scene: str) -> bool:
    link = packet.protocol == ICMPV6 and packet.raw[packet.transport] in LINK_TYPES
    return link and theirs in ("untracked", "lost") and ours == "invalid"


DIFFERENCES = (
    Difference(
        "reset-without-proof",
        "An RST+ACK with ack 0 proves nothing: before a connection is assured its sequence number must be exact. "
        "The kernel takes the 0 for a perfect acknowledgement, as OpenBSD's pf did until it was found exploitable.",
        _reset_without_proof,
    ),
    Difference(
        "invalid-bundle",
        "An SCTP packet that is INVALID for one of its chunks changes no state. The kernel keeps what earlier chunks "
        "did, so that beside an ABORT with a wrong tag an ERROR closes an association without any proof.",
        _invalid_bundle,
    ),
    Difference(
        "young-udplite",
        "An answered UDP-Lite flow is a stream after two seconds, like UDP's. The kernel has that rule for UDP alone.",
        _young_udplite,
    ),
    Difference(
        "own-error",
        "An ICMP error that the gateway's own kernel sends passes whatever it is about: often a packet that was never "
        "let in. The kernel calls it INVALID, and rules that drop INVALID in OUTPUT lose it.",
        _own_error,
    ),
    Difference(
        "own-reset",
        "A reset that the gateway's own kernel sends passes: it refuses what rules of ours reject, or what came to a "
        "closed port, and no connection knows it. The kernel calls it INVALID, as above.",
        _own_reset,
    ),
    Difference(
        "forwarded-port",
        "Where a forwarded connection clashes with one that the server has begun itself, the client's port gives way. "
        "The kernel takes the next port of the server's range: another service than the one that was asked for.",
        _forwarded_port,
    ),
    Difference(
        "exhausted-is-told",
        "Without a free outside port the packet is refused, counted as nat-exhausted, and its sender told by ICMP 3/13 "
        "(RFC 5508 REQ-8). The kernel drops it in silence, as a lost race for the table.",
        _exhausted,
    ),
    Difference(
        "any-gre-version",
        "GRE of a version other than 0 and 1 is translated as any protocol without ports: only addresses change. The "
        "kernel refuses to, also where it is only quoted by an ICMP error.",
        _any_gre,
    ),
    Difference(
        "redirected-clash",
        "A redirected connection whose socket pair the gateway's own socket has begun already is refused. The kernel "
        "changes the client's port on the way in, so that the proxy's log names one that no client had.",
        _redirected_clash,
    ),
    Difference(
        "with-itself",
        "A host that speaks with its own outside address, in a protocol without ports, would have one key for both "
        "directions: no connection (the LAND attack). The kernel sends it back to the host.",
        _with_itself,
    ),
    Difference(
        "neighbours-stay-neighbours",
        "ICMPv6 of a link's own business (MLD, neighbour discovery) is never routed on (RFC 4861 §6.1: hop limit 255). "
        "The kernel leaves it untracked and forwards what is addressed to a host beyond.",
        _no_link_of_its,
    ),
)


def deliberate(packet: Packet, theirs: str, ours: str, scene: str = "") -> str:
    """The name of the difference that explains this one; "" if none does. theirs, ours: `ct state`."""
    for difference in DIFFERENCES:
        if difference.applies(packet, theirs, ours, scene):
            return difference.name
    return ""
