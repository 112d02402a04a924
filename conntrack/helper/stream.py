"""Where messages begin in a TCP stream of SIP or RTSP (RFC 3261 §18.3, RFC 2326 §10.12).

Lives here: following one direction from message to message, by the lengths that they name. May not live here: what is
in a message. Only a message that is whole within one segment can be rewritten; one that is spread over several is
followed, so that the next is found, and passes as it is. Bytes that merely look like a message inside another's body
are never taken for one: what a web page has its browser send to a SIP port opens nothing (NAT slipstreaming). After
a gap a message must begin a segment and be whole in it, and only who spoke the protocol before the gap is listened to.
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.message import Grammar, Message, read_head, read_message
from conntrack.helper.words import Unreadable
from conntrack.packet.octets import u16

#: messages of one payload
MOST_MESSAGES: Final = 32


class Stream:
    """One direction. spoken: at least one message has been understood; foreign: the first bytes were none."""

    def __init__(self, grammar: Grammar, interleaved: bool = False) -> None:
        self._grammar = grammar
        self._interleaved = interleaved  # `$`, channel and length in front of media between messages
        self._beyond = 0  # bytes that still belong to what began before
        self._head = b""  # the beginning of a message whose headers are not complete
        self._lost = False
        self.spoken = False
        self.foreign = False

    def messages(self, payload: bytes, gap: bool) -> list[Message]:
        """The messages that are whole in this payload, in order."""
        found: list[Message] = []
        if gap:
            self.foreign = self.foreign or not self.spoken  # whoever begins with a gap might have anything in it
            self._lose()
        if self.foreign:
            return found
        try:
            at = self._continued(payload)
            while 0 <= at < len(payload) and len(found) < MOST_MESSAGES:
                at = self._next(payload, at, found)
            if at < len(payload):
                self._lose()
        except Unreadable:
            self.foreign = not self.spoken
            self._lose()
        return found

    def _lose(self) -> None:
        self._beyond = 0
        self._head = b""
        self._lost = True

    def _continued(self, payload: bytes) -> int:
        """Where the rest of what began before ends; past the payload if it goes on."""
        if self._head:
            joined = self._head + payload
            message = read_head(self._grammar, joined, 0, len(joined), True)
            if message is None:
                self._head = joined
                return len(payload)
            self._beyond = message.end - len(self._head)
            self._head = b""
            self.spoken = True
        at = min(self._beyond, len(payload))
        self._beyond -= at
        return at

    def _next(self, payload: bytes, at: int, found: list[Message]) -> int:
        """Takes the message that begins at `at`, if it is whole; where the next one begins."""
        if payload.startswith(b"\r\n", at):  # keep-alive (RFC 5626 §3.5.1)
            return at + 2
        if self._interleaved and payload[at] == 0x24:
            return self._media(payload, at)
        message = read_message(self._grammar, payload, at, len(payload), True)
        if message is not None:
            self._lost = False
            self.spoken = True
            found.append(message)
            return message.end
        if self._lost:  # after a gap only a whole message shows that one begins here
            return len(payload)
        head = read_head(self._grammar, payload, at, len(payload), True)
        if head is None:
            self._head = payload[at:]
            return len(payload)
        self.spoken = True
        self._beyond = head.end - len(payload)
        return len(payload)

    def _media(self, payload: bytes, at: int) -> int:
        if at + 4 > len(payload) or self._lost:
            raise Unreadable("media cut in their length")
        end = at + 4 + int(u16(payload, at + 2))
        self._beyond = max(0, end - len(payload))
        return end
