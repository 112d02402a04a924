"""Integers of a header, in network byte order."""

import pytest

from conntrack.packet.octets import OCTETS, u16, u32, word


def test_reads_network_order_at_any_offset() -> None:
    data = bytes.fromhex("00 12 34 56 78 ff")
    assert u16(data, 1) == 0x1234
    assert u16(data, 4) == 0x78FF
    assert u32(data, 1) == 0x12345678
    assert u32(b"\xff\xff\xff\xff", 0) == 0xFFFFFFFF


@pytest.mark.parametrize("value", [0, 1, 0xFF, 0x100, 0x1234, 0xFFFF])
def test_word_is_what_u16_reads(value: int) -> None:
    assert word(value) == value.to_bytes(2, "big")
    assert u16(word(value), 0) == value


def test_there_is_one_of_every_octet() -> None:
    assert b"".join(OCTETS) == bytes(range(256))
