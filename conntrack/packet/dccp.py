"""What tracking reads of a DCCP header beyond its ports (RFC 4340 §5.1–5.3).

Lives here: type, sequence and acknowledgement numbers. May not live here: the generic header's checks (other.py) or
connections (tracker/dccp).
"""

from typing import Final

from mypy_extensions import i64

from conntrack.packet.header import Packet
from conntrack.packet.octets import u16, u32

# packet types; from 10 on they are reserved
REQUEST: Final = 0
RESPONSE: Final = 1
DATA: Final = 2
ACK: Final = 3
DATAACK: Final = 4
CLOSEREQ: Final = 5
CLOSE: Final = 6
RESET: Final = 7
SYNC: Final = 8
SYNCACK: Final = 9
TYPES: Final = 10

_LONG: Final = 16  # bytes of a header with 48-bit numbers (the X bit); 12 without
_ACKNOWLEDGEMENT: Final = 8


def packet_type(packet: Packet) -> i64:
    """The packet's type, 0–15."""
    octet: i64 = packet.raw[packet.transport + 8]
    return octet >> 1 & 0x0F


def long_sequence(packet: Packet) -> i64:
    """The 48-bit sequence number; -1 if the packet has a short one, which no packet of a handshake may have."""
    at = packet.transport
    if not packet.raw[at + 8] & 1 or packet.payload < at + _LONG:
        return -1
    return u16(packet.raw, at + 10) << 32 | u32(packet.raw, at + 12)


def long_acknowledgement(packet: Packet) -> i64:
    """The 48-bit acknowledgement number; -1 if there is no room for one."""
    at = packet.transport + _LONG
    if long_sequence(packet) < 0 or packet.payload < at + _ACKNOWLEDGEMENT:
        return -1
    return u16(packet.raw, at + 2) << 32 | u32(packet.raw, at + 4)
