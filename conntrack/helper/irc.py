"""IRC: files and chats that go directly from user to user, announced by DCC (the CTCP specification's DCC part).

Lives here: reading and writing `PRIVMSG nick :^ADCC SEND file address port size^A`. May not live here: what may be
opened (engine/announce.py).

The peer is another user, so anybody may connect: no service asks for this helper by itself, a rule has to name it.
Resuming (DCC RESUME, ACCEPT) names ports that are not translated back. A client that does not speak IRC (a browser
that was made to send to this port) is not read any further.
"""

from __future__ import annotations

import re
from typing import Final, cast

from mypy_extensions import i64

from conntrack.helper.base import Endpoint, Helper, Memory, Mention, Speech
from conntrack.helper.lines import Line, Lines
from conntrack.helper.placed import Placed, answered
from conntrack.helper.words import address, show_address
from conntrack.packet.header import TCP

#: any message of a client (RFC 2812 §2.3.1), with tags and prefix, which it may send and hardly ever does
_MESSAGE: Final = re.compile(rb"(?:@\S+ +)?(?::\S+ +)?(?:[A-Za-z]{2,20}|\d{3})(?: .*)?", re.DOTALL)
_DCC: Final = re.compile(
    rb"(?:PRIVMSG|NOTICE) +\S{1,200} +:\x01DCC +(?:SEND|TSEND|CHAT|SCHAT|MOVE) +"
    rb'(?:"[^"\x01]{1,300}"|[^\s\x01]{1,300}) +(?P<address>\d{1,10}|[0-9A-Fa-f:.]{2,45}) +(?P<port>\d{1,5})'
    rb"(?: [^\x01]*)?\x01?",
    re.IGNORECASE,
)
#: announcements that may wait (kernel: max_dcc_channels), and for how long in seconds
_MOST: Final = 8
_TIMEOUT: Final = 180.0


class IrcMemory(Memory):
    """The client's lines."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Lines()


class Offer(Placed):
    """An announced port, for whoever may come."""

    def __init__(self, address: bytes, port: int, start: i64, end: i64) -> None:
        super().__init__(address, port, start, end)
        self.anybody = True
        self.timeout = _TIMEOUT

    def text(self, answer: Endpoint) -> bytes:
        """Address and port; IPv4 as one decimal number."""
        host = answer.address
        said = b"%d" % int.from_bytes(host, "big") if len(host) == 4 else show_address(host)
        return said + b" %d" % int(answer.port)


class Irc(Helper):
    """The helper of a client's connection to its server."""

    def name(self) -> str:
        """The helper's name."""
        return "irc"

    def protocols(self) -> list[int]:
        """TCP."""
        return [TCP]

    def most(self, kind: int) -> int:
        """Several files may be on offer."""
        return _MOST

    def begin(self) -> Memory:
        """Nothing said yet."""
        return IrcMemory()

    def read(self, speech: Speech) -> list[Mention]:
        """The offers in what the client says; an offer that comes from the server is of another user's address."""
        found: list[Mention] = []
        if not speech.original:
            return found
        memory = cast(IrcMemory, speech.memory)
        for line in memory.client.take(speech.payload, speech.gap):
            if line.text and _MESSAGE.fullmatch(line.text) is None:
                memory.off = True
                return []
            offer = _offer(line)
            if offer is not None:
                found.append(offer)
        return found

    def rewrite(self, speech: Speech, mentions: list[Mention], answers: list[Endpoint | None]) -> bytes:
        """Outside addresses and ports in the places of those offered."""
        return answered(speech, mentions, answers)


def _offer(line: Line) -> Offer | None:
    """The offer that a line makes."""
    said = _DCC.fullmatch(line.text)
    if said is None:
        return None
    packed = _packed(said["address"])
    if not packed:
        return None
    return Offer(packed, int(said["port"]), line.start + said.start("address"), line.start + said.end("port"))


def _packed(text: bytes) -> bytes:
    """An address: IPv4 as one decimal number, IPv6 as usual; b"" if it is neither."""
    if text.isdigit():
        number = int(text)
        return number.to_bytes(4, "big") if number < 1 << 32 else b""
    packed = address(text)
    return packed if len(packed) == 16 else b""
