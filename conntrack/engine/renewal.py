"""A new policy or a new topology under a running engine: what changes, what stays, what ends.

Lives here: the swap and the move. May not live here: compiling (policy/compile), watching links (gateway/links).
"""

from __future__ import annotations

from typing import Final

from conntrack.engine.state import State
from conntrack.engine.topology import Topology
from conntrack.flow.connection import SOURCE_NAT as TRANSLATED
from conntrack.flow.connection import Connection
from conntrack.flow.ending import ADDRESS_GONE
from conntrack.flow.expectation import Expectation
from conntrack.flow.pair import destination_of
from conntrack.policy.nat_rule import MASQUERADE, SOURCE_NAT
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import Rule
from conntrack.tracker.registry import Trackers

#: kinds of rules whose mappings may let anybody in
KEEPS_OPEN: Final = (MASQUERADE, SOURCE_NAT)


def swap(state: State, trackers: Trackers, policy: Policy) -> None:
    """Puts a policy in force. Connections keep running; zones and rules are found again by their names."""
    before = state.policy
    state.policy = policy
    _settle(state, trackers, policy)
    if before is policy:
        return
    zones = {zone.name: zone.number for zone in policy.zones}
    numbers = [int(zones.get(zone.name, -1)) for zone in before.zones]
    rules = {(rule.pair, rule.name): rule for rule in policy.rules}
    if numbers != list(range(len(policy.zones))):
        state.counters.resize(len(policy.zones))
    state.ports.renew(
        {rule.name: rule for rule in policy.nat_rules if rule.kind in KEEPS_OPEN and rule.rule is not None}
    )
    state.zone_population = [0] * len(policy.zones)
    for connection in state.table.connections():
        _renew(state, connection, numbers, rules)
    for expectation in state.expectations.all():
        _renumber(expectation, numbers)


def _settle(state: State, trackers: Trackers, policy: Policy) -> None:
    """The settings that shape the table and the trackers."""
    settings = policy.settings
    state.table.limit = settings.connections
    state.table.limit_sources(settings.per_source)
    state.ports.hold_down = settings.hold_down
    state.spaces.settle(policy.zones, state.topology)
    state.clamps = any(zone.mss for zone in policy.zones)
    state.ports.blocks.hold_down = settings.hold_down
    trackers.configure(settings.timeouts, settings.loose, settings.liberal)


def _renew(state: State, connection: Connection, numbers: list[int], rules: dict[tuple[str, str], Rule]) -> None:
    connection.zone_in = numbers[connection.zone_in] if connection.zone_in >= 0 else -1
    connection.zone_out = numbers[connection.zone_out] if connection.zone_out >= 0 else -1
    if connection.zone_in >= 0:
        state.zone_population[connection.zone_in] += 1
    rule = connection.rule
    if isinstance(rule, Rule):
        connection.rule = rules.get((rule.pair, rule.name), rule)


def _renumber(expectation: Expectation, numbers: list[int]) -> None:
    """Its zones by their new numbers; one of a zone that is gone admits nobody, and goes when its time is looked at."""
    zone = numbers[expectation.zone] if expectation.zone >= 0 else -1
    inside = numbers[expectation.zone_inside] if expectation.zone_inside >= 0 else -1
    expectation.zone = zone
    expectation.zone_inside = inside
    if zone < 0 or inside < 0:
        expectation.deadline = 0.0


def move(state: State, topology: Topology, now: float) -> int:
    """Puts a topology in force and ends the connections whose outside address left the gateway."""
    before = state.topology
    state.topology = topology
    state.spaces.settle(state.policy.zones, topology)
    _leave_spaces(state, now)
    gone = {address for interface in before.interfaces() for address in interface.addresses}
    for interface in topology.interfaces():
        if interface.up:
            gone.difference_update(interface.addresses)
    if not gone:
        return 0
    ended = [connection for connection in state.table.connections() if _stood_on(connection, gone)]
    for connection in ended:
        state.end(connection, ADDRESS_GONE, now)
    return len(ended)


def _leave_spaces(state: State, now: float) -> None:
    """Ends what no packet can belong to any more: new rules know its address space no longer."""
    gone = state.spaces.gone
    if gone:
        for connection in state.table.snapshot():
            if connection.original.key[1] in gone or connection.reply.key[1] in gone:
                state.end(connection, ADDRESS_GONE, now)
        gone.clear()


def _stood_on(connection: Connection, gone: set[bytes]) -> bool:
    """Whether replies to a source-translated connection are addressed to an address that is gone."""
    if not connection.status & TRANSLATED:
        return False
    return destination_of(connection.reply.key) in gone
