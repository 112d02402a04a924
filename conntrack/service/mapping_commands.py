"""The control socket's commands about mappings: ask for one, end one, list them.

Lives here: these commands and the shape of a mapping. May not live here: granting (engine/requested.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from conntrack.engine.core import Engine
from conntrack.engine.granting import Wanted
from conntrack.engine.requested import Grant
from conntrack.nat.mapping import Mapping as PortMapping
from conntrack.service.arguments import packed, whole_number
from conntrack.service.control import Command
from conntrack.service.names import protocol_name, protocol_number
from conntrack.service.policy_views import address_text
from conntrack.service.protocol import FAILED, MISSING, USAGE, Item, Refused
from conntrack.service.views import Flows

#: who asked, where the request does not say
ADMINISTRATOR: Final = "administrator"
#: seconds that a mapping lives where the request does not say
HOUR: Final = 3600
#: more than a request can mean (RFC 6887 §7.1 has 32 bits for it); what is granted is less (engine/requested.py)
MOST_SECONDS: Final = 2**32 - 1


class MappingCommands:
    """The commands of one daemon. `clock` is the engine's."""

    def __init__(self, engine: Engine, flows: Flows, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._flows = flows
        self._clock = clock

    def table(self) -> Mapping[str, Command]:
        """Every command by name."""
        return {
            "nat mappings": Command(self._list),
            "nat map": Command(self._map, changes=True),
            "nat unmap": Command(self._unmap, changes=True),
        }

    def _list(self, arguments: Item) -> Iterator[Item]:
        grants = self._engine.requests.grants()
        for mapping in self._engine.ports.mappings():
            yield self._view(mapping, grants.get(mapping.inside))

    def _map(self, arguments: Item) -> Iterator[Item]:
        wanted = self._wanted(arguments)
        requests = self._engine.requests
        grant = requests.request(wanted, self._clock())
        if grant is None:
            raise Refused(FAILED, requests.refusal)
        yield self._view(grant.mapping, grant)

    def _unmap(self, arguments: Item) -> Iterator[Item]:
        wanted = self._wanted(arguments)
        end = bytes((int(wanted.protocol),)), wanted.inside + int(wanted.port).to_bytes(2, "big")
        grants = self._engine.requests.grants()
        found = [inside for inside in grants if (inside[:1], inside[2:]) == end]
        if wanted.zone_in >= 0:
            found = [inside for inside in found if inside[1] == self._engine.space_of(int(wanted.zone_in))]
        if not found:
            raise Refused(MISSING, "no such mapping was asked for")
        for inside in found:
            yield self._view(grants[inside].mapping, grants[inside])
            self._engine.requests.withdraw(inside, self._clock())

    def _wanted(self, arguments: Item) -> Wanted:
        port, lifetime = whole_number(arguments, "port"), whole_number(arguments, "lifetime")
        outside_port = whole_number(arguments, "outside_port") or 0
        try:
            protocol = protocol_number(str(arguments.get("protocol")))
        except ValueError as error:
            raise Refused(USAGE, str(error)) from None
        if port is None or not 0 < port < 65536 or not 0 <= outside_port < 65536:
            raise Refused(USAGE, "a port is from 1 to 65535")
        if lifetime is not None and not 1 <= lifetime <= MOST_SECONDS:
            raise Refused(USAGE, f"`lifetime` is from 1 to {MOST_SECONDS} seconds")
        inside = packed(str(arguments.get("address")))
        owner = str(arguments.get("owner") or ADMINISTRATOR)
        wanted = Wanted(protocol, inside, port, float(HOUR if lifetime is None else lifetime), owner)
        if arguments.get("outside_address"):
            wanted.outside = packed(str(arguments["outside_address"]))
        wanted.outside_port = outside_port
        if arguments.get("zone"):
            wanted.zone_in = self._zone(str(arguments["zone"]))
        return wanted

    def _zone(self, name: str) -> int:
        try:
            return self._engine.policy.zone_number(name)
        except KeyError:
            raise Refused(USAGE, f"no such zone: {name}") from None

    def _view(self, mapping: PortMapping, grant: Grant | None) -> Item:
        inside = mapping.inside
        rule = mapping.rule
        return {
            "protocol": protocol_name(inside[0]),
            "address": address_text(inside[2:-2]),
            "port": int.from_bytes(inside[-2:], "big"),
            "outside_address": address_text(mapping.use.address),
            "outside_port": int(mapping.port),
            "connections": int(mapping.references) - (grant is not None),
            "open": rule is not None,  # lets in whoever sends to it
            "zone": self._flows.zone(int(rule.zone)) if rule is not None else "",
            "owner": None if grant is None else grant.owner,
            "expires": None if grant is None else max(0, round(grant.expires - self._clock())),
        }
