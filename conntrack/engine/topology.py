"""Where interfaces, addresses and routes stand: plain data that the engine asks and others keep fresh.

Lives here: zone of an interface, owner of an address, route of a destination, the address to masquerade with.
May not live here: rtnetlink (gateway/links builds a Topology from it) and zone names' meaning (policy/).
A Topology is never changed once the engine has it: changes build a new one (Engine.move).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

NO_ZONE: Final = -1
SELF: Final = 0


class Interface:
    """One network interface. Addresses are packed (4 or 16 bytes), in the kernel's order, primary first."""

    def __init__(self, index: int, name: str, zone: int) -> None:
        self.index: i64 = index
        self.name = name
        self.zone: i64 = zone
        self.addresses: list[bytes] = []  # every address that the gateway answers to here
        self.sources: list[bytes] = []  # those fit to masquerade behind: global scope, not temporary or tentative
        self.broadcasts: set[bytes] = set()
        self.up = True
        self.mtu: i64 = 0  # largest IP packet, in bytes; 0: not known


class Topology:
    """Build it with add_interface and add_route, then hand it over."""

    def __init__(self) -> None:
        self._interfaces: dict[int, Interface] = {}
        self._owner: dict[bytes, Interface] = {}
        self._shared: set[bytes] = set()  # addresses of several interfaces
        self._broadcasts: dict[bytes, Interface] = {}
        # prefix length → masked network → interface index; longest first (few lengths, so a handful of look-ups)
        self._routes4: dict[int, dict[bytes, int]] = {}
        self._routes6: dict[int, dict[bytes, int]] = {}
        self._lengths4: list[int] = []
        self._lengths6: list[int] = []
        self._mtus: dict[tuple[bytes, int], int] = {}  # (masked network, prefix length) → the route's own MTU

    def add_interface(self, interface: Interface) -> None:
        """Adds an interface with all its addresses."""
        self._interfaces[int(interface.index)] = interface
        for address in interface.addresses:
            if address in self._owner:
                self._shared.add(address)
            self._owner[address] = interface
        for address in interface.broadcasts:
            self._broadcasts[address] = interface

    def add_route(self, network: bytes, length: int, index: int, mtu: int = 0) -> None:
        """Adds a unicast route, with its own MTU if it has one; of equal prefixes the first (lowest metric) stays."""
        routes = self._routes4 if len(network) == 4 else self._routes6
        lengths = self._lengths4 if len(network) == 4 else self._lengths6
        table = routes.get(length)
        if table is None:
            table = {}
            routes[length] = table
            lengths.append(length)
            lengths.sort(reverse=True)
        network = masked(network, length)
        if network not in table:
            table[network] = index
            if mtu:
                self._mtus[network, length] = mtu

    def interfaces(self) -> list[Interface]:
        """All interfaces."""
        return list(self._interfaces.values())

    def interface(self, index: i64) -> Interface | None:
        """The interface of that index, if it is known."""
        return self._interfaces.get(int(index))

    def zone_of(self, index: i64) -> i64:
        """The zone of an interface index; NO_ZONE if no zone lists it."""
        interface = self._interfaces.get(int(index))
        return NO_ZONE if interface is None else interface.zone

    def is_local(self, address: bytes) -> bool:
        """Whether the address is one of the gateway's own."""
        return address in self._owner

    def is_group(self, address: bytes) -> bool:
        """Whether the address is multicast or a broadcast address of one of our links."""
        first: i64 = address[0]
        if len(address) == 16:
            return first == 0xFF
        return 0xE0 <= first < 0xF0 or address == b"\xff\xff\xff\xff" or address in self._broadcasts

    def address_zone(self, address: bytes, inbound: i64 = 0) -> i64:
        """The zone of the interface that holds this address of ours; NO_ZONE if it is not ours.

        Where several hold it, the one that the packet came by counts.
        """
        interface = self._owner.get(address)
        if address in self._shared:
            here = self._interfaces.get(int(inbound))
            if here is not None and address in here.addresses:
                return here.zone
        return NO_ZONE if interface is None else interface.zone

    def route(self, address: bytes) -> i64:
        """The interface index that packets to this address leave by; 0 if there is no route."""
        routes = self._routes4 if len(address) == 4 else self._routes6
        lengths = self._lengths4 if len(address) == 4 else self._lengths6
        for length in lengths:
            index = routes[length].get(masked(address, length))
            if index is not None:
                return index
        return 0

    def path_mtu(self, address: bytes) -> i64:
        """The largest IP packet that both its route and its link take; 0 if that is not known."""
        routes = self._routes4 if len(address) == 4 else self._routes6
        lengths = self._lengths4 if len(address) == 4 else self._lengths6
        for length in lengths:
            network = masked(address, length)
            index = routes[length].get(network)
            if index is not None:
                own: i64 = self._mtus.get((network, length), 0)
                interface = self._interfaces.get(index)
                whole: i64 = 0 if interface is None else interface.mtu
                return min(own, whole) if own and whole else own + whole
        return 0

    def masquerade_address(self, index: i64, version: i64) -> bytes:
        """The address that flows leaving by this interface take; b"" if it has none of that family."""
        interface = self._interfaces.get(int(index))
        if interface is not None:
            size: i64 = 4 if version == 4 else 16
            for address in interface.sources:
                if len(address) == size:
                    return address
        return b""

    def holds(self, index: i64, address: bytes) -> bool:
        """Whether the interface is there, up, and has the address."""
        interface = self._interfaces.get(int(index))
        return interface is not None and interface.up and address in interface.addresses


def masked(address: bytes, length: int) -> bytes:
    """The address with all but its first `length` bits cleared."""
    bits = len(address) * 8
    if length >= bits:
        return address
    number = int.from_bytes(address, "big")
    number = number >> (bits - length) << (bits - length)
    return number.to_bytes(len(address), "big")
