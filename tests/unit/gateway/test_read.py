"""rtnetlink messages, as pyroute2 hands them over, and the snapshot that they make."""

from __future__ import annotations

from ipaddress import ip_address
from socket import AF_INET, AF_INET6
from typing import Any, cast

import pytest
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

from conntrack.gateway.links.read import LinksError, read
from conntrack.gateway.links.snapshot import (
    DEPRECATED,
    PREFERRED,
    UNFIT,
    Address,
    Broadcast,
    Link,
    Network,
    Route,
    Snapshot,
)

MAIN, DEFAULT, LOCAL = 254, 253, 255
UNICAST, OURS, BROADCAST, ANYCAST, BLACKHOLE, THROW = 1, 2, 3, 4, 6, 9
TEMPORARY, FAILED, DEPRECATED_FLAG, TENTATIVE = 0x01, 0x08, 0x20, 0x40
LINK_SCOPE = 253


class Message(dict[str, Any]):
    """Header fields as items, attributes by get_attr."""

    def __init__(self, attributes: dict[str, Any], **fields: Any) -> None:
        super().__init__(fields)
        self.attributes = attributes

    def get_attr(self, name: str) -> Any:
        return self.attributes.get(name)


class Kernel:
    """Answers dumps; `troubles` are raised one by one before the first answer."""

    def __init__(self) -> None:
        self.links: list[Message] = []
        self.addresses: list[Message] = []
        self.routes: list[Message] = []
        self.rules = [rule(0, LOCAL), rule(32766, MAIN), rule(32767, DEFAULT)]
        self.troubles: list[Exception] = []
        self.guarded: tuple[Network, ...] = ()

    def get_links(self) -> list[Message]:
        if self.troubles:
            raise self.troubles.pop(0)
        return self.links

    def get_addr(self) -> list[Message]:
        return self.addresses

    def get_routes(self, family: int) -> list[Message]:
        return [route for route in self.routes if route["family"] == family]

    def get_rules(self, family: int) -> list[Message]:
        return self.rules

    def read(self) -> Snapshot:
        return read(cast(IPRoute, self), lambda: self.guarded)


def rule(priority: int, table: int) -> Message:
    return Message({"FRA_PRIORITY": priority or None, "FRA_TABLE": table}, table=table)


def family_of(text: str) -> int:
    return AF_INET6 if ":" in text else AF_INET


def packed(text: str) -> bytes:
    return ip_address(text).packed


def address(text: str, flags: int = 0x80, scope: int = 0, peer: str = "") -> Message:
    attributes = {"IFA_ADDRESS": peer or text, "IFA_FLAGS": flags}
    if "." in text:
        attributes["IFA_LOCAL"] = text
    return Message(attributes, family=family_of(text), index=2, scope=scope, flags=flags & 0xFF)


def route(
    network: str,
    length: int,
    kind: int = UNICAST,
    table: int = MAIN,
    flags: int = 0,
    source: int = 0,
    tos: int = 0,
    **more: Any,
) -> Message:
    attributes = {"RTA_DST": network, "RTA_TABLE": table, "RTA_OIF": 2} | more
    if length == 0:
        del attributes["RTA_DST"]
    fields = {"dst_len": length, "src_len": source, "tos": tos, "table": table & 0xFF, "type": kind, "flags": flags}
    return Message(attributes, family=family_of(network), **fields)


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


def test_links_in_order_of_their_index(kernel: Kernel) -> None:
    kernel.links = [
        Message({"IFLA_IFNAME": "wg0", "IFLA_MTU": 1420}, index=3, flags=0x1002, ifi_type=0xFFFE),
        Message({"IFLA_IFNAME": "eth0", "IFLA_MTU": 1500}, index=2, flags=0x1043, ifi_type=1),
    ]
    assert kernel.read().links == (Link(2, "eth0", True, 1500, True), Link(3, "wg0", False, 1420, False))


def link(index: int, forwards: int, forwards6: int) -> Message:
    own = {"AF_INET": {"forwarding": forwards}, "AF_INET6": Message({"IFLA_INET6_CONF": {"forwarding": forwards6}})}
    return Message({"IFLA_IFNAME": f"eth{index}", "IFLA_AF_SPEC": Message(own)}, index=index, flags=1, ifi_type=1)


