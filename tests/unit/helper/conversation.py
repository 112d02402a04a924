"""A conversation with a helper, without an engine: messages said by either side, as they come out for the other.

Lives here: an engine's part towards a helper, as small as a test needs it: it answers mentions of an inside speaker
with outside ports from 50000 on (call identifiers too), and those of an outside one as they are.
"""

from __future__ import annotations

from conntrack.helper.base import Endpoint, Helper, Mention, Speech

INSIDE = bytes((192, 168, 1, 2))
OUTSIDE = bytes((203, 0, 113, 5))
PEER = bytes((198, 51, 100, 7))


class Conversation:
    """lan 192.168.1.2 (seen as 203.0.113.5) began it with wan 198.51.100.7."""

    def __init__(self, helper: Helper, protocol: int, ports: tuple[int, int, int], nat: bool = True) -> None:
        self.helper = helper
        self.speech = Speech(helper.begin())
        self.speech.protocol = protocol
        self.inside = Endpoint(INSIDE, ports[0])
        self.outside = Endpoint(OUTSIDE, ports[1]) if nat else self.inside
        self.peer = Endpoint(PEER, ports[2])
        self.mentions: list[Mention] = []
        self._told: dict[tuple[int, int], int] = {}
        self._next = 50000

    def lan(self, text: bytes, gap: bool = False) -> bytes:
        """The inside host says something; what the peer hears."""
        return self._say(text, True, self.inside, self.outside, self.peer, self.peer, gap)

    def wan(self, text: bytes, gap: bool = False) -> bytes:
        """The peer says something; what the inside host hears."""
        return self._say(text, False, self.peer, self.peer, self.outside, self.inside, gap)

    def opened(self) -> list[tuple[int, int]]:
        """(first port, count) of what the last packet announced."""
        return [(int(mention.port), int(mention.count)) for mention in self.mentions]

    def _say(
        self,
        text: bytes,
        original: bool,
        speaker: Endpoint,
        speaker_seen: Endpoint,
        listener: Endpoint,
        listener_seen: Endpoint,
        gap: bool,
    ) -> bytes:
        speech = self.speech
        speech.payload, speech.gap, speech.original = text, gap, original
        speech.speaker, speech.speaker_seen = speaker, speaker_seen
        speech.listener, speech.listener_seen = listener, listener_seen
        speech.forgets, speech.ends, speech.renews = [], [], []
        if speech.memory.off:
            self.mentions = []
            return text
        self.mentions = self.helper.read(speech)
        if speech.memory.off or not (self.mentions or speech.translated()):
            return text
        return self.helper.rewrite(speech, self.mentions, [self._answer(mention) for mention in self.mentions])

    def _answer(self, mention: Mention) -> Endpoint | None:
        """What the engine would grant."""
        speech = self.speech
        if mention.address not in (b"", speech.speaker.address, speech.speaker_seen.address):
            return None
        if mention.protocol == speech.protocol and mention.port == speech.speaker.port:
            return speech.speaker_seen
        if speech.speaker.address == speech.speaker_seen.address:
            return Endpoint(speech.speaker.address, int(mention.port))
        key = (int(mention.protocol), int(mention.port))
        if key not in self._told:
            self._told[key] = self._next
            self._next += int(mention.count)
        return Endpoint(speech.speaker_seen.address, self._told[key])
