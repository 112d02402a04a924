"""PPTP (RFC 2637): a control connection over TCP, and calls whose data is GRE with the receiver's call identifier.

Lives here: which identifiers are announced, and their translation in both directions. May not live here: the messages'
layout (control.py), GRE's header (packet/gre.py). Each side chooses an identifier, and the other puts it into the GRE
packets that it sends there. So the two directions of a call are two flows of their own, each opened by the
announcement of the side that receives it; both are announced again with every message, and so last as long as the
control connection, which exchanges echoes every minute.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from conntrack.helper.base import Edit, Endpoint, Helper, Memory, Mention, Speech, splice
from conntrack.helper.pptp.control import (
    ACCEPTED,
    CLEAR_REQUEST,
    DISCONNECT_NOTIFY,
    INCOMING_REPLY,
    INCOMING_REQUEST,
    MOST_MESSAGES,
    OUTGOING_REPLY,
    OUTGOING_REQUEST,
    START_REPLY,
    START_REQUEST,
    STOP_REPLY,
    Control,
    length,
    read_control,
)
from conntrack.helper.words import Unreadable
from conntrack.packet.header import GRE, TCP

#: calls that one control connection may have
MOST_CALLS: Final = 8
#: seconds that a call's data may be silent, and the control connection with it (kernel: 10 minutes until answered)
CALL_SECONDS: Final = 600.0


class Call:
    """An identifier that one side chose: as it says it, and as the other side is told.

    partner: the other side's of the same call; over: given up, kept for the packet that says so; group: what it opened.
    """

    def __init__(self, original: bool, said: int) -> None:
        self.original = original
        self.said = said
        self.told = said
        self.partner: Call | None = None
        self.over = False
        self.group = (b"call original " if original else b"call reply ") + said.to_bytes(2, "big")


class CallMention(Mention):
    """An identifier at which its owner expects GRE."""

    def __init__(self, call: Call) -> None:
        super().__init__(GRE, b"", call.said)
        self.call = call
        self.permanent = True
        self.timeout = CALL_SECONDS
        self.group = call.group


@mypyc_attr(allow_interpreted_subclasses=True)
class PptpMemory(Memory):
    """One control connection."""

    def __init__(self) -> None:
        super().__init__()
        self.requested = False  # the originator asked to start
        self.started = False  # and it was agreed to
        self.calls: list[Call] = []
        self.found: list[Control] = []  # of the packet at hand

    def call(self, original: bool, said: int) -> Call | None:
        """The call that a side knows by an identifier of its own."""
        for call in self.calls:
            if call.original == original and call.said == said:
                return call
        return None

    def told(self, original: bool, told: int) -> Call | None:
        """The other side's call that `original` was told as this identifier."""
        for call in self.calls:
            if call.original != original and call.told == told:
                return call
        return None


class PptpHelper(Helper):
    """The helper "pptp"."""

    def name(self) -> str:
        """Its name."""
        return "pptp"

    def protocols(self) -> list[int]:
        """The control connection is TCP."""
        return [TCP]

    def most(self, kind: int) -> int:
        """Both directions of every call."""
        return 2 * MOST_CALLS

    def begin(self) -> Memory:
        """A conversation of which nothing is known."""
        return PptpMemory()

    def read(self, speech: Speech) -> list[Mention]:
        """The identifiers that the speaker chose, in this packet or before."""
        memory = speech.memory
        assert isinstance(memory, PptpMemory)
        memory.found = []
        memory.calls = [call for call in memory.calls if not call.over]
        if speech.gap and not memory.started:
            memory.off = True
            return []
        at = 0
        try:
            while at < len(speech.payload) and len(memory.found) < MOST_MESSAGES:
                control = read_control(speech.payload, at, len(speech.payload))
                if control is None:
                    break
                memory.found.append(control)
                at += length(control)
                _follow(control, speech, memory)
        except Unreadable:
            memory.off = not memory.started
        if not memory.started or not memory.found:
            return []
        return [CallMention(call) for call in memory.calls if call.original == speech.original and not call.over]

    def rewrite(self, speech: Speech, mentions: list[Mention], answers: list[Endpoint | None]) -> bytes:
        """The identifiers as the listener knows them."""
        memory = speech.memory
        assert isinstance(memory, PptpMemory)
        for mention, answer in zip(mentions, answers, strict=True):
            if answer is not None and isinstance(mention, CallMention):
                mention.call.told = int(answer.port)
        edits: list[Edit] = []
        for control in memory.found:
            own = memory.call(speech.original, control.own) if control.own_at >= 0 else None
            peer = memory.told(speech.original, control.peer) if control.peer_at >= 0 else None
            if own is not None and own.told != own.said:
                edits.append(Edit(control.own_at, control.own_at + 2, own.told.to_bytes(2, "big")))
            if peer is not None and peer.told != peer.said:
                edits.append(Edit(control.peer_at, control.peer_at + 2, peer.said.to_bytes(2, "big")))
        return splice(speech.payload, edits)


def _follow(control: Control, speech: Speech, memory: PptpMemory) -> None:
    """The state of the control connection and of its calls."""
    kind = control.kind
    if kind == START_REQUEST:
        memory.requested = memory.requested or speech.original
    elif kind == START_REPLY:
        memory.started = memory.started or (memory.requested and not speech.original)
    elif not memory.started:
        return
    elif kind in (OUTGOING_REQUEST, INCOMING_REQUEST):
        _begin(control, speech, memory, None)
    elif kind in (OUTGOING_REPLY, INCOMING_REPLY):
        asked = memory.told(speech.original, control.peer)
        if asked is not None and control.result == ACCEPTED:
            _begin(control, speech, memory, asked)
        elif asked is not None:
            _end(asked, speech)
    elif kind in (CLEAR_REQUEST, DISCONNECT_NOTIFY):
        call = memory.call(speech.original, control.own)
        if call is not None:
            _end(call, speech)
    elif kind == STOP_REPLY:
        for call in list(memory.calls):
            _end(call, speech)


def _begin(control: Control, speech: Speech, memory: PptpMemory, asked: Call | None) -> None:
    """A side chose an identifier, in answer to what it was `asked`. Over the limit the oldest call is given up."""
    if control.own == 0 or memory.call(speech.original, control.own) is not None:
        return
    living = [call for call in memory.calls if not call.over]
    if len(living) >= 2 * MOST_CALLS:
        _end(living[0], speech)
    call = Call(speech.original, control.own)
    memory.calls.append(call)
    if asked is not None:
        call.partner = asked
        asked.partner = call


def _end(call: Call, speech: Speech) -> None:
    """A call is over: both its identifiers are given up."""
    for one in (call, call.partner):
        if one is not None and not one.over:
            one.over = True
            speech.forgets.append(one.group)
            speech.ends.append(one.group)
