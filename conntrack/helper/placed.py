"""Mentions that stand at one place of the payload, and are put there as the listener must be told.

Lives here: what FTP and IRC share. May not live here: how an endpoint is written in either.
"""

from __future__ import annotations

from mypy_extensions import i64

from conntrack.helper.base import Edit, Endpoint, Mention, Speech, splice
from conntrack.packet.header import TCP


class Placed(Mention):
    """A port that a line announces: payload[start:end] says it."""

    def __init__(self, address: bytes, port: int, start: i64, end: i64) -> None:
        super().__init__(TCP, address, port)
        self.start: i64 = start
        self.end: i64 = end

    def text(self, answer: Endpoint) -> bytes:
        """Another endpoint in the form in which this one was said."""
        raise NotImplementedError


def answered(speech: Speech, mentions: list[Mention], answers: list[Endpoint | None]) -> bytes:
    """The payload with the answers in the places of what was said; without one the words stay as they are."""
    edits: list[Edit] = []
    for mention, answer in zip(mentions, answers, strict=True):
        if answer is not None and isinstance(mention, Placed):
            edits.append(Edit(int(mention.start), int(mention.end), mention.text(answer)))
    return splice(speech.payload, edits)
