"""The differences from the kernel that are meant, each with its reason; the only list of them.

A difference ends its sequence, because the two sides go on from different states.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from conntrack.engine.related import LINK_TYPES
from conntrack.packet import sctp
from conntrack.packet.header import ACK, ICMP_ERROR, ICMPV6, RST, SCTP, TCP, UDPLITE, Packet
from tests.kernel.scenes import GATEWAY, OUTSIDE, SECOND, address


class Difference(NamedTuple):
    """One deliberate difference. applies: to this packet, of which the kernel thinks the first and we the second."""

    name: str
    why: str
    applies: Callable[[Packet, str, str], bool]


def _reset_without_proof(packet: Packet, theirs: str, ours: str) -> bool:
    reset = packet.protocol == TCP and packet.flags & (ACK | RST) == ACK | RST
    return reset and packet.ack == 0 and theirs != "invalid" and ours == "invalid"


def _invalid_bundle(packet: Packet, theirs: str, ours: str) -> bool:
    bundle = packet.protocol == SCTP and sctp.following(packet, packet.payload) >= 0
    return bundle and theirs == ours == "invalid"


def _young_udplite(packet: Packet, theirs: str, ours: str) -> bool:
    return packet.protocol == UDPLITE and theirs == ours == "established"


def _own_error(packet: Packet, theirs: str, ours: str) -> bool:
    if packet.kind != ICMP_ERROR or (theirs, ours) != ("invalid", "related"):
        return False
    return packet.pair[: len(packet.pair) // 2 - 2] in {
        address(own[packet.version]) for own in (GATEWAY, OUTSIDE, SECOND)
    }


def _no_link_of_its(packet: Packet, theirs: str, ours: str) -> bool:
    link = packet.protocol == ICMPV6 and packet.raw[packet.transport] in LINK_TYPES
    return link and (theirs, ours) == ("untracked", "invalid")


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
        "neighbours-stay-neighbours",
        "ICMPv6 of a link's own business (MLD, neighbour discovery) is never routed on (RFC 4861 §6.1: hop limit 255). "
        "The kernel leaves it untracked and forwards what is addressed to a host beyond.",
        _no_link_of_its,
    ),
)


def deliberate(packet: Packet, theirs: str, ours: str) -> str:
    """The name of the difference that explains this one; "" if none does. theirs, ours: `ct state`."""
    for difference in DIFFERENCES:
        if difference.applies(packet, theirs, ours):
            return difference.name
    return ""
