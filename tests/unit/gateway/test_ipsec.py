"""IPsec policies, as NETLINK_XFRM dumps them, and the networks that they guard."""

from __future__ import annotations

import struct
from ipaddress import ip_network
from socket import AF_INET, AF_INET6, AF_UNSPEC

import pytest

from conntrack.gateway.links.ipsec import far_side
from conntrack.gateway.links.snapshot import Network

IN, OUT, FORWARD, SOCKET_OUT = 0, 1, 2, 4
ALLOW, BLOCK = 0, 1
TEMPLATE = (5, bytes(64))


def policy(
    direction: int, source: str, destination: str, *attributes: tuple[int, bytes], action: int = ALLOW, family: int = -1
) -> bytes:
    """struct xfrm_userpolicy_info and its attributes."""
    of, to = ip_network(source), ip_network(destination)
    if family < 0:
        family = AF_INET if to.version == 4 else AF_INET6
    selector = to.network_address.packed.ljust(16, b"\0") + of.network_address.packed.ljust(16, b"\0") + bytes(8)
    selector += struct.pack("=HBBB3xiI", family, to.prefixlen, of.prefixlen, 0, 0, 0)
    body = selector + bytes(64 + 32) + struct.pack("=IIBBBB4x", 0, 8 + direction, direction, action, 0, 0)
    return body + b"".join(struct.pack("=HH", 4 + len(value), kind) + value for kind, value in attributes)


def network(text: str) -> Network:
    found = ip_network(text)
    return found.network_address.packed, found.prefixlen


LAN, FAR, LAN6, FAR6 = "192.168.10.0/24", "10.9.0.0/16", "2001:db8:10::/64", "2001:db8:9::/48"


@pytest.mark.parametrize(
    ("message", "guarded"),
    [
        pytest.param(policy(OUT, LAN, FAR, TEMPLATE), [FAR], id="to be encrypted"),
        pytest.param(policy(FORWARD, FAR, LAN, TEMPLATE), [FAR], id="must have been encrypted"),
        pytest.param(policy(OUT, LAN6, FAR6, TEMPLATE), [FAR6], id="IPv6"),
        pytest.param(policy(OUT, "0.0.0.0/0", FAR, action=BLOCK), [FAR], id="forbidden"),
        pytest.param(policy(IN, FAR, LAN, TEMPLATE), [], id="for the gateway itself"),
        pytest.param(policy(SOCKET_OUT, LAN, FAR, TEMPLATE), [], id="a socket's own"),
        pytest.param(policy(OUT, FAR, LAN), [], id="an exception, passed as it is"),
        pytest.param(policy(OUT, LAN, FAR, TEMPLATE, (31, struct.pack("=I", 7))), [], id="of an XFRM interface"),
        pytest.param(policy(OUT, LAN, FAR, TEMPLATE, (31, bytes(4))), [FAR], id="of no XFRM interface"),
        pytest.param(
            policy(OUT, "0.0.0.0/0", "0.0.0.0/0", TEMPLATE, family=AF_UNSPEC), ["0.0.0.0/0", "::/0"], id="everything"
        ),
    ],
)
def test_the_far_side_of_a_policy(message: bytes, guarded: list[str]) -> None:
    assert list(far_side(message)) == [network(text) for text in guarded]
