"""Two engines with the same rules, packets and clock: one judges all, the other only what the fast path leaves it.

The program runs on the bench (tests/offload.py), behind the real manager. Each packet goes to both; what comes out must
be the same bytes with the same mark, and afterwards both must know the same of every connection.
The clock is the kernel's, which the program reads. To let time pass, everything is made older instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from conntrack.cli.lab.namespace import Namespace
from conntrack.engine.verdict import USER_MASK
from conntrack.flow.connection import OFFLOADED, Connection, Direction
from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.coarse import TICK
from conntrack.gateway.fastpath.handover import state_of
from conntrack.gateway.fastpath.layout import map_key
from conntrack.gateway.fastpath.manager import Manager
from conntrack.gateway.fastpath.nexthops import Ways
from conntrack.gateway.links.snapshot import Address, Link, Route, Snapshot
from conntrack.packet.header import TCP
from tests.host import LINKS, Host, address
from tests.offload import CAPACITY, bench, forwarded

#: zone → index of its interface; loopback is one of them, since it is there
INDEX = {zone: index for index, zone in enumerate(LINKS, start=1)}
#: index → hardware address
HARDWARE = {index: bytes((2 * (index > 1), 0, 0, 0, 0, index * (index > 1))) for index in INDEX.values()}
#: seconds that the program's coarse clock may be late: a hundredth by itself, more where the machine is busy
_LATE = 0.3
WINDOWS = [name for name, _ in layout.TCP_FIELDS if name]


@contextmanager
def interfaces() -> Iterator[None]:
    """This thread in a network namespace that has those interfaces."""
    made = Namespace("bench")
    try:
        two, three = (f"index {index} address {HARDWARE[index].hex(':')}" for index in (2, 3))
        made.ip(f"link add name two {two} type veth peer name three {three}")
        with made.entered():
            yield
    finally:
        made.close()


def snapshot() -> Snapshot:
    """What Host's topology is made of, with a router beyond wan."""
    links, addresses, routes = [], [], []
    for zone, (name, texts) in LINKS.items():
        links.append(Link(INDEX[zone], name, True, 1500))
        for text in texts:
            own, length = text.split("/")
            addresses.append(Address(INDEX[zone], address(own), 0))
            routes.append(Route(address(own), int(length), 0, INDEX[zone]))
    for network, router in ((bytes(4), "203.0.113.254"), (bytes(16), "2001:db8:113::ffff")):
        routes.append(Route(network, 0, 0, INDEX["wan"], address(router)))
    return Snapshot(tuple(links), tuple(addresses), (), tuple(routes))


class Twin(Host):
    """One of the two."""

    def judged(self, zone: str, raw: bytes, mark: int, now: float) -> tuple[str, bytes, int]:
        """Zone or fate, bytes, and mark of a packet whose transport checksum is not looked at."""
        self.now, self.left_mark = now, 0
        fate, left = self.cross(zone, raw, mark, verify=False)
        return fate, left, self.left_mark & USER_MASK


