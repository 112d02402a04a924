"""SDP in SIP: which ports a speaker announces for media, and the description as the listener is to read it.

Lives here: from m= lines to Mentions and back. May not live here: SDP's grammar (sdp.py), headers (signalling.py).
Media are expected at the speaker's own address only, and from the listener's (the kernel's sip_direct_media): what is
announced for a third host, for a name or for a multicast group opens nothing.
"""

from __future__ import annotations

from typing import Final

from conntrack.helper.base import Edit, Endpoint, Mention, Speech
from conntrack.helper.message import Message
from conntrack.helper.sip.kinds import MEDIA, MEDIA_SECONDS
from conntrack.helper.sip.sdp import Media, Place, Session, read_session
from conntrack.helper.words import Unreadable, show_address
from conntrack.packet.header import UDP

#: pairs of ports that one m= line may ask for ("/2")
MOST_PAIRS: Final = 2


class PortMention(Mention):
    """Ports of an m= line, or of its a=rtcp. rtcp: that one's distance from the first port, -1 if it has none here."""

    def __init__(self, address: bytes, port: int, start: int, end: int) -> None:
        super().__init__(UDP, address, port)
        self.start = start
        self.end = end
        self.rtcp_start = -1
        self.rtcp_end = -1
        self.kind = MEDIA
        self.timeout = MEDIA_SECONDS


def session_of(data: bytes, message: Message) -> Session | None:
    """The description that a message carries, plain and alone; None if it carries none or one that we cannot read."""
    kind = message.value(data, b"content-type").partition(b";")[0].strip(b" \t").lower()
    if kind != b"application/sdp" or message.places(b"content-encoding"):
        return None
    try:
        return read_session(data, message.body, message.end)
    except Unreadable:
        return None


def announced(session: Session, speaker: bytes, group: bytes) -> list[Mention]:
    """The ports that a description asks to have opened at the speaker's address."""
    found: list[Mention] = []
    for media in session.media:
        connection = media.connection or session.connection
        if connection is None or connection.address != speaker or not media.datagrams or media.port == 0:
            continue
        found.extend(_ports(media, speaker))
    for mention in found:
        mention.group = group
    return found


def _ports(media: Media, speaker: bytes) -> list[Mention]:
    if media.ports > MOST_PAIRS or media.port + 2 * media.ports > 65536:
        return []
    mention = PortMention(speaker, media.port, media.port_start, media.port_end)
    if not media.rtp:
        mention.count = media.ports
        return [mention]
    mention.even = media.port % 2 == 0
    mention.count = 2 * media.ports
    if media.rtcp == 0:
        return [mention]
    if media.rtcp_address is not None and media.rtcp_address.address != speaker:
        return [mention]
    if media.port <= media.rtcp < media.port + mention.count:
        mention.rtcp_start, mention.rtcp_end = media.rtcp_start, media.rtcp_end
        return [mention]
    mention.count = media.ports
    return [mention, PortMention(speaker, media.rtcp, media.rtcp_start, media.rtcp_end)]


def answered(mention: PortMention, answer: Endpoint, said_rtcp: int) -> list[Edit]:
    """The edits that put the outside ports in the place of those that were said. said_rtcp: a=rtcp's, 0 for none."""
    edits = [Edit(mention.start, mention.end, number(int(answer.port)))]
    if mention.rtcp_start >= 0:
        shifted = int(answer.port) + said_rtcp - int(mention.port)
        edits.append(Edit(mention.rtcp_start, mention.rtcp_end, number(shifted)))
    return edits


def readdressed(session: Session, speech: Speech) -> list[Edit]:
    """The speaker's own address, wherever the description has it, as the listener sees it."""
    if speech.speaker.address == speech.speaker_seen.address:
        return []
    places: list[Place | None] = [session.origin, session.connection]
    for media in session.media:
        places.append(media.connection)
        places.append(media.rtcp_address)
    seen = show_address(speech.speaker_seen.address)
    return [
        Edit(place.start, place.end, seen)
        for place in places
        if place is not None and place.address == speech.speaker.address
    ]


def number(value: int) -> bytes:
    """A decimal number as text."""
    return str(value).encode()
