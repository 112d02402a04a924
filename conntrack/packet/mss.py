"""Clamping the maximum segment size of a SYN, for paths with a smaller MTU than the ends know of.

Lives here: the edit. May not live here: which packets and what size (policy, engine).
"""

from mypy_extensions import i64

from conntrack.packet.checksum import delta
from conntrack.packet.header import SYN, TCP, WHOLE, Packet
from conntrack.packet.octets import u16, word
from conntrack.packet.patch import transport_checksum
from conntrack.packet.tcp_options import MSS, find


def clamp_mss(packet: Packet, limit: int) -> bytes:
    """The packet with its MSS option lowered to `limit` (1–65535 bytes), or packet.raw itself when nothing changes.

    As the kernel's TCPMSS target: only a SYN is touched, and an MSS is never raised. A SYN without the option is
    left as it is. Raises Malformed(BAD_OPTION).
    """
    raw = packet.raw
    bound: i64 = limit
    if packet.protocol != TCP or packet.flags & SYN == 0 or packet.fragment != WHOLE:
        return raw
    at = find(packet, MSS, 4)
    if at == 0 or u16(raw, at + 2) <= bound:
        return raw
    return _with_mss(packet, at + 2, bound)


def _with_mss(packet: Packet, at: i64, size: i64) -> bytes:
    """Writes the value at offset `at`, which may be odd: so the sum is taken over all options."""
    raw = packet.raw
    start = packet.transport + 20
    options = b"%b%b%b" % (raw[start:at], word(size), raw[at + 2 : packet.payload])
    change = delta(raw[start : packet.payload], options)
    checksum = transport_checksum(packet, start - 4, 0, change)
    return b"%b%b%b%b%b" % (raw[: start - 4], checksum, raw[start - 2 : start], options, raw[packet.payload :])
