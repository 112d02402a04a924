"""Numbers with a meaning: counts, durations, rates, ports, marks, DSCP, yes and no.

Lives here: a parser for each, from the word as written to the value; all raise Wrong. May not live here: addresses
(addresses.py), services, anything about where a word stands.
"""

from __future__ import annotations

import re
from typing import Any, Final

from conntrack.policy.problems import Wrong, did_you_mean
from conntrack.policy.raw import Row, Table
from conntrack.policy.values import Ports, Rate

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
PERIODS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
YES: Final = ("yes", "true", "on")
NO: Final = ("no", "false", "off")
NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
DURATION: Final = re.compile(r"(0|[1-9][0-9]{0,9})([smhdw]?)", re.ASCII)
RATE: Final = re.compile(r"(\S+?)\s*/\s*(\S+)(?:\s+(per\s+source))?(?:\s+burst\s+(\S+))?", re.ASCII)
#: the longest duration: ten years
LONGEST: Final = 3650 * 86400
#: what a host without an MSS option may be sent anyway (RFC 9293 §3.7.1), and what the largest IPv4 packet holds
SMALLEST_MSS: Final = 536
LARGEST_MSS: Final = 65495
#: class names of RFC 2474, 2597, 3246, 5865 and 8622
DSCP: Final = {
    "default": 0,
    **{f"cs{number}": 8 * number for number in range(8)},
    **{f"af{x}{y}": 8 * x + 2 * y for x in range(1, 5) for y in range(1, 4)},
    "ef": 46,
    "voice-admit": 44,
    "le": 1,
}


def text(raw: Any, wanted: str) -> str:
    """The word itself; Wrong where a list, a mapping or nothing stands instead."""
    if isinstance(raw, str) and raw.strip():
        return raw.strip()
    if isinstance(raw, int) and not isinstance(raw, bool):  # a default, or a document made in Python
        return str(raw)
    stands = "a mapping" if isinstance(raw, Table) else "a list" if isinstance(raw, Row) else "nothing"
    raise Wrong(f"{stands} stands where {wanted} is wanted", "write a single word here")


def number(raw: Any, low: int, high: int, wanted: str = "a number") -> int:
    """A whole decimal number from low to high."""
    word = text(raw, wanted)
    if not NUMBER.fullmatch(word):
        raise Wrong(f'"{word}" is not {wanted}', _why_not_decimal(word))
    value = int(word)
    if not low <= value <= high:
        raise Wrong(f"{word} is out of range", f"{wanted} from {low} to {high}")
    return value


def _why_not_decimal(word: str) -> str:
    if re.fullmatch(r"0[0-9]+", word):
        return f"leave out the leading zeros: {word.lstrip('0') or '0'} (they could be read as octal)"
    if re.fullmatch(r"0[xob][0-9a-fA-F]+", word) or re.fullmatch(r"[0-9]+e[0-9]+|[0-9_]+|[0-9]+\.0+", word):
        return "write plain decimal digits"
    return "write a whole number in decimal digits"


def count(raw: Any) -> int:
    """A number of things, at least one."""
    return number(raw, 1, 1 << 31, "a whole number")


def boolean(raw: Any) -> bool:
    """yes, true, on; no, false, off."""
    if isinstance(raw, bool):
        return raw
    word = text(raw, "yes or no").lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise Wrong(f'"{word}" is neither yes nor no', "write yes or no")


def duration(raw: Any) -> int:
    """Whole seconds: `300`, `90s`, `5m`, `1h`, `5d`, `2w`."""
    word = text(raw, "a duration")
    found = DURATION.fullmatch(word)
    if found is None:
        raise Wrong(f'"{word}" is not a duration', "write seconds (300) or a number with s, m, h, d or w (5m, 1h)")
    seconds = int(found[1]) * SECONDS[found[2] or "s"]
    if not 1 <= seconds <= LONGEST:
        raise Wrong(f"{word} is out of range", "a duration is from 1s to 3650d")
    return seconds


def pause(raw: Any) -> int:
    """Whole seconds as in `duration`, or 0 for `off`."""
    return 0 if text(raw, 'a duration, or "off"') == "off" else duration(raw)


def rate(raw: Any) -> Rate:
    """`5/minute`, `50/second per source`, `10/second burst 20`; the burst is the count where none is named."""
    word = text(raw, "a rate")
    found = RATE.fullmatch(word)
    if found is None:
        raise Wrong(f'"{word}" is not a rate', 'write "5/minute", "50/second per source" or "10/second burst 20"')
    if found[2] not in PERIODS:
        raise Wrong(f'"{found[2]}" is not a period', did_you_mean(found[2], PERIODS))
    amount = number(found[1], 1, 1_000_000_000, "a count")
    burst = number(found[4], 1, 1_000_000_000, "a burst") if found[4] else amount
    return Rate(amount, PERIODS[found[2]], burst, found[3] is not None)


def port(raw: Any) -> int:
    """1 to 65535."""
    return number(raw, 1, 65535, "a port")


def ports(raw: Any) -> Ports:
    """A port, or a range `8000-8100`."""
    word = text(raw, "a port or a range of ports")
    low, dash, high = (part.strip() for part in word.partition("-"))
    if dash and not (low and high):
        raise Wrong(f'"{word}" is not a range of ports', "write both ends: 8000-8100")
    found = Ports(port(low), port(high if dash else low))
    if found.low > found.high:
        raise Wrong(f"the range {word} is empty", f"write the lower port first: {found.high}-{found.low}")
    return found


def mark(raw: Any) -> int:
    """A packet mark of 28 bits, decimal or `0x…`; the four bits above are the gateway's own."""
    word = text(raw, "a mark")
    hexadecimal = re.fullmatch(r"0x([0-9a-fA-F]{1,8})", word)
    value = int(hexadecimal[1], 16) if hexadecimal else number(word, 0, 0xFFFFFFFF, "a mark")
    if not 1 <= value < 1 << 28:
        raise Wrong(
            f"the mark {word} is out of range", "a mark is from 1 to 0xfffffff; the bits above are pairwall's own"
        )
    return value


def dscp(raw: Any) -> int:
    """0 to 63, or the name of a class."""
    word = text(raw, "a DSCP").lower()
    if word in DSCP:
        return DSCP[word]
    if word[:1].isdigit():
        return number(word, 0, 63, "a DSCP")
    close = did_you_mean(word, DSCP)
    raise Wrong(f'"{word}" is not a DSCP', close or "write 0 to 63, or a class: ef, af11 to af43, cs0 to cs7")


def mss(raw: Any) -> int:
    """A maximum segment size in bytes, or −1 for `path`."""
    word = text(raw, "a segment size, or path")
    if word == "path":
        return -1
    if word.isalpha():
        raise Wrong(f'"{word}" is no segment size', "write path, or a number of bytes such as 1360")
    return number(raw, SMALLEST_MSS, LARGEST_MSS, "a segment size")
