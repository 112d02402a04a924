"""IPv4 addresses inside IPv6 addresses (RFC 6052).

Lives here: where the four octets stand for each prefix length, and which of them the well-known prefix may not carry.
May not live here: packets (translate64.py), which prefixes a gateway has (policy/).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

#: the prefix lengths that RFC 6052 §2.2 knows
LENGTHS: Final = (32, 40, 48, 56, 64, 96)
#: 64:ff9b::/96, whose meaning is the same everywhere
WELL_KNOWN: Final = b"\x00\x64\xff\x9b" + bytes(12)
#: bits 64–71, which stay zero
_RESERVED: Final = 8

#: what an IPv4 packet made here shows as its source until it is routed: the kernel takes no packet in whose source is
#: an address of its own. 192.0.0.8 is the "IPv4 dummy address" of translators (RFC 7600)
STAND_IN: Final = b"\xc0\x00\x00\x08"

#: first octets, and a further bound where the block is not a whole /8: (low, high) of IPv4 addresses that are nobody's
#: or private (RFC 6052 §3.1, RFC 6890). Documentation networks are left out: no route leads to them but in a laboratory
_NOT_GLOBAL: Final = (
    (b"\x00\x00\x00\x00", b"\x00\xff\xff\xff"),
    (b"\x0a\x00\x00\x00", b"\x0a\xff\xff\xff"),
    (b"\x64\x40\x00\x00", b"\x64\x7f\xff\xff"),
    (b"\x7f\x00\x00\x00", b"\x7f\xff\xff\xff"),
    (b"\xa9\xfe\x00\x00", b"\xa9\xfe\xff\xff"),
    (b"\xac\x10\x00\x00", b"\xac\x1f\xff\xff"),
    (b"\xc0\x00\x00\x00", b"\xc0\x00\x00\xff"),
    (b"\xc0\xa8\x00\x00", b"\xc0\xa8\xff\xff"),
    (b"\xc6\x12\x00\x00", b"\xc6\x13\xff\xff"),
    (b"\xe0\x00\x00\x00", b"\xff\xff\xff\xff"),
)


def extract(address: bytes, prefix: bytes, length: i64) -> bytes:
    """The IPv4 address in an IPv6 one; b"" where it is not within the prefix or uses the reserved octet."""
    octets = length >> 3
    if address[:octets] != prefix[:octets]:
        return b""
    if octets == 12:
        return address[12:16]
    if address[_RESERVED] != 0:
        return b""
    return address[octets:_RESERVED] + address[9 : octets + 5]


def embed(address: bytes, prefix: bytes, length: i64) -> bytes:
    """The IPv6 address that stands for an IPv4 one."""
    octets = length >> 3
    if octets == 12:
        return prefix[:12] + address
    before = _RESERVED - octets
    return prefix[:octets] + address[:before] + b"\0" + address[before:] + bytes(3 + int(before))


def is_global(address: bytes) -> bool:
    """Whether the well-known prefix may stand before this IPv4 address."""
    for low, high in _NOT_GLOBAL:  # noqa: SIM110 - a loop compiles to one, any() to a generator
        if low <= address <= high:
            return False
    return True


def is_host(address: bytes) -> bool:
    """Whether an IPv4 address may be a host's on another network at all: neither this network, loopback nor a group."""
    first: i64 = address[0]
    return first != 0 and first != 127 and first < 224
