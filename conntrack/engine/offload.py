"""Established connections that leave the queue: what the engine asks of whatever carries them meanwhile.

Lives here: the interface, and which connections may be carried. May not live here: the carrier
(gateway/fastpath), which alone sets and clears OFFLOADED.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from conntrack.flow.connection import (
    ASSURED,
    CLOSING,
    HELPED,
    LOGGED,
    NAT64,
    OFFLOADED,
    ORIGINAL_QUIET,
    REPLY_QUIET,
    SEEN_REPLY,
    Connection,
)
from conntrack.packet.header import ICMP, ICMPV6, TCP, UDP
from conntrack.policy.runtime import SELF
from conntrack.tracker.tcp.table import ESTABLISHED

#: seen every packet of, already carried, about to end, kept alive by one side only, or leaving in the other IP version
_NEVER: Final = LOGGED | HELPED | OFFLOADED | CLOSING | NAT64 | ORIGINAL_QUIET | REPLY_QUIET


@mypyc_attr(allow_interpreted_subclasses=True)
class Offload:
    """Carries connections past the queue. Called from the packet loop: must return at once.

    A class and no trait: interpreted code (gateway/fastpath) derives from it, which compiled traits do not admit.
    """

    def offer(self, connection: Connection, now: float) -> None:
        """Takes a connection over, if it can: sets OFFLOADED. One that it cannot take now is offered again later."""
        raise NotImplementedError

    def recall(self, connection: Connection, now: float) -> None:
        """Gives a connection back: windows, counters, seen and deadline are exactly as if every packet had been judged.

        From here on its packets come to the queue; clears OFFLOADED.
        """
        raise NotImplementedError

    def release(self, connections: list[Connection], now: float) -> None:
        """The same for many that are about to end, which costs less than one after the other."""
        raise NotImplementedError

    def overtaken(self, connection: Connection, now: float) -> bool:
        """Whether a packet at the queue may have come before its connection was taken over, and only waited.

        The connection has then not seen it, nor what overtook it: it is judged by the windows of that moment, and
        `recall` joins what came of it with what the carrier has seen.
        """
        raise NotImplementedError

    def refresh(self, connections: list[Connection], now: float) -> None:
        """Brings counters, seen and deadline of carried connections up to date; they stay carried."""
        raise NotImplementedError


def may_carry(connection: Connection) -> bool:
    """Whether a connection is one that need not be judged packet by packet."""
    status = connection.status
    if status & _NEVER or connection.zone_in == SELF or connection.zone_out == SELF:
        return False
    if connection.original.key[1] or connection.reply.key[1]:
        return False  # the carrier's keys know no address spaces
    protocol = connection.protocol
    if protocol == TCP:
        return status & ASSURED != 0 and connection.state == ESTABLISHED
    return status & SEEN_REPLY != 0 and (protocol == UDP or protocol == ICMP or protocol == ICMPV6)
