"""Address spaces: zones whose addresses may be the same as others', told apart in every key (flow/pair.py).

Lives here: which space a packet, a zone or a key belongs to, and the mark that routes packets into a zone. May not live
here: whether a connection may leave its space (sources.py), or routes: `ip rule` chooses a table by the mark.

A packet is keyed in the space of the interface it comes by; what the gateway itself sends, in that of the interface it
leaves by. Zones without `space:` share space 0. A space keeps its number over reloads, for keys hold it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mypy_extensions import i64

from conntrack.engine.topology import Topology
from conntrack.engine.trace import Trace
from conntrack.engine.verdict import OUTPUT
from conntrack.flow.connection import Direction
from conntrack.flow.pair import prefixes
from conntrack.packet.header import Packet
from conntrack.policy.runtime import NO_ZONE, SELF
from conntrack.policy.zones import Zone


class Spaces:
    """`apart`: there is more than one, so that keys must be asked for here."""

    def __init__(self) -> None:
        self.apart = False
        self.gone: set[int] = set()  # numbers of spaces that are no more, until their connections have ended
        self._numbers: dict[str, int] = {"": 0}
        self._zones: list[int] = []  # zone → space
        self._marks: list[int] = []  # zone → packet mark
        self._links: dict[int, int] = {}  # interface → space, where it is not 0
        self._entrances: dict[int, int] = {}  # zone with a space → its first interface that is up

    def settle(self, zones: Sequence[Zone], topology: Topology) -> None:
        """Takes over the zones and interfaces that are there now."""
        names = {zone.space for zone in zones}
        for name in [name for name in self._numbers if name and name not in names]:
            self.gone.add(self._numbers.pop(name))
        self._zones = [self._number(zone.space) for zone in zones]
        self._marks = [int(zone.mark) for zone in zones]
        self._links = {}
        self._entrances = {}
        for interface in topology.interfaces():
            zone = int(interface.zone)
            if 0 < zone < len(zones) and self._zones[zone]:
                self._links[int(interface.index)] = self._zones[zone]
                if interface.up:
                    self._entrances.setdefault(zone, int(interface.index))
        self.apart = any(self._zones)

    def of_zone(self, zone: i64) -> i64:
        """The space of a zone; 0 for one that is not there."""
        return self._zones[zone] if 0 <= zone < len(self._zones) else 0

    def mark(self, zone: i64) -> i64:
        """The mark that packets into a zone get, so that they are routed to it; 0 for none."""
        return self._marks[zone] if 0 <= zone < len(self._marks) else 0

    def strays(self, trace: Trace, mark: i64) -> bool:
        """Whether the mark of the zone that the last packet came from would lead it astray: where it goes has none."""
        connection = trace.connection
        if connection is None or int(mark) not in self._marks:
            return False
        zone = i64(connection.zone_out if trace.direction == "original" else connection.zone_in)
        return zone > SELF and self.mark(zone) == 0

    def entrance(self, zone: i64) -> i64:
        """An interface of a zone with a space; 0 for other zones: their routes say."""
        return self._entrances.get(int(zone), 0)

    def home(self, inside: bytes, routed: i64) -> i64:
        """The zone of an inside endpoint (nat/endpoint.py): what its route says, unless that is in another space."""
        space = inside[1]
        if self.of_zone(routed) == space or space == 0:
            return routed
        return self._zones.index(space) if space in self._zones else NO_ZONE

    def prefix(self, protocol: i64, hook: i64, inbound: i64, outbound: i64) -> bytes:
        """How the key of a packet at a hook begins."""
        space = self._links.get(int(outbound if hook == OUTPUT else inbound), 0)
        return prefixes(space)[protocol]

    def own(self, packet: Packet, directions: dict[bytes, Direction]) -> Direction | None:
        """The connection of a packet that the gateway sends, in whichever space it is.

        Before it is marked, the kernel has routed it by its destination alone, which several spaces may have.
        """
        for space in self._numbers.values():
            direction = directions.get(prefixes(space)[packet.protocol] + packet.pair)
            if direction is not None:
                return direction
        return None

    def _number(self, name: str) -> int:
        """A space's number; there are at most 127 at a time (policy/check_zones.py), so a byte is never used up."""
        if name not in self._numbers:
            taken = {*self._numbers.values(), *self.gone}
            self._numbers[name] = next(number for number in range(256) if number not in taken)
        return self._numbers[name]


def leaving(space: i64, key: bytes, zone_in: i64, zone_out: i64) -> bytes:
    """The key of a packet in the space that it leaves for; the gateway is in each."""
    if zone_in == SELF or zone_out == SELF or key[1] == space:
        return key
    return key[:1] + bytes((int(space),)) + key[2:]
