"""Zones as the gateway sees them while it runs: numbers, interfaces, networks.

Lives here: which zone an interface or an address belongs to. May not live here: rules, addresses of interfaces
(engine/topology.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mypy_extensions import i64

from conntrack.policy.runtime import NO_ZONE, SELF
from conntrack.policy.values import Span

#: Zone.mss: by the MTU of the path
MSS_OF_PATH: Final = -1


class Zone:
    """One zone; number 0 is `self`, the gateway. An interface pattern that ends in `+` stands for any ending."""

    def __init__(
        self, number: int, name: str, interfaces: Sequence[str], networks: Sequence[Span], dhcp_client: bool = False
    ) -> None:
        self.number: i64 = number  # place in Policy.zones
        self.name = name
        self.interfaces = tuple(interfaces)
        self.networks = tuple(networks)
        self.dhcp_client = dhcp_client
        self.space = ""  # the address space that it shares with zones of the same word
        self.mark: i64 = 0  # packet mark that routes into it, 0 for none
        self.mss: i64 = 0  # largest TCP segment that a SYN across the zone may ask for; MSS_OF_PATH; 0: as it says


def of_interface(zones: Sequence[Zone], interface: str) -> int:
    """The number of the zone that lists an interface: by name, else by the longest pattern; NO_ZONE if none does."""
    found, length = NO_ZONE, -1
    for zone in zones:
        for pattern in zone.interfaces:
            if pattern == interface:
                return int(zone.number)
            if pattern.endswith("+") and interface.startswith(pattern[:-1]) and len(pattern) > length:
                found, length = int(zone.number), len(pattern)
    return found


def of_address(zones: Sequence[Zone], address: bytes, space: str | None = None) -> int:
    """The number of the zone that an address lies behind: the smallest network decides, else the zone without networks.

    Of several zones without networks the first is taken; NO_ZONE if there is none. space: the address space of who
    speaks of it: the networks of others are not meant; None: every network is.
    """
    found, smallest = NO_ZONE, 0
    for zone in zones:
        if space is not None and zone.space not in ("", space):
            continue
        for span in zone.networks:
            if len(span.low) == len(address) and span.low <= address <= span.high:
                size = int.from_bytes(span.high, "big") - int.from_bytes(span.low, "big") + 1
                if found == NO_ZONE or size < smallest:
                    found, smallest = int(zone.number), size
    return found if found != NO_ZONE else elsewhere(zones)


def elsewhere(zones: Sequence[Zone]) -> int:
    """The number of the first zone without networks, behind which lies what no other claims; NO_ZONE if none is."""
    for zone in zones:
        if not zone.networks and zone.number != SELF:
            return int(zone.number)
    return NO_ZONE
