"""Lines of text in a TCP stream that comes in pieces.

Lives here: where a line begins and ends. May not live here: what it says.

Only lines that lie within one piece are handed out: of one that is spread over two, the first half has left already
when the second comes, so nothing in it could be changed. Nobody sends a command that way except to slip one past.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

#: longer lines are not handed out, in bytes (RFC 959 clients and IRC, RFC 2812 §2.3, stay under it)
LONGEST_LINE: Final = 600
#: lines of one piece that are handed out; after those the rest is as if it had not been said
MOST_LINES: Final = 64


class Line:
    """A line without its end (LF or CR LF), and where in the payload it begins."""

    __slots__ = ("start", "text")

    def __init__(self, start: i64, text: bytes) -> None:
        self.start: i64 = start
        self.text = text


class Lines:
    """One direction's framing."""

    def __init__(self) -> None:
        self._within = False  # what comes next belongs to a line that began earlier, or may

    def take(self, payload: bytes, gap: bool) -> list[Line]:
        """The whole lines of the next payload; after a gap (Speech.gap) from the first one that surely is one."""
        found: list[Line] = []
        start = 0
        if gap or self._within:
            start = payload.find(b"\n") + 1
            if start == 0:
                self._within = True
                return found
        while start < len(payload) and len(found) < MOST_LINES:
            end = payload.find(b"\n", start)
            if end < 0:
                break
            if end - start <= LONGEST_LINE:
                found.append(Line(start, payload[start:end].removesuffix(b"\r")))
            start = end + 1
        self._within = not payload.endswith(b"\n")
        return found
