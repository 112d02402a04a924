"""What must hold of an engine between any two packets, and when everything has expired.

Lives here: the counts made anew and compared with those that are kept. May not live here: who makes the packets.
"""

from __future__ import annotations

from collections import Counter

from conntrack.engine.core import Engine
from conntrack.flow.connection import ASSURED, CLOSING, DYING, HAIRPIN, NAT64, Connection
from conntrack.flow.eviction import ENDING, NO_QUEUE, UNASSURED
from conntrack.flow.pair import source_of
from conntrack.nat.endpoint import PORTED, outside_port
from conntrack.nat.mapping import Mapping
from conntrack.nat.port_block import Block
from conntrack.nat.use import PortUse
from conntrack.packet.header import ICMP, ICMPV6

#: the longest that any tracker keeps a silent connection by default
LONGEST = 5 * 86400.0


def whole(engine: Engine, now: float, most: int) -> None:
    """The table agrees with itself and with everything that is counted beside it; it is within its limit."""
    connections = list(engine.table.connections())
    assert len(connections) == len(engine.table) <= most
    assert len(engine.table.directions) == 2 * len(connections)
    for connection in connections:
        _one(engine, connection, now)
    hairpins = {connection for connection in connections if connection.status & HAIRPIN}
    crossing = {connection for connection in connections if connection.status & NAT64}
    assert len(engine.table.halves) == 2 * len(hairpins) + len(crossing)
    assert {direction.connection for direction in engine.table.halves.values()} == hairpins | crossing
    _counts(engine, connections)
    _queues(engine, connections)
    _ports(engine, connections)


def _one(engine: Engine, connection: Connection, now: float) -> None:
    original, reply = connection.original, connection.reply
    assert engine.table.directions[original.key] is original
    assert engine.table.directions[reply.key] is reply
    assert original.original
    assert not reply.original
    assert original.connection is reply.connection is connection
    assert original.key[0] == connection.protocol
    assert reply.key[0] == (ICMP if connection.status & NAT64 and original.key[0] == ICMPV6 else original.key[0])
    assert not connection.status & DYING
    assert connection.due > 0.0
    assert connection.deadline <= now + LONGEST
    assert connection.due <= connection.deadline + LONGEST
    wanted = ENDING if connection.status & CLOSING else NO_QUEUE if connection.status & ASSURED else UNASSURED
    assert connection.queue == wanted


def _counts(engine: Engine, connections: list[Connection]) -> None:
    states = Counter((int(connection.protocol), int(connection.state)) for connection in connections)
    kept = {
        (protocol, state): count
        for protocol, row in engine.table.population.items()
        for state, count in enumerate(row)
        if count
    }
    assert kept == states
    zones = Counter(int(connection.zone_in) for connection in connections if connection.zone_in >= 0)
    assert {zone: count for zone, count in enumerate(population(engine)) if count} == zones
    if engine.policy.settings.per_source:
        assert engine.table.sources() == Counter(counted(connection.original.key) for connection in connections)
    else:
        assert not engine.table.sources()


def _queues(engine: Engine, connections: list[Connection]) -> None:
    queued = []
    one = engine.table.eviction.victim()
    while one is not None:
        queued.append(one)
        one = one.newer
    assert len(queued) == len(set(queued))
    first = UNASSURED if any(connection.queue == UNASSURED for connection in connections) else ENDING
    assert set(queued) == {connection for connection in connections if connection.queue == first}


def _ports(engine: Engine, connections: list[Connection]) -> None:
    held: Counter[tuple[int, bytes, int]] = Counter()
    references: Counter[Mapping] = Counter()
    for connection in connections:
        mapping = connection.mapping
        if isinstance(mapping, Mapping):
            references[mapping] += 1
            held[int(mapping.use.protocol), mapping.use.address, int(mapping.port)] += 1
        elif isinstance(mapping, PortUse):
            held[int(mapping.protocol), mapping.address, int(outside_port(connection.reply.key))] += 1
        elif isinstance(mapping, Block) and int(connection.protocol) in PORTED:
            held[int(connection.protocol), mapping.address, int(outside_port(connection.reply.key))] += 1
    for expectation in engine.expectations.all():
        mapping = expectation.hold
        if isinstance(mapping, Mapping):
            references[mapping] += 1
            held[int(mapping.use.protocol), mapping.use.address, int(mapping.port)] += 1
    for grant in engine.requests.grants().values():
        references[grant.mapping] += 1
        held[int(grant.mapping.use.protocol), grant.mapping.use.address, int(grant.mapping.port)] += 1
    assert all(mapping.references == count for mapping, count in references.items())
    uses = {(int(use.protocol), use.address): use for use in engine.ports.uses()}
    for (protocol, address, port), count in held.items():
        assert uses[protocol, address].holders(port) == count
    distinct = Counter((protocol, address) for protocol, address, _ in held)
    assert {ends: int(use.used) for ends, use in uses.items() if use.used} == distinct


def population(engine: Engine) -> list[int]:
    """Connections by the zone that began them."""
    return engine._state.zone_population


def empty(engine: Engine) -> None:
    """Once everything has expired nothing is left: no connection, no port, no count of anything."""
    table, ports = engine.table, engine.ports
    assert len(table) == 0
    assert not table.halves
    assert not table.sources()
    assert sum(sum(row) for row in table.population.values()) == 0
    assert sum(population(engine)) == 0
    assert table.eviction.victim() is None
    assert [int(use.used) for use in ports.uses() if use.used] == []
    assert [port for use in ports.uses() for port in use.exclusive] == []
    assert not ports._mappings
    assert not ports._open
    assert not ports.blocks.subscribers
    assert not engine.requests.grants()
    assert table.wheel.next_due() == float("inf")


def counted(key: bytes) -> bytes:
    """What the limit per source counts a key as: its source address, within its address space."""
    return key[1:2] + source_of(key) if key[1] else source_of(key)