class Twins:
    """`plain` judges everything, `fast` is behind the program. `carried`: packets that the program sent on."""

    def __init__(self, rules: str) -> None:
        self.plain, self.fast = Twin(rules), Twin(rules)
        self.bench = bench()
        self.carried = 0
        self._later: list[Callable[[], None]] = []
        self.manager = Manager(self.fast.engine, self.bench.maps, CAPACITY, self._later.append, time.monotonic)
        self.manager.ways = Ways(snapshot(), INDEX.values())
        self.manager.start()
        self.fast.engine.carry(self.manager)
        self._known_until: dict[bytes, float] = {}

    def arrive(self, zone: str, raw: bytes, mark: int = 0, segment: int = 0, segments: int = 0) -> str:
        """A packet from a zone, through both; "forwarded" by the program, or why it was not. segment(s): of GSO."""
        now = time.monotonic()
        fate, wanted, wanted_mark = self.plain.judged(zone, raw, mark, now)
        sent = self.bench.send(raw, mark, segment, segments, INDEX[zone], to=HARDWARE[INDEX[zone]])
        if sent.punt == "forwarded":
            assert fate in INDEX, f"the program sent on what is to be: {fate}"
            assert sent.raw == forwarded(wanted)
            assert sent.mark == wanted_mark
            self.carried += 1
        else:
            assert (sent.raw, sent.mark) == (raw, mark)
            assert self.fast.judged(zone, raw, mark, now) == (fate, wanted, wanted_mark)
        for connection in self.plain.engine.table.connections():
            if connection.seen >= now:
                self._known_until[connection.original.key] = time.monotonic()
        return sent.punt

    def turn(self) -> None:
        """The end of a turn of packets; then what may have waited has come, and nobody has to wait to be offered."""
        while self._later:
            self._later.pop(0)()
        for record in self.manager.carried.values():
            record.offered = 0.0
        self.manager.holds.release(barred=True)

    def take_back(self) -> None:
        """All connections come back."""
        carried = [record.connection for record in self.manager.carried.values()]
        self.manager.recall_many(carried, time.monotonic())

    def sweep(self) -> None:
        """What carried connections have done is read, and counts at once for their zones."""
        for _ in self.manager.sweep(time.monotonic()):
            pass
        for counter in ("accepted_packets", "accepted_octets"):
            assert getattr(self.fast.engine.counters, counter) == getattr(self.plain.engine.counters, counter)

    def pair(self, original: bytes) -> tuple[Connection, Connection] | None:
        """Both engines' connection; None where there is none."""
        direction = self.plain.engine.table.directions.get(original)
        if direction is None:
            return None
        return direction.connection, self.fast.engine.table.directions[original].connection

    def wait(self, seconds: float) -> None:
        """Everything grows older, and what is due ends."""
        for twin in (self.plain, self.fast):
            twin.engine.table.wheel._done = -1  # slots are filed at that are over already
            for connection in twin.engine.table.connections():
                connection.seen -= seconds
                connection.started -= seconds
                connection.deadline -= seconds
                twin.engine.table.wheel.refile(connection)
        for record in self.manager.carried.values():
            record.seen -= int(seconds / TICK)
        self.manager._returns._swept = 0.0
        maps = self.bench.maps
        for batch in list(maps.entries()):
            for key, flow in batch:
                older = replace(flow, last_seen=(flow.last_seen - int(seconds / TICK)) & 0xFFFF_FFFF)
                maps._of(key).put(map_key(key), older.pack())
        self._known_until = {key: until - seconds for key, until in self._known_until.items()}
        for twin in (self.plain, self.fast):
            twin.engine.expire(time.monotonic() + 2.0, 1000)  # the wheel's slots are of one second

    def agree(self) -> None:
        """Both know the same."""
        now = time.monotonic()
        directions = self.fast.engine.table.directions
        assert directions.keys() == self.plain.engine.table.directions.keys()
        for connection in self.plain.engine.table.connections():
            other = directions[connection.original.key].connection
            self.fast.engine.refresh(other, now)
            assert known(other) == known(connection)
            latest = self._known_until[connection.original.key] - connection.seen + _LATE
            assert -_LATE <= other.seen - connection.seen <= latest
            assert -_LATE <= other.deadline - connection.deadline <= latest
        for counter in ("accepted_packets", "accepted_octets", "reasons", "ended"):
            assert getattr(self.fast.engine.counters, counter) == getattr(self.plain.engine.counters, counter)


def known(connection: Connection) -> dict[str, object]:
    """All that an engine knows of a connection, but for times."""
    windows = layout.TCP_STATE.unpack(state_of(connection)) if connection.protocol == TCP else ()
    return {
        "identity": int(connection.identity),
        "state": int(connection.state),
        "status": connection.status & ~OFFLOADED,
        "timeout": connection.nominal,
        "rule": (connection.mark, connection.dscp, connection.zone_in, connection.zone_out),
        "original": counted(connection.original),
        "reply": counted(connection.reply),
        "windows": dict(zip(WINDOWS, windows, strict=False)),
    }


def counted(direction: Direction) -> tuple[bytes, bytes, int, int]:
    """Keys and counters of a direction."""
    return direction.key, direction.translated, int(direction.packets), int(direction.octets)
