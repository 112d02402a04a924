"""The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

Lives here: arithmetic on bytes. May not live here: where a header keeps its checksum, or what a checksum of 0
means there (udp.py, rewrite.py).

Sums are taken modulo 0xFFFF, so 0 stands for both zeros of ones' complement: a block whose checksum is right
sums to 0. A *delta* is new minus old, 0–0xFFFE: it may be added to other deltas before it is applied.
"""

from types import FunctionType
from typing import Final

from mypy_extensions import i64


def ones_sum(data: bytes) -> i64:
    """The sum of the 16-bit words of a block, the last one padded with zero; 0–0xFFFE."""
    return range_sum(data, 0, len(data))


def range_sum(raw: bytes, start: i64, end: i64) -> i64:
    """The sum of the 16-bit words of raw[start:end], the last one padded with zero; 0–0xFFFE."""
    if _COMPILED:
        return _sum_by_word(raw, start, end)
    return _sum_by_division(raw, start, end)


def _sum_by_word(raw: bytes, start: i64, end: i64) -> i64:
    """The way for compiled code: indexing is nearly free there (a 1500-byte packet: 0.6 µs, by division 2.7 µs)."""
    even: i64 = 0
    odd: i64 = 0
    at = start
    while at + 1 < end:
        high: i64 = raw[at]
        low: i64 = raw[at + 1]
        even += high
        odd += low
        at += 2
    if at < end:
        last: i64 = raw[at]
        even += last
    return ((even << 8) + odd) % 0xFFFF


def _sum_by_division(raw: bytes, start: i64, end: i64) -> i64:
    """The way for interpreted code: 65536 is 1 modulo 0xFFFF, so one big remainder adds all words (100 × faster)."""
    total = int.from_bytes(raw[start:end], "big") % 0xFFFF
    if (end - start) & 1:
        total = (total << 8) % 0xFFFF
    return total


#: mypyc's functions are not Python's: decides once, at import, which way range_sum takes
_COMPILED: Final = not isinstance(ones_sum, FunctionType)


def delta(old: bytes, new: bytes) -> i64:
    """What replacing one block by another adds to a sum: RFC 1624's ~m + m'. Both start at an even offset."""
    return (ones_sum(new) - ones_sum(old)) % 0xFFFF


def adjust(checksum: i64, delta: i64) -> i64:
    """The checksum after an update: RFC 1624 eqn. 3, HC' = ~(~HC + ~m + m'). `delta` may be a sum of up to three.

    A delta of 0 leaves every checksum as it is. Otherwise the result is what a computation from scratch gives for
    a block that is not all zero, which is never 0xFFFF.
    """
    total = (checksum ^ 0xFFFF) + delta
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def adjust_partial(field: i64, delta: i64) -> i64:
    """The same for a field that holds the plain sum of the pseudo header (the kernel's CHECKSUM_PARTIAL)."""
    return adjust(field ^ 0xFFFF, delta) ^ 0xFFFF
