"""CRC32c: the check value of the polynomial, and the examples of RFC 3720 B.4."""

import pytest
from scapy.layers.sctp import SCTP, SCTPChunkData

from conntrack.packet.crc32c import sctp_checksum, update
from tests.unit.packet.build import wire


def crc32c(data: bytes) -> int:
    return update(0xFFFFFFFF, data, 0, len(data)) ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_known_values(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


def test_a_state_can_be_continued() -> None:
    data = b"123456789"
    state = update(update(0xFFFFFFFF, data, 0, 4), data, 4, 9)
    assert state ^ 0xFFFFFFFF == 0xE3069283


def test_the_field_itself_counts_as_zero_and_the_packet_may_stand_anywhere() -> None:
    packet = wire(SCTP(sport=5000, dport=5001, tag=0x11223344) / SCTPChunkData(data=b"hello", tsn=9))
    expected = int.from_bytes(packet[8:12], "little")
    assert sctp_checksum(b"ip header" + packet, 9, 9 + len(packet)) == expected
    garbled = packet[:8] + b"\xde\xad\xbe\xef" + packet[12:]
    assert sctp_checksum(garbled, 0, len(garbled)) == expected
