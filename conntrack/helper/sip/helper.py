"""SIP over UDP and TCP (RFC 3261): which messages announce something, and when it is over.

Lives here: calls, and the order in which a packet is read and rewritten. May not live here: registrations
(registration.py), where things stand (values.py, sdp.py), how they are rewritten (signalling.py, media.py).

A REGISTER announces its Contact: the registrar may connect there, for as long as it agreed to. An INVITE or its answer,
an UPDATE, PRACK or ACK with a session description announces the speaker's media ports. BYE, CANCEL or a refusal
of the call takes them back. TLS hides all of this; nothing is opened for it.
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.base import Edit, Endpoint, Helper, Memory, Mention, Speech, splice
from conntrack.helper.message import Message, cseq, cseq_method, read_message
from conntrack.helper.sip import media, signalling
from conntrack.helper.sip.grammar import SIP
from conntrack.helper.sip.kinds import LONGEST_CALL, MEDIA, MOST_MEDIA, MOST_SIGNALLING
from conntrack.helper.sip.memory import Found, SipMemory
from conntrack.helper.sip.registration import ContactMention, agreed, registered
from conntrack.helper.sip.sdp import Session
from conntrack.helper.words import Unreadable, number
from conntrack.packet.header import TCP, UDP

#: requests that may carry a description, and whose answers may
DESCRIBING: Final = frozenset((b"INVITE", b"UPDATE", b"ACK", b"PRACK"))


class SipHelper(Helper):
    """The helper "sip"."""

    def name(self) -> str:
        """Its name."""
        return "sip"

    def protocols(self) -> list[int]:
        """TCP and UDP."""
        return [TCP, UDP]

    def most(self, kind: int) -> int:
        """Of media and of Contacts."""
        return MOST_MEDIA if kind == MEDIA else MOST_SIGNALLING

    def begin(self) -> Memory:
        """A conversation of which nothing is known."""
        return SipMemory()

    def read(self, speech: Speech) -> list[Mention]:
        """The Contacts and media ports that the messages of this packet announce."""
        memory = speech.memory
        assert isinstance(memory, SipMemory)
        memory.found = []
        mentions: list[Mention] = []
        for message in _messages(speech, memory):
            try:
                mentions.extend(_read(message, speech, memory))
            except Unreadable:
                memory.found.append(Found(message, None))
        return mentions

    def rewrite(self, speech: Speech, mentions: list[Mention], answers: list[Endpoint | None]) -> bytes:
        """The messages with every address in them that is the speaker's or the listener's as the listener sees it."""
        memory = speech.memory
        assert isinstance(memory, SipMemory)
        edits = _answered(speech, memory, mentions, answers)
        for found in memory.found:
            edits.extend(signalling.translated(speech.payload, found.message, speech, memory))
            if found.session is not None:
                edits.extend(media.readdressed(found.session, speech))
        for found in memory.found:
            edits.extend(_resized(speech.payload, found.message, edits))
        return splice(speech.payload, edits)


def _messages(speech: Speech, memory: SipMemory) -> list[Message]:
    """The whole messages of a packet."""
    if speech.protocol == TCP:
        stream = memory.stream(speech.original)
        found = stream.messages(speech.payload, speech.gap)
        if stream.foreign:
            memory.off = True
        return found
    payload = speech.payload
    try:
        message = read_message(SIP, payload, 0, len(payload), False)
    except Unreadable:
        return []
    return [] if message is None else [message]


def _read(message: Message, speech: Speech, memory: SipMemory) -> list[Mention]:
    """What one message announces, and what it says is over. Raises Unreadable."""
    payload = speech.payload
    method = message.method or cseq_method(payload, message)
    call = call_of(payload, message)
    session: Session | None = None
    if method in DESCRIBING and message.status < 300 and call:
        session = media.session_of(payload, message)
    memory.found.append(Found(message, session))
    if method == b"REGISTER":
        if message.method:
            return registered(message, speech)
        agreed(message, speech, memory)
        return []
    if call:
        _follow(method, call, message, speech, memory)
    return [] if session is None else media.announced(session, speech.speaker.address, call)


def _follow(method: bytes, call: bytes, message: Message, speech: Speech, memory: SipMemory) -> None:
    """Whether a call lives: accepted by 2xx, over by BYE, or by CANCEL or a refusal of what was not accepted yet.

    A refusal of an earlier INVITE than the last (asking for credentials, sent again) is none of this one.
    """
    if message.method == b"INVITE":
        memory.invite(call, cseq(speech.payload, message))
    elif method == b"INVITE" and 200 <= message.status < 300:
        memory.accept(call)
    refused = message.method == b"CANCEL" or (method == b"INVITE" and message.status >= 300)
    if message.method == b"BYE" or (refused and memory.pending(call, cseq(speech.payload, message))):
        memory.over(call)
        speech.forgets.append(call)
        speech.ends.append(call)


def _answered(speech: Speech, memory: SipMemory, mentions: list[Mention], answers: list[Endpoint | None]) -> list[Edit]:
    """The edits that the engine's answers ask for."""
    edits: list[Edit] = []
    for mention, answer in zip(mentions, answers, strict=True):
        if answer is None:
            continue
        if isinstance(mention, ContactMention):
            memory.told(speech.original, Endpoint(mention.address, int(mention.port)), answer)
            edits.extend(signalling.moved(mention.host, answer))
        elif isinstance(mention, media.PortMention):
            said_rtcp = 0
            if mention.rtcp_start >= 0:
                said_rtcp = number(speech.payload, mention.rtcp_start, mention.rtcp_end, 65535)
            edits.extend(media.answered(mention, answer, said_rtcp))
    return edits


def _resized(payload: bytes, message: Message, edits: list[Edit]) -> list[Edit]:
    """Content-Length after the edits of the body, if it changes and is named."""
    places = message.places(b"content-length")
    growth = sum(
        len(edit.new) - int(edit.end - edit.start)
        for edit in edits
        if message.body <= edit.start and edit.end <= message.end
    )
    if not places or growth == 0:
        return []
    start, end = places[0]
    return [Edit(start, end, media.number(message.end - message.body + growth))]


def call_of(payload: bytes, message: Message) -> bytes:
    """The group of a call: its Call-ID; b"" if it is missing or too long."""
    call = message.value(payload, b"call-id")
    return b"call " + call if 0 < len(call) <= LONGEST_CALL else b""
