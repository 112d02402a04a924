"""Transport checksums of rewritten packets that segmentation and checksum offload left unfinished.

Lives here: what the kernel expects of them. May not live here: which packets these are (judge.py reads it). Compiled.

With NFQA_CFG_F_GSO a packet may come with only the pseudo header's sum in its checksum (CHECKSUM_PARTIAL), for the
hardware to finish. Passed unchanged, the kernel still knows that. Rewritten (nfqnl_mangle), it takes the checksum for
finished. A single packet must therefore be finished here. One that is yet to be cut into segments must keep the pseudo
header's sum, of the new addresses: UDP's segmentation builds on it, and TCP's makes it anew.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from conntrack.packet.addresses import pseudo_sum, transport_sum
from conntrack.packet.crc32c import sctp_checksum
from conntrack.packet.errors import Malformed
from conntrack.packet.header import SCTP, TCP, UDP, WHOLE, Packet
from conntrack.packet.octets import word
from conntrack.packet.parse import parse

_SCTP_AT: Final = 8


class Finisher:
    """Finishes one packet after another."""

    def __init__(self) -> None:
        self._packet = Packet()

    def finish(self, raw: bytes, segmented: bool) -> bytes:
        """The packet with the checksum that the kernel expects; segmented: it is yet to be cut into segments.

        b"" where there is no such checksum: SCTP's segments are lists of packets, which a rewriting would join.
        """
        packet = self._packet
        try:
            parse(raw, packet, False)
        except Malformed:
            return raw  # left as whoever rewrote it wanted it
        if packet.fragment != WHOLE:
            return raw
        if packet.protocol == SCTP:
            return b"" if segmented else _with(raw, packet.transport + _SCTP_AT, _crc(packet))
        if packet.protocol != TCP and packet.protocol != UDP:
            return raw
        place: i64 = packet.transport + (16 if packet.protocol == TCP else 6)
        size: i64 = packet.length - packet.transport
        if segmented:
            return _with(raw, place, word(pseudo_sum(packet, size) % 0xFFFF))
        packet.raw = _with(raw, place, b"\0\0")
        total = transport_sum(packet, size, size)
        checksum: i64 = 0xFFFF - total
        return _with(raw, place, word(checksum))


def _crc(packet: Packet) -> bytes:
    return int(sctp_checksum(packet.raw, packet.transport, packet.length)).to_bytes(4, "little")


def _with(raw: bytes, place: i64, field: bytes) -> bytes:
    return raw[:place] + field + raw[place + len(field) :]
