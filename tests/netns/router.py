"""The lab with a router in its middle that needs no translation: the server knows the way back.

Lives here: that network, its UDP servers, and how far its hardware goes. May not live here: a queue, or the daemon.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conntrack.cli.lab import servers
from conntrack.cli.lab.network import LAN4, OUTSIDE4, SERVER4, SERVER6, Network

#: that the servers of `serving` listen at
PORT: Final = 5000
#: how far the hardware of the gateway's links goes: all offloads, no segmentation, no checksums either
HARDWARE: Final = {"full": (), "checksums only": ("tso", "off", "gso", "off"), "none": ("tx", "off")}


@contextmanager
def routed(offload: bool = False) -> Iterator[Network]:
    """That network."""
    with Network(offload=offload, forwarding=True) as network:
        network.server.ip(f"route add {LAN4} via {OUTSIDE4}")
        yield network


@contextmanager
def serving() -> Iterator[Network]:
    """The same with UDP servers outside."""
    with (
        routed() as network,
        servers.udp(network.server, SERVER4, PORT),
        servers.udp(network.server, SERVER6, PORT),
    ):
        yield network


@contextmanager
def of_hardware(name: str) -> Iterator[Network]:
    """The same with the gateway's links as HARDWARE has them by this name."""
    with routed(offload=True) as network:
        for link in ("eth0", "eth1"):
            network.gateway.run("ethtool", "-K", link, *HARDWARE[name])
        yield network
