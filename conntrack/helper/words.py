"""Reading the words of a text protocol: numbers, addresses, `host:port`. Strict and bounded.

Lives here: what SIP, SDP, RTSP, FTP and IRC share. May not live here: any protocol's grammar. Positions are offsets
into the bytes that were given, so that whoever rewrites knows what to replace.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final

#: the longest text of an address: "[" + IPv6 + "]"
LONGEST_ADDRESS: Final = 47
_BLANK: Final = b" \t"


class Unreadable(Exception):
    """The bytes are not what the protocol allows, or more than we are willing to read."""


class HostPort:
    """An address and a port as they stand in a text, `start` to `end`.

    address: 4 or 16 bytes, or b"" where a name stands; port: 0 where none stands.
    """

    __slots__ = ("address", "end", "port", "start")

    def __init__(self, address: bytes, port: int, start: int, end: int) -> None:
        self.address = address
        self.port = port
        self.start = start
        self.end = end


def number(data: bytes, start: int, end: int, most: int) -> int:
    """A plain decimal number of at most ten digits between 0 and `most`. Raises Unreadable."""
    if not 0 < end - start <= 10:
        raise Unreadable("no number")
    value = 0
    for at in range(start, end):
        digit = data[at] - 48
        if digit < 0 or digit > 9:
            raise Unreadable("not a number")
        value = value * 10 + digit
    if value > most:
        raise Unreadable("a number too large")
    return value


def port(data: bytes, start: int, end: int) -> int:
    """A port between 0 and 65535. Raises Unreadable."""
    return number(data, start, end, 65535)


def address(text: bytes) -> bytes:
    """An IPv4 or IPv6 address without brackets: 4 or 16 bytes; b"" if it is none (a name, perhaps)."""
    if not 2 <= len(text) <= LONGEST_ADDRESS:
        return b""
    try:
        word = text.decode("ascii")
        return inet_pton(AF_INET6 if b":" in text else AF_INET, word)
    except (OSError, UnicodeDecodeError, ValueError):
        return b""


def show_address(packed: bytes) -> bytes:
    """The text of a 4 or 16 byte address, without brackets."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed).encode()


def show_endpoint(packed: bytes, number: int) -> bytes:
    """`host:port`, or the host alone for port 0; an IPv6 host in brackets (RFC 3986 §3.2.2)."""
    host = show_address(packed)
    if len(packed) == 16:
        host = b"[" + host + b"]"
    return host if number == 0 else host + b":" + str(number).encode()


def host_port(data: bytes, start: int, end: int) -> HostPort:
    """`host` or `host:port` filling exactly start to end; IPv6 in brackets. Raises Unreadable."""
    host_end = end
    number_start = -1
    if start < end and data[start] == 0x5B:  # [
        close = data.find(b"]", start, end)
        if close < 0:
            raise Unreadable("a bracket that does not close")
        packed = address(data[start + 1 : close])
        if len(packed) != 16:
            raise Unreadable("no IPv6 address in brackets")
        host_end = close + 1
        if host_end < end:
            if data[host_end] != 0x3A:  # :
                raise Unreadable("something after the brackets")
            number_start = host_end + 1
    else:
        colon = data.find(b":", start, end)
        if colon >= 0:
            host_end = colon
            number_start = colon + 1
        if not is_host(data, start, host_end):
            raise Unreadable("not a host")
        packed = address(data[start:host_end])
    found = port(data, number_start, end) if number_start >= 0 else 0
    if number_start >= 0 and found == 0:
        raise Unreadable("port 0")
    return HostPort(packed, found, start, end)


def is_host(data: bytes, start: int, end: int) -> bool:
    """Whether only letters, digits, hyphens, underscores and dots stand here, up to 255."""
    if not 0 < end - start <= 255:
        return False
    for at in range(start, end):
        byte = data[at] | 0x20
        if not (0x61 <= byte <= 0x7A or 0x30 <= data[at] <= 0x39 or data[at] in b"-._"):
            return False
    return True


def trim(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The same without blanks at either end."""
    while start < end and data[start] in _BLANK:
        start += 1
    while end > start and data[end - 1] in _BLANK:
        end -= 1
    return start, end


def skip_blanks(data: bytes, start: int, end: int) -> int:
    """The first position that is no blank."""
    while start < end and data[start] in _BLANK:
        start += 1
    return start
