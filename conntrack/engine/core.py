"""The sans-IO core as everybody above sees it: packets and time in, verdicts and events out.

Lives here: what the engine can be asked and told. May not live here: a packet's way (path.py), sockets, clocks.
"""

from __future__ import annotations

from random import Random

from conntrack.engine.adopt import Found, adopt
from conntrack.engine.counters import Counters
from conntrack.engine.events import Observer
from conntrack.engine.exit import Exit
from conntrack.engine.offload import Offload
from conntrack.engine.path import Path
from conntrack.engine.permitted import permitted
from conntrack.engine.renewal import move, swap
from conntrack.engine.requested import Requests
from conntrack.engine.state import State
from conntrack.engine.topology import Topology
from conntrack.engine.trace import Trace
from conntrack.flow.connection import OFFLOADED, Connection
from conntrack.flow.ending import TIMEOUT
from conntrack.flow.expectation import Expectations
from conntrack.flow.table import Table
from conntrack.nat.ports import Ports
from conntrack.policy.policy import Policy
from conntrack.tracker.registry import Trackers


class Engine(Path):
    """Tracks, decides, translates. `now` is seconds on a clock that never goes back, `wall` on it is Unix time."""

    def __init__(self, policy: Policy, topology: Topology, random: Random) -> None:
        trackers = Trackers()
        super().__init__(State(policy, topology, random, trackers.by_number), trackers)
        self._requests = Requests(self._state)
        swap(self._state, trackers, policy)

    @property
    def table(self) -> Table:
        """The connections."""
        return self._state.table

    @property
    def expectations(self) -> Expectations:
        """The connections that helpers foresee."""
        return self._state.expectations

    @property
    def counters(self) -> Counters:
        """What has been counted."""
        return self._state.counters

    @property
    def ports(self) -> Ports:
        """The outside ports in use; `ports.own` is to be set by whoever knows the gateway's sockets."""
        return self._state.ports

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._state.policy

    @property
    def topology(self) -> Topology:
        """The topology in force."""
        return self._state.topology

    @property
    def trackers(self) -> Trackers:
        """The trackers, for names of protocols and states."""
        return self._trackers

    @property
    def trace(self) -> Trace:
        """What was thought of the last packet."""
        return self._state.trace

    def observe(self, observer: Observer | None) -> None:
        """Sets who is told of connections and logged packets."""
        self._state.observer = observer

    def carry(self, offload: Offload | None) -> None:
        """Sets what carries established connections past the queue; None: nothing does."""
        self._state.offload = offload
        self._offload = offload

    def lead_out(self, way_out: Exit | None) -> None:
        """Sets where packets leave that are of another IP version than they came with; None: they are refused."""
        self._state.way_out = way_out

    def set_wall(self, offset: float) -> None:
        """Sets Unix time minus the clock that `now` is on, for schedules."""
        self._state.wall = offset

    def expire(self, now: float, budget: int = 1000) -> int:
        """Ends connections whose time is up, up to `budget` at a call; returns how many were due."""
        state = self._state
        state.ports.blocks.tidy(now)
        self._requests.expire(now)
        gone = state.table.wheel.expired(now, budget)
        if self._offload is not None:
            self._release(self._offload, gone, now)
        for connection in gone:
            if connection.deadline > now:
                state.table.wheel.file(connection)
            else:
                state.end(connection, TIMEOUT, now)
        for expectation in state.expectations.due(now):
            state.expectations.expired += 1
            state.unexpect(expectation, now)
        return len(gone)

    def _release(self, offload: Offload, due: list[Connection], now: float) -> None:
        """Of those that are due, has the deadlines of carried ones up to date, and gives back those that end."""
        carried = [connection for connection in due if connection.status & OFFLOADED]
        if carried:
            offload.refresh(carried, now)
            offload.release([connection for connection in carried if connection.deadline <= now], now)

    def next_deadline(self) -> float:
        """When `expire` may have something to do; infinity with an empty table."""
        return min(self._state.table.wheel.next_due(), self._state.expectations.next_due())

    def swap(self, policy: Policy) -> None:
        """Puts a compiled policy in force; connections stay, with their rules by name."""
        swap(self._state, self._trackers, policy)
        self._requests.renew(policy)

    def move(self, topology: Topology, now: float) -> int:
        """Links, addresses or routes changed; returns how many masqueraded connections ended by it."""
        ended = move(self._state, topology, now)
        self._requests.leave(topology, now)
        return ended

    def space_of(self, zone: int) -> int:
        """The number of a zone's address space, as keys have it."""
        return int(self._spaces.of_zone(zone))

    @property
    def requests(self) -> Requests:
        """The mappings that somebody asked for, and the way to ask."""
        return self._requests

    def refresh(self, connection: Connection, now: float) -> None:
        """Brings a carried connection's counters and deadline up to date."""
        if connection.status & OFFLOADED and self._offload is not None:
            self._offload.refresh([connection], now)

    def adopt(self, found: Found, now: float) -> Connection | None:
        """Takes in a connection that a carrier kept while nobody was here; None: it may not go on (engine/adopt.py)."""
        return adopt(self._state, found, now)

    def permitted(self, connection: Connection, now: float) -> bool:
        """Whether the policy in force would let this connection begin."""
        return permitted(self._state, connection, now)

    def end(self, connection: Connection, ending: int, now: float) -> None:
        """Ends one connection (an administrator's delete)."""
        self._state.end(connection, ending, now)
