"""SIP over UDP and TCP (RFC 3261): registrations and calls.

Lives here: which messages announce something, and when it is over. May not live here: where things stand in a message
(message.py, values.py, sdp.py) or how they are rewritten (signalling.py, media.py).

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
from conntrack.helper.sip.kinds import (
    ANSWER_SECONDS,
    LONGEST_CALL,
    LONGEST_REGISTRATION,
    MEDIA,
    MOST_MEDIA,
    MOST_SIGNALLING,
    REGISTRATION_SECONDS,
    SIGNALLING,
)
from conntrack.helper.sip.memory import Found, SipMemory
from conntrack.helper.sip.sdp import Session
from conntrack.helper.sip.values import Contact
from conntrack.helper.words import Unreadable, number
from conntrack.packet.header import TCP, UDP

#: requests that may carry a description, and whose answers may
DESCRIBING: Final = frozenset((b"INVITE", b"UPDATE", b"ACK", b"PRACK"))


class ContactMention(Mention):
    """A Contact of a REGISTER."""

    def __init__(self, protocol: int, contact: Contact) -> None:
        here = signalling.said(contact.host)
        super().__init__(protocol, here.address, int(here.port))
        self.host = contact.host
        self.kind = SIGNALLING
        self.permanent = True
        self.timeout = ANSWER_SECONDS
        self.group = group_of(here)
        self.helper = "sip"


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
        return _registered(message, speech, memory) if message.method else _agreed(message, speech, memory)
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


def _registered(message: Message, speech: Speech, memory: SipMemory) -> list[Mention]:
    """A REGISTER: its Contacts at the speaker's address; one that expires at once is taken back."""
    payload = speech.payload
    usual = expires(payload, message)
    found: list[Mention] = []
    for contact in signalling.contacts(payload, message):
        if contact.host.address != speech.speaker.address:
            continue
        seconds = contact.expires if contact.expires >= 0 else usual
        mention = ContactMention(int(speech.protocol), contact)
        if seconds == 0:
            speech.forgets.append(mention.group)
        else:
            found.append(mention)
    return found


def _agreed(message: Message, speech: Speech, memory: SipMemory) -> list[Mention]:
    """The answer to a REGISTER: names the Contacts that count and for how long (RFC 3261 §10.3, 8)."""
    if not 200 <= message.status < 300:
        return []
    payload = speech.payload
    usual = expires(payload, message)
    for contact in signalling.contacts(payload, message):
        here = signalling.said(contact.host)
        inside = signalling.outward(contact.host, speech, memory) or here
        seconds = min(contact.expires, LONGEST_REGISTRATION) if contact.expires >= 0 else usual
        if inside.address == speech.listener_seen.address:
            speech.renews.append((group_of(inside), float(seconds)))
            memory.lasting = max(memory.lasting, float(seconds))
    return []


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


def expires(payload: bytes, message: Message) -> int:
    """Seconds that the message's Expires header asks for. Raises Unreadable."""
    places = message.places(b"expires")
    if not places:
        return REGISTRATION_SECONDS
    return min(number(payload, places[0][0], places[0][1], 2**32 - 1), LONGEST_REGISTRATION)


def call_of(payload: bytes, message: Message) -> bytes:
    """The group of a call: its Call-ID; b"" if it is missing or too long."""
    call = message.value(payload, b"call-id")
    return b"call " + call if 0 < len(call) <= LONGEST_CALL else b""


def group_of(contact: Endpoint) -> bytes:
    """The group of a registered Contact."""
    return b"contact " + contact.address + int(contact.port).to_bytes(2, "big")
