"""The ports that the gateway's own sockets use, which NAT must not hand out.

Lives here: reading them. May not live here: how often, and what NAT does with them (service/, nat/ports.py).

/proc/net is read, not sock_diag: the kernel walks the same tables for either, and a socket costs 10 µs as a line of
text, but 50 µs as a message that pyroute2 decodes.
"""

from __future__ import annotations

from pathlib import Path
from sys import byteorder
from typing import Final

_NET: Final = Path("/proc/net")
#: file → protocol number; missing where the kernel runs without IPv6 or UDP-Lite
_TABLES: Final = {"tcp": 6, "tcp6": 6, "udp": 17, "udp6": 17, "udplite": 136, "udplite6": 136}


def read(net: Path = _NET) -> set[int]:
    """protocol·65536 + port of every TCP, UDP and UDP-Lite socket of this network namespace.

    Listening, connected and closing ones alike; not those bound to loopback, which NAT cannot collide with.
    """
    found: set[int] = set()
    for name, protocol in _TABLES.items():
        try:
            text = (net / name).read_text()
        except FileNotFoundError:
            continue
        found |= parse(text, protocol)
    return found


def parse(text: str, protocol: int) -> set[int]:
    """Reads one table: a heading, then `slot: ADDRESS:PORT …` in hexadecimal."""
    base = protocol << 16
    found = set()
    for line in text.splitlines()[1:]:
        address, _, port = line.split(None, 2)[1].partition(":")
        number = int(port, 16)
        if number and not _is_loopback(address):
            found.add(base | number)
    return found


def _is_loopback(address: str) -> bool:
    """127.0.0.0/8 or ::1; addresses are printed as 32-bit words in the host's byte order."""
    if len(address) == 8:
        return (address[6:] if byteorder == "little" else address[:2]) == "7F"
    return address == ("0" * 24 + "01000000" if byteorder == "little" else "0" * 31 + "1")
