"""From a connection to all that its packets will need: both entries, and for TCP the state between them.

Lives here: Connection → Offer. May not live here: when (manager.py), maps (connections.py), the choice among routes
(nexthops.py), bytes (layout.py, handover.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from conntrack.engine.core import Engine
from conntrack.engine.offload import may_carry
from conntrack.flow.connection import DYING, RELATED, Connection
from conntrack.gateway.fastpath import coarse, layout
from conntrack.gateway.fastpath.carried import Carried, destination, leaves
from conntrack.gateway.fastpath.connections import Offer
from conntrack.gateway.fastpath.figures import Figures
from conntrack.gateway.fastpath.handover import state_of
from conntrack.gateway.fastpath.holds import FOREVER, NO_WAY, Holds
from conntrack.gateway.fastpath.hops import Hops
from conntrack.gateway.fastpath.nexthops import Way, Ways
from conntrack.packet.header import ICMP, ICMPV6, TCP

_MASK: Final = 0xFFFF_FFFF
_ECHO: Final = (8, 128)  # requests, of ICMP and ICMPv6


class Prepared(NamedTuple):
    """A connection on its way in."""

    record: Carried
    offer: Offer


class Offers:
    """Makes offers by the ways and the generation in force. hops: None where XDP is not used."""

    def __init__(self, engine: Engine, holds: Holds, figures: Figures, generation: int) -> None:
        self.ways = Ways()
        self.hops: Hops | None = None
        self.generation = generation
        self.renewed = -FOREVER  # when the rules in force came; what began before may not be theirs
        self._engine = engine
        self._holds = holds
        self._figures = figures

    def prepare(self, connection: Connection, now: float) -> Prepared | None:
        """All that its packets will need; None: it cannot be carried now, and is held where that will not change."""
        if connection.status & DYING or not may_carry(connection):
            return None
        if not is_known(connection) or not self._may_begin(connection, now):
            self._holds.hold(connection, now, FOREVER)
            return None
        original, reply = connection.original, connection.reply
        there = self.ways.to(destination(original))
        back = self.ways.to(destination(reply))
        if there is None or back is None or not self.in_zones(connection, there, back):
            self._figures.no_way += 1
            self._holds.hold(connection, now, NO_WAY)
            return None
        state = state_of(connection) if connection.protocol == TCP else b""
        record = Carried(connection, (there, back), state, now)
        if self.hops is not None:
            record.links = self.hops.both(record)
        offer = Offer(
            original.key,
            self._flow(connection, there, back.interface, record.links[0], False),
            reply.key,
            self._flow(connection, back, there.interface, record.links[1], True),
            state,
        )
        return Prepared(record, offer)

    def dropped(self, records: Iterable[Carried]) -> None:
        """They are in no map, or not any more."""
        if self.hops is not None:
            for record in records:
                for link in record.links:
                    self.hops.give(link)

    def claimed(self, record: Carried, links: tuple[int, int]) -> None:
        """An earlier process has put this one in, with these numbers of its ways."""
        record.links = links
        if self.hops is not None:
            there, back = record.original.way, record.reply.way
            self.hops.claim(links[0], back.interface, there)
            self.hops.claim(links[1], there.interface, back)

    def in_zones(self, connection: Connection, there: Way, back: Way) -> bool:
        """Whether the ways lead where the rules were asked about."""
        zone_of = self._engine.topology.zone_of
        out, home = zone_of(there.interface), zone_of(back.interface)
        return int(out) == int(connection.zone_out) and int(home) == int(connection.zone_in)

    def _may_begin(self, connection: Connection, now: float) -> bool:
        """Whether the rules in force would let it; those that it began under have."""
        return connection.started >= self.renewed or self._engine.permitted(connection, now)

    def _flow(self, connection: Connection, way: Way, inbound: int, link: int, reply: bool) -> layout.Flow:
        direction = connection.reply if reply else connection.original
        flags = layout.REPLY if reply else 0
        if connection.status & RELATED:
            flags |= layout.RELATED
        tos = 0
        if connection.dscp >= 0:
            flags |= layout.SET_DSCP
            tos = int(connection.dscp) << 2
        return layout.Flow(
            leaves(direction),
            way.next_hop,
            inbound,
            way.interface,
            way.mtu,
            self.generation,
            flags,
            tos,
            int(connection.mark) & _MASK,
            owner=int(connection.identity) & _MASK,
            last_seen=coarse.ticks(connection.seen),
            packets=int(direction.packets) & _MASK,
            octets=int(direction.octets),
            link=link,
        )


def is_known(connection: Connection) -> bool:
    """Whether the program knows such packets at all: of ICMP queries only echo."""
    if connection.protocol != ICMP and connection.protocol != ICMPV6:
        return True
    return connection.original.key[-2] in _ECHO
