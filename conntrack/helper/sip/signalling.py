"""SIP's headers on their way: whose addresses they name, as the listener is to read them (RFC 3261 §18.2, RFC 3581).

Lives here: the request's URI, the topmost Via, Contacts. May not live here: which Contacts are opened (helper.py), the
description in the body (media.py). From and To stay: they name people, and are part of what a peer may have signed.
"""

from __future__ import annotations

from conntrack.helper.base import Edit, Endpoint, Speech
from conntrack.helper.message import Message
from conntrack.helper.sip.kinds import DEFAULT_PORT
from conntrack.helper.sip.memory import SipMemory
from conntrack.helper.sip.values import Contact, read_contacts, read_via, uri_host
from conntrack.helper.words import HostPort, Unreadable, show_address, show_endpoint


def translated(data: bytes, message: Message, speech: Speech, memory: SipMemory) -> list[Edit]:
    """All edits of the headers; what cannot be read stays as it is."""
    edits: list[Edit] = []
    if message.method:
        edits.extend(_uri(data, message, speech))
    edits.extend(_via(data, message, speech))
    for contact in contacts(data, message):
        edits.extend(moved(contact.host, outward(contact.host, speech, memory)))
    return edits


def contacts(data: bytes, message: Message) -> list[Contact]:
    """All Contacts of a message; none if one cannot be read."""
    found: list[Contact] = []
    try:
        for start, end in message.places(b"contact"):
            found.extend(read_contacts(data, start, end))
    except Unreadable:
        return []
    return found


def said(host: HostPort) -> Endpoint:
    """The endpoint that a host:port names."""
    return Endpoint(host.address, host.port or DEFAULT_PORT)


def outward(host: HostPort, speech: Speech, memory: SipMemory) -> Endpoint | None:
    """What the listener must read in the place of a Contact; None: the same."""
    here = said(host)
    there = speech.outward(here)
    if there is not here:
        return there
    return memory.across(speech.original, here)


def moved(host: HostPort, there: Endpoint | None) -> list[Edit]:
    """The edit that puts an endpoint in the place of a host:port; the default port is written only if one was."""
    if there is None or there.same(said(host)):
        return []
    port = 0 if host.port == 0 and there.port == DEFAULT_PORT else int(there.port)
    return [Edit(host.start, host.end, show_endpoint(there.address, port))]


def _uri(data: bytes, message: Message, speech: Speech) -> list[Edit]:
    """A request comes addressed to the listener's Contact: back to what it is behind the translation."""
    try:
        host = uri_host(data, message.uri_start, message.uri_end)
    except Unreadable:
        return []
    if host is None:
        return []
    return moved(host, speech.outward(said(host)))


def _via(data: bytes, message: Message, speech: Speech) -> list[Edit]:
    """The topmost Via: of a request the speaker put it there, of a response the listener gets it back."""
    places = message.places(b"via")
    if not places:
        return []
    try:
        via = read_via(data, places[0][0], places[0][1])
    except Unreadable:
        return []
    owner = speech.speaker if message.method else speech.listener
    sent_by = said(via.sent_by)
    edits: list[Edit] = []
    if sent_by.same(owner):
        edits.extend(moved(via.sent_by, speech.outward(sent_by)))
    if message.method:
        return edits
    listener, seen = speech.listener, speech.listener_seen
    if via.received is not None and via.received.address == listener.address != seen.address:
        edits.append(Edit(via.received.start, via.received.end, show_address(seen.address)))
    if via.rport is not None and via.rport.port == listener.port != seen.port:
        edits.append(Edit(via.rport.start, via.rport.end, str(int(seen.port)).encode()))
    return edits
