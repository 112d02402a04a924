"""TFTP: the answer to a request comes from a port that nobody knows before (RFC 1350 §4).

Lives here: what a request looks like. May not live here: what may be opened (engine/announce.py).
"""

from __future__ import annotations

import re
from typing import Final

from conntrack.helper.base import Endpoint, Helper, Memory, Mention, Speech
from conntrack.packet.header import UDP

#: read or write request: opcode, file name, mode, and the options of RFC 2347
_REQUEST: Final = re.compile(
    rb"\x00[\x01\x02][^\x00]{1,500}\x00(?:octet|netascii|mail)\x00.*", re.IGNORECASE | re.DOTALL
)


class Tftp(Helper):
    """The helper of the connection to port 69, on which nothing but the request is ever sent."""

    def name(self) -> str:
        """The helper's name."""
        return "tftp"

    def protocols(self) -> list[int]:
        """UDP."""
        return [UDP]

    def begin(self) -> Memory:
        """There is nothing to remember."""
        return Memory()

    def read(self, speech: Speech) -> list[Mention]:
        """The client's own port, at which the server will answer from another one."""
        if not speech.original or _REQUEST.fullmatch(speech.payload) is None:
            return []
        return [Mention(UDP, b"", int(speech.speaker.port))]

    def rewrite(self, speech: Speech, mentions: list[Mention], answers: list[Endpoint | None]) -> bytes:
        """A request names no address."""
        return speech.payload
