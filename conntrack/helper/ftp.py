"""FTP: data connections that PORT, EPRT and the answers to PASV and EPSV announce (RFC 959 §4.1.2, RFC 2428).

Lives here: reading and writing these four. May not live here: what may be opened (engine/announce.py).

Commands count from the client, answers from the server, and those only to a PASV or EPSV that was asked. A client whose
words are no FTP commands is something else that happens to speak to port 21 (a browser that was made to, TLS after
AUTH): from there on nothing is read.
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

#: RFC 959 §5.3.1: four or fewer letters, but for a few experimental ones; urgent data has Telnet signals before it
_COMMAND: Final = re.compile(rb"(?:\xff[\xf0-\xff])*([A-Za-z]{3,4}|X[A-Za-z0-9]{2,8})(?: .*)?", re.DOTALL)
_SIX: Final = rb"(\d{1,3},\d{1,3},\d{1,3},\d{1,3},\d{1,3},\d{1,3})"
_PORT: Final = re.compile(rb"PORT +" + _SIX + rb" *", re.IGNORECASE)
_EPRT: Final = re.compile(rb"EPRT +(([!-/:-~])([12])\2([0-9A-Fa-f:.]{2,45})\2(\d{1,5})\2) *", re.IGNORECASE)
_PASSIVE: Final = re.compile(rb"227 [^0-9]*" + _SIX + rb"(?:[^0-9,].*)?", re.DOTALL)
_EXTENDED: Final = re.compile(rb"229 [^(]*\(([!-/:-~])\1\1(\d{1,5})\1\).*", re.DOTALL)

# FtpMemory.asked: what the server has yet to answer
_NOTHING: Final = 0
_PASV: Final = 1
_EPSV: Final = 2

# Announced.form: how it is written
_NUMBERS: Final = 0  # h1,h2,h3,h4,p1,p2
_BARS: Final = 1  # |1|address|port|
_PORT_ALONE: Final = 2


class FtpMemory(Memory):
    """Both sides' lines, and what the client asked."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Lines()
        self.server = Lines()
        self.asked: i64 = _NOTHING


class Announced(Placed):
    """A data port."""

    def __init__(self, address: bytes, port: int, start: i64, end: i64, form: int) -> None:
        super().__init__(address, port, start, end)
        self.form: i64 = form
        self.bar: bytes = b"|"

    def text(self, answer: Endpoint) -> bytes:
        """An endpoint in the same form."""
        port = int(answer.port)
        if self.form == _PORT_ALONE:
            return b"%d" % port
        if self.form == _NUMBERS:
            return b",".join([b"%d" % octet for octet in [*answer.address, port >> 8, port & 0xFF]])
        number = b"1" if len(answer.address) == 4 else b"2"
        return self.bar.join([b"", number, show_address(answer.address), b"%d" % port, b""])


class Ftp(Helper):
    """The control connection's helper."""

    def name(self) -> str:
        """The helper's name."""
        return "ftp"

    def protocols(self) -> list[int]:
        """TCP."""
        return [TCP]

    def begin(self) -> Memory:
        """Nothing said yet."""
        return FtpMemory()

    def read(self, speech: Speech) -> list[Mention]:
        """The data ports in this payload."""
        memory = cast(FtpMemory, speech.memory)
        lines = memory.client if speech.original else memory.server
        found: list[Mention] = []
        for line in lines.take(speech.payload, speech.gap):
            one = _command(line, speech, memory) if speech.original else _answer(line, speech, memory)
            if memory.off:
                return []
            if one is not None:
                found.append(one)
        return found

    def rewrite(self, speech: Speech, mentions: list[Mention], answers: list[Endpoint | None]) -> bytes:
        """Outside addresses and ports in the places of those said, in the form in which they were said."""
        return answered(speech, mentions, answers)


def _command(line: Line, speech: Speech, memory: FtpMemory) -> Announced | None:
    """What a client's line announces."""
    command = _COMMAND.fullmatch(line.text)
    if command is None:
        memory.off = memory.off or line.text != b""
        return None
    verb = command[1].upper()
    if verb == b"PASV":
        memory.asked = _PASV
    elif verb == b"EPSV":
        memory.asked = _EPSV
    elif verb == b"PORT":
        said = _PORT.fullmatch(line.text)
        return None if said is None else _numbers(said[1], line.start + said.start(1), speech)
    elif verb == b"EPRT":
        return _bars(line, speech)
    return None


def _answer(line: Line, speech: Speech, memory: FtpMemory) -> Announced | None:
    """What a server's line announces, if it is the answer that the client waits for."""
    asked = memory.asked
    code = line.text[:4]
    if asked == _NOTHING:
        return None
    if code[:1] in (b"4", b"5"):
        memory.asked = _NOTHING
    elif asked == _PASV and code == b"227 ":
        memory.asked = _NOTHING
        said = _PASSIVE.fullmatch(line.text)
        return None if said is None else _numbers(said[1], line.start + said.start(1), speech)
    elif asked == _EPSV and code == b"229 ":
        memory.asked = _NOTHING
        port = _EXTENDED.fullmatch(line.text)
        if port is not None:
            return Announced(b"", int(port[2]), line.start + port.start(2), line.start + port.end(2), _PORT_ALONE)
    return None


def _numbers(text: bytes, start: i64, speech: Speech) -> Announced | None:
    """h1,h2,h3,h4,p1,p2: an IPv4 address and a port, octet by octet."""
    octets = [int(word) for word in text.split(b",")]
    if max(octets) > 255 or len(speech.speaker.address) != 4:
        return None
    return Announced(bytes(octets[:4]), octets[4] << 8 | octets[5], start, start + len(text), _NUMBERS)


def _bars(line: Line, speech: Speech) -> Announced | None:
    """EPRT |1|address|port| (1: IPv4, 2: IPv6), with any character for the bar."""
    said = _EPRT.fullmatch(line.text)
    if said is None:
        return None
    packed = address(said[4])
    if len(packed) != (4 if said[3] == b"1" else 16) or len(packed) != len(speech.speaker.address):
        return None
    found = Announced(packed, int(said[5]), line.start + said.start(1), line.start + said.end(1), _BARS)
    found.bar = said[2]
    return found
