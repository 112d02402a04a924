"""ICMP errors about packets that have come through: as lines of a sequence, and as bytes.

wan < error port            about the last packet that reached wan, from wan's host
wan < error frag whole      quoting all of it; without `whole` it is the eight bytes past the IP header
wan < error ttl beside      from another host on that side
wan < error ttl elsewhere   sent to another host than the packet's sender
wan < error port stranger   about a port that the packet did not have
wan < error port broken     with a wrong ICMP checksum
"""

from __future__ import annotations

import random
import struct

from tests.kernel.finish import ends, transport_of
from tests.kernel.scenes import BESIDE, address
from tests.segments import ip

#: word → (type, code) by IP version
KINDS = {
    "net": {4: (3, 0), 6: (1, 0)},
    "port": {4: (3, 3), 6: (1, 4)},
    "prohibited": {4: (3, 13), 6: (1, 1)},
    "frag": {4: (3, 4), 6: (2, 0)},
    "ttl": {4: (11, 0), 6: (3, 0)},
    "parameter": {4: (12, 0), 6: (4, 0)},
    "quench": {4: (4, 0), 6: (1, 3)},
    "redirect": {4: (5, 1), 6: (1, 2)},
}
#: an IPv6 error stays within 1280 bytes (RFC 4443 §2.4)
MOST_QUOTED = 1200
ODDITIES = ("", "", "", "whole", "whole", "beside", "beside whole", "elsewhere", "stranger", "broken")


def some(chance: random.Random, lines: list[str]) -> list[str]:
    """The lines with now and then an error about the packet before."""
    result = []
    for line in lines:
        result.append(line)
        if chance.random() < 0.15:
            side = "wan" if line.split()[0] == "lan" else "lan"
            kind = chance.choice(list(KINDS))
            result.append(f"{side} {'>' if side == 'lan' else '<'} error {kind} {chance.choice(ODDITIES)}".strip())
    return result


def is_error(words: list[str]) -> bool:
    """Whether a line's words are one of these errors (and not SCTP's ERROR chunk)."""
    return words[2] == "error" and words[3] in KINDS


def error(quoted: bytes, side: str, kind: str, details: list[str]) -> bytes:
    """The error that a host on this side sends about a packet that reached it."""
    version = quoted[0] >> 4
    about = quoted[:MOST_QUOTED] if "whole" in details else quoted[: transport_of(quoted) + 8]
    if "stranger" in details:
        at = transport_of(quoted)
        about = about[:at] + struct.pack(">H", struct.unpack_from(">H", about, at)[0] ^ 0x5555) + about[at + 2 :]
    sender, receiver = ends(quoted)
    if "elsewhere" in details:
        sender = address(BESIDE["wan" if side == "lan" else "lan", version])
    if "beside" in details:
        receiver = address(BESIDE[side, version])
    number, code = KINDS[kind][version]
    message = struct.pack(">BBHHH", number, code, 0, 0, 1400 if kind == "frag" else 0) + about
    return ip(receiver, sender, 1 if version == 4 else 58, message)