def test_which_links_forward(kernel: Kernel) -> None:
    kernel.links = [link(1, 0, 0), link(2, 1, 0)]
    assert [one.forwards for one in kernel.read().links] == [False, True]
    assert not kernel.read().forwards6
    kernel.links.append(link(3, 0, 1))
    assert kernel.read().forwards6


@pytest.mark.parametrize(
    ("message", "fitness"),
    [
        pytest.param(address("192.0.2.1"), PREFERRED, id="permanent"),
        pytest.param(address("192.0.2.1", flags=TEMPORARY), PREFERRED, id="IPv4 secondary, the same bit as temporary"),
        pytest.param(address("192.0.2.1", scope=LINK_SCOPE), UNFIT, id="IPv4 link scope"),
        pytest.param(address("2001:db8::1"), PREFERRED, id="IPv6"),
        pytest.param(address("2001:db8::1", flags=TEMPORARY), UNFIT, id="temporary (RFC 8981)"),
        pytest.param(address("2001:db8::1", flags=TENTATIVE), UNFIT, id="tentative"),
        pytest.param(address("2001:db8::1", flags=DEPRECATED_FLAG), DEPRECATED, id="deprecated"),
        pytest.param(address("fe80::1", scope=LINK_SCOPE), UNFIT, id="link-local"),
    ],
)
def test_how_fit_an_address_is(kernel: Kernel, message: Message, fitness: int) -> None:
    kernel.addresses = [message]
    (found,) = kernel.read().addresses
    assert found == Address(2, packed(message.get_attr("IFA_ADDRESS")), fitness)


def test_a_duplicate_address_is_not_ours(kernel: Kernel) -> None:
    kernel.addresses = [address("2001:db8::1", flags=FAILED | TENTATIVE)]
    assert kernel.read().addresses == ()


def test_on_a_point_to_point_link_the_near_end_is_ours(kernel: Kernel) -> None:
    kernel.addresses = [address("192.0.2.1", peer="192.0.2.99")]
    assert kernel.read().addresses == (Address(2, packed("192.0.2.1"), PREFERRED),)


def test_what_the_local_table_adds(kernel: Kernel) -> None:
    kernel.addresses = [address("192.0.2.1")]
    kernel.routes = [
        route("192.0.2.1", 32, OURS, LOCAL),
        route("192.0.2.255", 32, BROADCAST, LOCAL),
        route("198.18.0.0", 24, OURS, LOCAL, RTA_OIF=1),
        route("198.18.0.9", 32, OURS, LOCAL, RTA_OIF=1),
        route("2001:db8::", 128, ANYCAST, LOCAL),
    ]
    snapshot = kernel.read()
    assert snapshot.addresses == (
        Address(2, packed("192.0.2.1"), PREFERRED),
        Address(1, packed("198.18.0.9"), UNFIT),
        Address(2, packed("2001:db8::"), UNFIT),
    )
    assert snapshot.broadcasts == (Broadcast(2, packed("192.0.2.255")),)
    assert snapshot.routes == ()


def test_routes_by_table_and_metric(kernel: Kernel) -> None:
    kernel.routes = [
        route("10.0.0.0", 8, table=DEFAULT, RTA_OIF=9),
        route("10.0.0.0", 8, RTA_PRIORITY=50, RTA_OIF=3),
        route("10.0.0.0", 8, RTA_PRIORITY=10, RTA_OIF=4),
        route("10.0.0.0", 8, table=1000, RTA_OIF=5),
        route("0.0.0.0", 0),
        route("::", 0, RTA_PRIORITY=1024),
    ]
    assert kernel.read().routes == (
        Route(bytes(4), 0, 0, 2),
        Route(packed("10.0.0.0"), 8, 10, 4),
        Route(packed("10.0.0.0"), 8, 50, 3),
        Route(bytes(16), 0, 1024, 2),
        Route(packed("10.0.0.0"), 8, 0, 9),
    )


