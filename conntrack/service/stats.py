"""The engine's counters as one dictionary, for `pairwall stats`.

Lives here: its shape. May not live here: metric families (metrics/).
"""

from __future__ import annotations

from collections.abc import Callable

from conntrack.engine.core import Engine
from conntrack.flow.ending import ENDINGS
from conntrack.packet.reason import OK, REASONS
from conntrack.service.names import protocol_name
from conntrack.service.protocol import Item


def stats(engine: Engine, state_name: Callable[[int, int], str], zone_name: Callable[[int], str]) -> Item:
    """Everything counts up from the daemon's start, except what is in the table now."""
    table = engine.table
    counters = engine.counters
    return {
        "connections": {"count": len(table), "limit": table.limit, "by_protocol": population(engine, state_name)},
        "created": int(table.created),
        "ended": {name: count for (name, _meaning), count in zip(ENDINGS, counters.ended, strict=True) if count},
        "expectations": expectations(engine),
        "packets": by_pair(engine, zone_name),
        "drops": {
            name: counters.reasons[number]
            for number, (name, _meaning) in REASONS.items()
            if number != OK and counters.reasons[number]
        },
    }


def expectations(engine: Engine) -> Item:
    """Connections that helpers foresee: `refused` is what they found and what may not be opened."""
    found = engine.expectations
    return {
        "waiting": int(found.count),
        "created": int(found.created),
        "met": int(found.met),
        "expired": int(found.expired),
        "refused": int(found.refused),
    }


def population(engine: Engine, state_name: Callable[[int, int], str]) -> Item:
    """Connections now, by protocol and state."""
    found: Item = {}
    for protocol, row in sorted(engine.table.population.items()):
        states = {state_name(protocol, state) or "ANY": count for state, count in enumerate(row) if count}
        if states:
            found[protocol_name(protocol)] = states
    return found


def by_pair(engine: Engine, zone_name: Callable[[int], str]) -> list[Item]:
    """Packets and bytes by zone pair; pairs without any are left out."""
    counters = engine.counters
    rows: list[Item] = []
    for index in range(len(counters.accepted_packets)):
        packets = {
            "accepted": counters.accepted_packets[index],
            "dropped": counters.dropped_packets[index],
            "rejected": counters.rejected_packets[index],
        }
        if any(packets.values()):
            zone_in, zone_out = counters.pair_of(index)
            pair = {"from": zone_name(zone_in), "to": zone_name(zone_out)}
            rows.append({**pair, **packets, "bytes": counters.accepted_octets[index]})
    return rows
