"""Connections that the fast path went on carrying while no daemon was here, found again in its maps.

Lives here: from entries to connections. May not live here: the table (engine/adopt.py), pins (pins.py).
"""

from __future__ import annotations

import logging
from typing import Final

from conntrack.engine.adopt import Found
from conntrack.engine.core import Engine
from conntrack.flow.connection import Connection
from conntrack.flow.pair import invert
from conntrack.gateway.fastpath import coarse, layout
from conntrack.gateway.fastpath.carried import Carried
from conntrack.gateway.fastpath.connections import Held
from conntrack.gateway.fastpath.handover import restore
from conntrack.gateway.fastpath.layout import Flow
from conntrack.gateway.fastpath.manager import GRACE, Manager
from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.gateway.fastpath.nexthops import Way
from conntrack.packet.header import TCP
from conntrack.tracker.udp import LASTING_SECONDS

_REMOVED: Final = 128

logger = logging.getLogger("pairwall.fastpath")


def adopt_all(engine: Engine, manager: Manager, maps: FlowMaps, now: float) -> tuple[int, int]:
    """Takes the connections of an earlier process over: (how many, how many could not go on and were taken out)."""
    entries = {key: flow for batch in maps.entries() for key, flow in batch}
    lost: list[Held] = []
    for key, flow in entries.items():
        other = invert(key[:2] + flow.pair)
        back = entries.get(other)
        if flow.flags & layout.REPLY:
            if back is None:
                lost.append(Held(other, key, flow.slot, flow.owner))
        elif back is None or not _adopt(engine, manager, maps, (key, flow), (other, back), now):
            lost.append(Held(key, other, flow.slot, flow.owner))
    for at in range(0, len(lost), _REMOVED):
        maps.recall_many(lost[at : at + _REMOVED])
    return len(manager.carried), len(lost)


def _adopt(
    engine: Engine, manager: Manager, maps: FlowMaps, there: tuple[bytes, Flow], back: tuple[bytes, Flow], now: float
) -> bool:
    (original, out), (reply, home) = there, back
    dscp = out.tos >> 2 if out.flags & layout.SET_DSCP else -1
    found = Found(out.owner, original, reply, out.inbound, out.outbound, out.mark, dscp)
    found.related = out.flags & layout.RELATED != 0
    connection = engine.adopt(found, now)
    if connection is None:
        return False
    state = maps.state(out.slot) if connection.protocol == TCP else b""
    if state:
        restore(state, connection)
    _count(connection, out, home, now)
    record = Carried(connection, (_way(out), _way(home)), state, now - GRACE)
    manager.take_over(record, out.slot, (out.link, home.link))
    return True


def _count(connection: Connection, out: Flow, home: Flow, now: float) -> None:
    """Entries hold a connection's whole count."""
    connection.original.packets, connection.original.octets = out.packets, out.octets
    connection.reply.packets, connection.reply.octets = home.packets, home.octets
    connection.seen = now - min(coarse.seconds_since(flow.last_seen, now) for flow in (out, home))
    connection.started = connection.seen - LASTING_SECONDS  # nobody knows; a stream it was, or it would not be here


def _way(flow: Flow) -> Way:
    return Way(flow.outbound, flow.next_hop, flow.mtu)
