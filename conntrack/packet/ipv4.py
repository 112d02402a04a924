"""The IPv4 header (RFC 791).

Lives here: header, options, fragment flags. May not live here: the transport (parse.py picks its reader).
"""

from mypy_extensions import i64

from conntrack.packet import reason
from conntrack.packet.checksum import range_sum
from conntrack.packet.errors import Malformed
from conntrack.packet.header import FIRST_FRAGMENT, LATER_FRAGMENT, WHOLE, Packet
from conntrack.packet.octets import u16


def read_ipv4(raw: bytes, packet: Packet) -> None:
    """Reads the header at the start of `raw`; its checksum is always verified. Raises Malformed.

    Bytes past the total length are link padding, as for the kernel (ip_rcv cuts them off).
    """
    size: i64 = len(raw)
    if size < 20:
        raise Malformed(reason.TRUNCATED)
    first: i64 = raw[0]
    header = (first & 0x0F) << 2
    if header < 20 or header > size:
        raise Malformed(reason.BAD_HEADER_LENGTH)
    if range_sum(raw, 0, header) != 0:
        raise Malformed(reason.BAD_IP_CHECKSUM)
    length = u16(raw, 2)
    if length < header or length > size:
        raise Malformed(reason.BAD_TOTAL_LENGTH)
    source: i64 = raw[12]
    if source >= 224:
        _refuse_source(raw)
    packet.network = 0
    packet.length = length
    take_fields(raw, packet, header)
    if header > 20:
        check_options(raw, 20, header)


def take_fields(raw: bytes, packet: Packet, header: i64) -> None:
    """Fills the fields of the IPv4 header at packet.network, `header` bytes long; all of them are there."""
    start = packet.network
    packet.version = 4
    packet.tos = raw[start + 1]
    packet.hop_limit = raw[start + 8]
    packet.protocol = raw[start + 9]
    packet.transport = start + header
    packet.options = header > 20
    packet.fragment = fragment(u16(raw, start + 6))


def fragment(field: i64) -> i64:
    """What the flags and offset of an IPv4 header say: WHOLE, FIRST_FRAGMENT or LATER_FRAGMENT."""
    if field & 0x3FFF == 0:
        return WHOLE
    return LATER_FRAGMENT if field & 0x1FFF else FIRST_FRAGMENT


def check_options(raw: bytes, start: i64, end: i64) -> None:
    """Raises Malformed when the options raw[start:end] do not chain up to their end (RFC 791 §3.1)."""
    at = start
    while at < end:
        kind: i64 = raw[at]
        if kind == 0:
            return
        if kind == 1:
            at += 1
            continue
        size: i64 = raw[at + 1] if at + 1 < end else 0
        if size < 2 or at + size > end:
            raise Malformed(reason.BAD_OPTION)
        at += size


def _refuse_source(raw: bytes) -> None:
    """RFC 1122 §3.2.1.3: neither a group nor everybody can be a sender. 240.0.0.0/4 may, as for the kernel."""
    if raw[12] < 240 or raw[12:16] == b"\xff\xff\xff\xff":
        raise Malformed(reason.BAD_ADDRESS)
