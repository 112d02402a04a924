"""Whole networks for each other: the n-th address for the n-th, or IPv6 prefixes without a change of checksums.

Lives here: what one address becomes. May not live here: which networks (policy/), which packets (nat/).
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.packet.checksum import ones_sum

#: RFC 6296: prefixes up to this length adjust the subnet's 16 bits, longer ones a word of the interface identifier
_SUBNET_FREE = 48


def moved(address: bytes, low: bytes, other: bytes) -> bytes:
    """The address as far from `other` as it is from `low`: its counterpart in a range that begins there."""
    if low == address:
        return other
    number = int.from_bytes(address, "big") - int.from_bytes(low, "big") + int.from_bytes(other, "big")
    return number.to_bytes(len(address), "big")


def neutral(address: bytes, low: bytes, other: bytes, length: i64) -> bytes:
    """The IPv6 address with the first `length` (≤ 64) bits of `other` for low's, and a word that makes up for it.

    RFC 6296 §3: the sum over the address stays what it was, so that no checksum over it changes. b"": it has no such
    word (all ones in the subnet of a /48, or in the whole interface identifier).
    """
    place = 6 if length <= _SUBNET_FREE else _free_word(address)
    if place < 0 or address[place : place + 2] == b"\xff\xff":
        return b""
    result = bytearray(moved(address, low, other))
    word = ones_sum(bytes(result[place : place + 2]) + low + inverted(other))
    if word == 0xFFFF:
        word = 0
    result[place] = int(word >> 8)
    result[place + 1] = int(word & 0xFF)
    return bytes(result)


def _free_word(address: bytes) -> i64:
    place: i64 = 8
    while place < 16:
        if address[place : place + 2] != b"\xff\xff":
            return place
        place += 2
    return -1


def inverted(address: bytes) -> bytes:
    """Every bit of it the other way: what its ones'-complement sum is subtracted with."""
    return bytes([octet ^ 0xFF for octet in address])


def counterpart(address: bytes, low: bytes, other: bytes, length: i64) -> bytes:
    """By whichever way: length 0 is the n-th for the n-th, everything else a checksum-neutral prefix; b"" as above."""
    return moved(address, low, other) if length == 0 else neutral(address, low, other, length)