def test_refusing_dead_cached_and_passing_routes(kernel: Kernel) -> None:
    kernel.routes = [
        route("10.1.0.0", 16, BLACKHOLE, RTA_OIF=None),
        route("10.2.0.0", 16, flags=0x1),
        route("10.3.0.0", 16, flags=0x200),
        route("10.4.0.0", 16, THROW),
    ]
    assert kernel.read().routes == (Route(packed("10.1.0.0"), 16, 0, 0),)


def test_of_several_next_hops_the_first_that_is_alive(kernel: Kernel) -> None:
    hops = [{"flags": 0x1, "oif": 3}, {"flags": 0, "oif": 4}, {"flags": 0, "oif": 5}]
    kernel.routes = [
        route("10.1.0.0", 16, RTA_OIF=None, RTA_MULTIPATH=hops),
        route("10.2.0.0", 16, RTA_OIF=None, RTA_MULTIPATH=hops[:1]),
    ]
    assert kernel.read().routes == (Route(packed("10.1.0.0"), 16, 0, 4, gateway=None),)


def test_next_hops_and_mtus(kernel: Kernel) -> None:
    kernel.routes = [
        route("10.1.0.0", 16, RTA_GATEWAY="192.0.2.9"),
        route("10.2.0.0", 16, RTA_VIA={"family": AF_INET6, "addr": "fe80::9"}),
        route("10.3.0.0", 16, RTA_METRICS=Message({"RTAX_MTU": 1400}, header={})),
        route("2001:db8:1::", 48, RTA_GATEWAY="fe80::9"),
    ]
    assert [(one.gateway, one.mtu) for one in kernel.read().routes] == [
        (packed("192.0.2.9"), 0),
        (None, 0),
        (b"", 1400),
        (packed("fe80::9"), 0),
    ]


def test_what_is_encapsulated_or_for_some_sources_or_dscps_alone_has_no_next_hop_of_ours(kernel: Kernel) -> None:
    """The others of the same prefix neither: which of them the kernel takes depends on more than the destination."""
    kernel.routes = [
        route("10.1.0.0", 16, RTA_GATEWAY="192.0.2.9", RTA_ENCAP_TYPE=1),
        route("10.2.0.0", 16, RTA_GATEWAY="192.0.2.9"),
        route("10.2.0.0", 16, RTA_GATEWAY="192.0.2.8", RTA_PRIORITY=20, tos=0x10),
        route("::", 0, RTA_GATEWAY="fe80::9"),
        route("::", 0, RTA_GATEWAY="fe80::8", RTA_PRIORITY=20, source=64),
        route("2001:db8:1::", 48, RTA_GATEWAY="fe80::9"),
    ]
    found = {(one.length, one.metric): one.gateway for one in kernel.read().routes if len(one.network) == 16}
    assert found == {(0, 0): None, (0, 20): None, (48, 0): packed("fe80::9")}
    assert [one.gateway for one in kernel.read().routes if len(one.network) == 4] == [None, None, None]


def test_what_ipsec_guards_is_a_part_of_it(kernel: Kernel) -> None:
    kernel.guarded = ((packed("10.9.0.0"), 16),)
    assert kernel.read().guarded == kernel.guarded


def test_whether_more_than_the_destination_decides(kernel: Kernel) -> None:
    assert kernel.read().by_destination
    kernel.rules.append(rule(100, 1234))
    assert not kernel.read().by_destination


def test_an_interrupted_dump_is_begun_again(kernel: Kernel) -> None:
    kernel.links = [Message({"IFLA_IFNAME": "lo"}, index=1, flags=1, ifi_type=772)]
    kernel.troubles = [NetlinkDumpInterrupted(), NetlinkDumpInterrupted()]
    assert [link.name for link in kernel.read().links] == ["lo"]


def test_what_never_comes_to_rest_is_given_up(kernel: Kernel) -> None:
    kernel.troubles = [NetlinkDumpInterrupted() for _ in range(9)]
    with pytest.raises(LinksError, match="faster than they can be read"):
        kernel.read()


@pytest.mark.parametrize(
    "trouble", [NetlinkError(1, "Operation not permitted"), PermissionError(1, "Operation not permitted")]
)
def test_a_refusal_is_told_at_once(kernel: Kernel, trouble: Exception) -> None:
    kernel.troubles = [trouble]
    with pytest.raises(LinksError, match="Operation not permitted"):
        kernel.read()
