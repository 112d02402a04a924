"""SIP's registrations (RFC 3261 §10): where a phone wants to be called, and for how long the registrar agreed to it.

Lives here: REGISTER and its answer. May not live here: calls (helper.py), how a Contact is rewritten (signalling.py).
"""

from __future__ import annotations

from conntrack.helper.base import Endpoint, Mention, Speech
from conntrack.helper.message import Message
from conntrack.helper.sip import signalling
from conntrack.helper.sip.kinds import ANSWER_SECONDS, LONGEST_REGISTRATION, REGISTRATION_SECONDS, SIGNALLING
from conntrack.helper.sip.memory import SipMemory
from conntrack.helper.sip.values import Contact
from conntrack.helper.words import number


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


def registered(message: Message, speech: Speech) -> list[Mention]:
    """A REGISTER: its Contacts at the speaker's address; one that expires at once is taken back. Raises Unreadable."""
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


def agreed(message: Message, speech: Speech, memory: SipMemory) -> None:
    """The answer to a REGISTER: names the Contacts that count and for how long (§10.3, 8). Raises Unreadable."""
    if not 200 <= message.status < 300:
        return
    payload = speech.payload
    usual = expires(payload, message)
    for contact in signalling.contacts(payload, message):
        here = signalling.said(contact.host)
        inside = signalling.outward(contact.host, speech, memory) or here
        seconds = min(contact.expires, LONGEST_REGISTRATION) if contact.expires >= 0 else usual
        if inside.address == speech.listener_seen.address:
            speech.renews.append((group_of(inside), float(seconds)))
            memory.lasting = max(memory.lasting, float(seconds))


def expires(payload: bytes, message: Message) -> int:
    """Seconds that the message's Expires header asks for. Raises Unreadable."""
    places = message.places(b"expires")
    if not places:
        return REGISTRATION_SECONDS
    return min(number(payload, places[0][0], places[0][1], 2**32 - 1), LONGEST_REGISTRATION)


def group_of(contact: Endpoint) -> bytes:
    """The group of a registered Contact."""
    return b"contact " + contact.address + int(contact.port).to_bytes(2, "big")
