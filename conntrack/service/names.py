"""Names of protocol numbers, for people.

Lives here: the table, both ways. May not live here: anything about a protocol but its name. The client imports this.
"""

from __future__ import annotations

from typing import Final

#: IANA "Assigned Internet Protocol Numbers", those that cross a gateway, by their usual short names
PROTOCOLS: Final[dict[int, str]] = {
    1: "icmp",
    2: "igmp",
    4: "ipip",
    6: "tcp",
    17: "udp",
    33: "dccp",
    41: "ipv6",
    46: "rsvp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmpv6",
    88: "eigrp",
    89: "ospf",
    103: "pim",
    112: "vrrp",
    132: "sctp",
    136: "udplite",
}
NUMBERS: Final[dict[str, int]] = {name: number for number, name in PROTOCOLS.items()}

#: protocols whose keys hold an identifier, a type and a code
ICMP_LIKE: Final = frozenset({1, 58})


def protocol_name(number: int) -> str:
    """The protocol's name; its number as text where it has none here."""
    return PROTOCOLS.get(number) or str(number)


def protocol_number(text: str) -> int:
    """The number of a protocol named or numbered. ValueError: neither."""
    number = NUMBERS.get(text.lower())
    if number is None:
        if not (text.isascii() and text.isdigit()) or int(text) > 255:
            raise ValueError(f"no such protocol: {text} (a number from 0 to 255, or {', '.join(NUMBERS)})")
        number = int(text)
    return number
