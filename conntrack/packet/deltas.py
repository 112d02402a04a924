"""The two RFC 1624 sums of a translation, which all its packets share.

Lives here: which part of a pair counts in which checksum. May not live here: applying them (rewrite.py).
"""

from mypy_extensions import i64

from conntrack.packet.checksum import delta
from conntrack.packet.header import DCCP, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE


def deltas(protocol: i64, old_pair: bytes, new_pair: bytes) -> tuple[i64, i64]:
    """(address_delta, port_delta) for rewrite.translate: what the change adds to a sum; made once per direction.

    Pairs are 12 or 36 bytes, both of one IP version. For ICMP and ICMPv6 the port part is the identifier alone, since
    the type is never translated; for protocols without ports it is 0.
    """
    ports: i64 = len(old_pair) - 4
    addresses = delta(old_pair[:ports], new_pair[:ports])
    if protocol == ICMP or protocol == ICMPV6:
        return addresses, delta(old_pair[ports : ports + 2], new_pair[ports : ports + 2])
    if protocol == TCP or protocol == UDP or protocol == UDPLITE or protocol == DCCP or protocol == SCTP:
        return addresses, delta(old_pair[ports:], new_pair[ports:])
    return addresses, 0
