"""What the engine tells of: connections that begin and end, packets that a rule logs.

Lives here: the interface. May not live here: where it goes (service/events, service/logs).
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from conntrack.flow.connection import Connection
from conntrack.packet.header import Packet
from conntrack.policy.runtime import Rule


@mypyc_attr(allow_interpreted_subclasses=True)
class Observer:
    """Called from the packet loop: must return at once. Times are the engine's.

    A class and no trait: interpreted code (service/events) derives from it, which compiled traits do not admit.
    """

    def created(self, connection: Connection, now: float) -> None:
        """A connection entered the table."""
        raise NotImplementedError

    def ended(self, connection: Connection, ending: int, now: float) -> None:
        """A connection is about to leave the table, for a reason of flow/ending.py; its directions are still tied."""
        raise NotImplementedError

    def logged(self, rule: Rule, packet: Packet, verdict: str, now: float) -> None:
        """A rule with `log:` decided on this packet; `packet` is only good during the call."""
        raise NotImplementedError
