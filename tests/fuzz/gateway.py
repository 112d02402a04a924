"""The whole engine as a fuzz target: packets at every hook, while rules, links and time change under it.

Lives here: how bytes become such a story. May not live here: what must hold (invariants.py), rules (scenery.py).
"""

from __future__ import annotations

from conntrack.engine.granting import Wanted
from conntrack.engine.verdict import ACCEPT, DROP, FORWARD, HALF, HOLD, OUTPUT, PREROUTING
from conntrack.flow.ending import DELETED
from conntrack.policy.policy import Policy
from tests.fuzz.invariants import empty, whole
from tests.fuzz.packets import forged
from tests.fuzz.scenery import MOST, RULES, TOPOLOGIES
from tests.fuzz.steps import Steps
from tests.host import Host, topology_of
from tests.kernel.finish import right_checksums

ZONES = ("wan", "lan", "guest", "self")
#: after this many seconds nothing lives
FOREVER = 1e7


class Story:
    """One gateway, and what happens to it."""

    def __init__(self) -> None:
        self.host = _HOST
        self.host.topology = topology_of(TOPOLOGIES[0], numbers(_POLICIES[0]))
        self.host.forget(_POLICIES[0])
        self.host.engine.hold(8)

    def step(self, kind: int, body: bytes) -> None:
        """One thing happens, as `kind` (0–15) says: mostly a packet arrives."""
        first = body[0] if body else 0
        if kind == 15:
            self.queued(first, body[1:])
        elif kind == 14:
            self.reload(first)
        elif kind == 13:
            self.move(first)
        elif kind == 12:
            self.delete(first)
        elif kind == 11 and first & 1:
            self.request(body)
        else:
            self.arrives(ZONES[kind % 4], body)

    def arrives(self, zone: str, body: bytes) -> None:
        """A packet comes in from a zone, or the gateway sends one; what leaves has right checksums if it came so."""
        raw = forged(body)
        if len(raw) < 20 or (raw[0] >> 4 != 4 and len(raw) < 40) or zone not in ZONES:
            return
        honest = right_checksums(raw)
        fate, left = self.host.cross(zone, raw)
        assert fate
        if left:
            assert len(left) == len(raw) or left[0] >> 4 != raw[0] >> 4
            assert right_checksums(left) or not honest, (raw.hex(), left.hex())

    def queued(self, where: int, raw: bytes) -> None:
        """Bytes that no host would route, but the queue may hand over: any hook, any interface, any mark."""
        hook = (PREROUTING, FORWARD, OUTPUT)[where % 3]
        mark = HALF if where & 128 else where
        verdict, new, _ = self.host.engine.packet(
            raw, hook, where >> 2 & 3, where >> 4 & 3, mark, self.host.now, bool(where & 64)
        )
        assert verdict in (DROP, ACCEPT, HOLD)
        assert new is None or len(new) == len(raw)

    def reload(self, number: int) -> None:
        """Other rules; the gateway then says anew which interface is in which zone."""
        policy = _POLICIES[number % len(_POLICIES)]
        self.host.engine.swap(policy)
        self.move(number >> 4)

    def move(self, number: int) -> None:
        """Links and addresses come and go."""
        self.host.topology = topology_of(TOPOLOGIES[number % len(TOPOLOGIES)], numbers(self.host.engine.policy))
        self.host.engine.move(self.host.topology, self.host.now)

    def request(self, body: bytes) -> None:
        """Somebody asks for an outside port, or gives one back."""
        first, second, third = (*body, 0, 0, 0)[:3]
        requests = self.host.engine.requests
        if first & 2 and requests.grants():
            requests.withdraw(list(requests.grants())[second % len(requests.grants())], self.host.now)
            return
        inside = (bytes((192, 168, 10, 5)), bytes((192, 168, 10, 20)), bytes((192, 168, 20, 5)))[second % 3]
        wanted = Wanted((6, 17)[third & 1], inside, 5000 + (third >> 1 & 3), float(10 << (first >> 4)), "fuzz")
        wanted.outside_port = (0, 0, 5000, 5001)[first >> 2 & 3]
        requests.request(wanted, self.host.now)

    def delete(self, number: int) -> None:
        """An administrator ends a connection."""
        connections = self.host.engine.table.snapshot()
        if connections:
            self.host.engine.end(connections[number % len(connections)], DELETED, self.host.now)


def engine(data: bytes) -> None:
    """Whatever arrives wherever in whatever order, while rules, links and time change: a verdict comes out, what leaves
    has right checksums, the table stays whole and within its limit, no connection outlives its timeout, and in the end
    nothing is left of any of it.
    """
    story = Story()
    for kind, pause, body in Steps(data).told():
        story.host.wait(pause)
        story.step(kind, body)
        story.host.released()
        whole(story.host.engine, story.host.now, MOST)
    story.host.wait(FOREVER)
    story.host.engine.expire(story.host.now, 1_000_000)
    empty(story.host.engine)


def numbers(policy: Policy) -> dict[str, int]:
    """Zone names → numbers."""
    return {zone.name: int(zone.number) for zone in policy.zones}


_HOST = Host(RULES[0])
_POLICIES = [Host(rules).engine.policy for rules in RULES]
