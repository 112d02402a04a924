"""Which flows a request means: the filters of `flows`, judged in the daemon.

Lives here: reading filters from a request, and matching them against a connection's keys. May not live here:
how a connection looks in a reply (views.py).
A flow is shown only if every filter given matches.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Final

from conntrack.flow.connection import (
    ASSURED,
    DESTINATION_NAT,
    HELPED,
    NAT64,
    RELATED,
    SEEN_REPLY,
    SOURCE_NAT,
    Connection,
)
from conntrack.flow.pair import destination_of, source_of
from conntrack.packet.header import WITH_PORTS
from conntrack.service.names import protocol_number
from conntrack.service.protocol import USAGE, Item, Refused

#: the filters a request may hold; the command line has an option for each
NAMES: Final = (
    "address",
    "source",
    "destination",
    "port",
    "source_port",
    "destination_port",
    "protocol",
    "state",
    "zone",
    "rule",
    "mark",
    "family",
    "status",
)
#: filter `status`: the status bits that must be set, and those that may not
STATUS: Final[dict[str, tuple[int, int]]] = {
    "assured": (ASSURED, 0),
    "replied": (SEEN_REPLY, 0),
    "unreplied": (0, SEEN_REPLY),
    "related": (RELATED, 0),
    "helped": (HELPED, 0),
    "source-nat": (SOURCE_NAT, 0),
    "destination-nat": (DESTINATION_NAT, 0),
    "nat64": (NAT64, 0),
}

Test = Callable[[Connection], bool]
Naming = Callable[[Connection], str]
ZoneNaming = Callable[[int], str]


class Filter:
    """All filters of one request. Refused: one of them is unknown or has a value that makes no sense."""

    def __init__(self, filters: Item, state_of: Naming, rule_of: Naming, zone_name: ZoneNaming) -> None:
        self._state_of = state_of
        self._rule_of = rule_of
        self._zone_name = zone_name
        self._tests = [self._test(name, value) for name, value in filters.items() if value is not None]

    def __bool__(self) -> bool:
        return bool(self._tests)

    def matches(self, connection: Connection) -> bool:
        """Whether every filter matches."""
        return all(test(connection) for test in self._tests)

    def _test(self, name: str, value: Any) -> Test:
        if name not in NAMES:
            raise Refused(USAGE, f"no such filter: {name} (there are {', '.join(NAMES)})")
        build: Callable[[Any], Test] = getattr(self, f"_by_{name}")
        try:
            return build(value)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise Refused(USAGE, f"filter {name}: {error}") from None

    def _by_address(self, value: Any) -> Test:
        network = Network(str(value))
        return lambda connection: any(address in network for address in addresses(connection))

    def _by_source(self, value: Any) -> Test:
        network = Network(str(value))
        return lambda connection: addresses(connection)[0] in network

    def _by_destination(self, value: Any) -> Test:
        network = Network(str(value))
        return lambda connection: addresses(connection)[1] in network or addresses(connection)[2] in network

    def _by_port(self, value: Any) -> Test:
        number = port(value)
        return lambda connection: number in ports(connection)

    def _by_source_port(self, value: Any) -> Test:
        number = port(value)
        return lambda connection: number in ports(connection)[:1]

    def _by_destination_port(self, value: Any) -> Test:
        number = port(value)
        return lambda connection: number in ports(connection)[1:3]

    def _by_protocol(self, value: Any) -> Test:
        number = protocol_number(str(value))
        return lambda connection: connection.protocol == number

    def _by_state(self, value: Any) -> Test:
        wanted = str(value).upper()
        return lambda connection: self._state_of(connection) == wanted

    def _by_zone(self, value: Any) -> Test:
        wanted = str(value)
        return lambda connection: wanted in (self._zone_name(connection.zone_in), self._zone_name(connection.zone_out))

    def _by_rule(self, value: Any) -> Test:
        wanted = str(value)
        return lambda connection: wanted in self._rule_of(connection)

    def _by_mark(self, value: Any) -> Test:
        wanted = int(str(value), 0)
        return lambda connection: connection.mark == wanted

    def _by_family(self, value: Any) -> Test:
        if value not in ("ipv4", "ipv6"):
            raise ValueError("ipv4 or ipv6")
        size = 14 if value == "ipv4" else 38
        return lambda connection: len(connection.original.key) == size

    def _by_status(self, value: Any) -> Test:
        if value not in STATUS:
            raise ValueError(", ".join(STATUS))
        needed, forbidden = STATUS[value]
        return lambda connection: connection.status & needed == needed and not connection.status & forbidden


class Network:
    """An address or network that packed addresses are looked up in."""

    def __init__(self, text: str) -> None:
        network = ipaddress.ip_network(text, strict=False)
        self._size = network.max_prefixlen // 8
        self._shift = network.max_prefixlen - network.prefixlen
        self._value = int(network.network_address) >> self._shift

    def __contains__(self, address: bytes) -> bool:
        return len(address) == self._size and int.from_bytes(address, "big") >> self._shift == self._value


def addresses(connection: Connection) -> tuple[bytes, bytes, bytes, bytes]:
    """Original source and destination, reply source and destination; packed."""
    original = connection.original.key
    reply = connection.reply.key
    return *_ends(original), *_ends(reply)


def _ends(key: bytes) -> tuple[bytes, bytes]:
    return source_of(key), destination_of(key)


def ports(connection: Connection) -> tuple[int, ...]:
    """Original source and destination port, reply source and destination port; none if the protocol has none."""
    if connection.protocol not in WITH_PORTS:
        return ()
    original = connection.original.key
    reply = connection.reply.key
    both = original[-4:] + reply[-4:]
    return tuple(int.from_bytes(both[at : at + 2], "big") for at in (0, 2, 4, 6))


def port(value: Any) -> int:
    """A port number. ValueError: it is none."""
    number = int(value)
    if not 0 < number < 65536:
        raise ValueError(f"{value} is no port (1 to 65535)")
    return number
