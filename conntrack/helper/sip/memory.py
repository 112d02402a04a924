"""What the SIP helper remembers of one conversation: calls, registered Contacts, and where it is in the streams.

Lives here: bounded memories. May not live here: what is done with them (helper.py).
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from conntrack.helper.base import Endpoint, Memory
from conntrack.helper.message import Message
from conntrack.helper.sip.grammar import SIP
from conntrack.helper.sip.kinds import DIALOG_SECONDS, MOST_CALLS, MOST_CONTACTS
from conntrack.helper.sip.sdp import Session
from conntrack.helper.stream import Stream


class Found:
    """A message of the packet at hand, with its description if it carries one."""

    def __init__(self, message: Message, session: Session | None) -> None:
        self.message = message
        self.session = session


class Call:
    """A call: the number of its last INVITE, and whether it was accepted."""

    def __init__(self) -> None:
        self.invite = 0
        self.accepted = False


class Registered:
    """A Contact: the side that it belongs to, as it is behind the translation and as it was told."""

    def __init__(self, original: bool, inside: Endpoint, outside: Endpoint) -> None:
        self.original = original
        self.inside = inside
        self.outside = outside


@mypyc_attr(allow_interpreted_subclasses=True)
class SipMemory(Memory):
    """One conversation."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Found] = []  # by `read`, for the `rewrite` of the same packet
        self._streams: dict[bool, Stream] = {}
        self._calls: dict[bytes, Call] = {}  # by group; oldest first
        self._contacts: list[Registered] = []

    def stream(self, original: bool) -> Stream:
        """Where one direction of a TCP connection is."""
        return self._streams.setdefault(original, Stream(SIP))

    def invite(self, call: bytes, number: int) -> None:
        """Notes the last INVITE of a call, by its CSeq number."""
        known = self._calls.get(call)
        if known is None:
            if len(self._calls) >= MOST_CALLS:
                del self._calls[next(iter(self._calls))]
            known = self._calls[call] = Call()
        known.invite = number

    def accept(self, call: bytes) -> None:
        """Notes that a call was accepted: a refusal later (of a change to it) does not end it."""
        known = self._calls.get(call)
        if known is not None:
            known.accepted = True
            self.lasting = max(self.lasting, DIALOG_SECONDS)

    def pending(self, call: bytes, number: int) -> bool:
        """Whether a call waits for the answer to the INVITE of that number."""
        known = self._calls.get(call)
        return known is not None and not known.accepted and known.invite == number

    def over(self, call: bytes) -> None:
        """Notes that a call ended."""
        self._calls.pop(call, None)

    def told(self, original: bool, inside: Endpoint, outside: Endpoint) -> None:
        """Notes what a Contact of one side was told as."""
        self._contacts = [
            known for known in self._contacts if known.original != original or not known.inside.same(inside)
        ][-(MOST_CONTACTS - 1) :]
        self._contacts.append(Registered(original, inside, outside))

    def across(self, original: bool, here: Endpoint) -> Endpoint | None:
        """What the other side must read for a Contact that one side (`original`) names; None: it is not known."""
        for known in self._contacts:
            if known.original == original and known.inside.same(here):
                return known.outside
            if known.original != original and known.outside.same(here):
                return known.inside
        return None
