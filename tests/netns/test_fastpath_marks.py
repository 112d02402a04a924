"""Packet marks and DSCP of carried connections, seen where a queueing discipline and the receiver see them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.network import SERVER4, SERVER6, Network
from conntrack.cli.lab.waiting import until
from conntrack.engine.verdict import USER_MASK
from conntrack.gateway.fastpath import loader
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.packet.header import TCP, UDP
from conntrack.service.linux import XDP_ON_VETH
from tests.netns.fastpath import RULES, Launch, drops, flow
from tests.netns.marks import IN, OUT, Marks
from tests.netns.talk import Talk

pytestmark = pytest.mark.skipif(not loader.OBJECT.exists(), reason="this package was built without the fast path")

MARKED = RULES.replace("lan -> wan: accept", "lan -> wan: [{accept: any, dscp: ef, mark: 7}]")
RULE, THEIRS = 7, 0x5A0001  # marks
EF = 46 << 2
TOLD = 24  # packets of a conversation, each way, at least

#: an exchange of both sides
Exchange = Callable[[], None]


@pytest.fixture
def gateway(net: Network) -> Iterator[Marks]:
    """What leaves the gateway."""
    try:
        with Marks(net.gateway) as marks:
            marks.count(OUT, "eth0", "eth1")
            yield marks
    except FastPathError as error:
        pytest.skip(f"no tcx here: {error}")


@contextlib.contextmanager
def streaming(net: Network, server: str) -> Iterator[tuple[int, Exchange]]:
    """A TCP connection: its port, and what sends a few segments each way."""
    with Talk(net.client, server, 80, net.server) as talk:

        def exchange() -> None:
            for _ in range(TOLD):
                talk.up(10)
                talk.down(10)

        yield talk.port, exchange


@contextlib.contextmanager
def asking(net: Network, server: str) -> Iterator[tuple[int, Exchange]]:
    """The same of UDP."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with net.server.socket(family, socket.SOCK_DGRAM) as far, net.client.socket(family, socket.SOCK_DGRAM) as near:
        far.bind((server, 53))
        near.connect((server, 53))

        def exchange() -> None:
            for _ in range(TOLD):
                near.send(b"?")
                far.sendto(b"!", far.recvfrom(9)[1])
                assert near.recv(9) == b"!"

        yield int(near.getsockname()[1]), exchange


TALKS = {TCP: streaming, UDP: asking}


def carried(daemon: Daemon, port: int, exchange: Exchange) -> None:
    """Talks until the fast path has it."""

    def is_fast() -> bool:
        exchange()
        return bool(flow(daemon, port)["path"] == "fast")

    until(is_fast, "the fast path carries it", 20)


def leaves(gateway: Marks, protocol: int, exchange: Exchange) -> dict[str, dict[int, int]]:
    """What an exchange leaves the gateway with: link → mark → packets."""
    before = gateway.seen()
    exchange()
    found: dict[str, dict[int, int]] = {"eth0": {}, "eth1": {}}
    for kind, count in gateway.since(before, protocol).items():
        here = found[kind.link]
        here[kind.mark] = here.get(kind.mark, 0) + count
    return found


def always_leaves(gateway: Marks, protocol: int, exchange: Exchange, mark: int) -> bool:
    """Whether all of an exchange leaves with a mark alone, without the daemon's own bits, as carried packets do.

    On a busy machine a connection may come back to the daemon for a moment; its packets say the same to others then.
    """
    found = leaves(gateway, protocol, exchange)
    for by_mark in found.values():
        assert {one & USER_MASK for one in by_mark} == {mark}
    return all(list(by_mark) == [mark] and by_mark[mark] >= TOLD for by_mark in found.values())


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_a_rules_mark_and_dscp_are_on_every_packet_both_ways(
    net: Network, launch: Launch, gateway: Marks, server: str
) -> None:
    daemon = launch(MARKED)
    with Marks(net.server) as far, Marks(net.client) as near:
        far.count(IN, "eth0")
        near.count(IN, "eth0")
        for protocol, talk in TALKS.items():
            with talk(net, server) as (port, exchange):
                carried(daemon, port, exchange)
                until(partial(always_leaves, gateway, protocol, exchange, RULE), "all are marked", 20)
                assert flow(daemon, port)["mark"] == RULE
            for host in (gateway, far, near):
                received = {kind.tos for kind in host.seen() if kind.protocol == protocol}
                assert received == {EF}
            for host in (far, near):
                assert {kind.mark for kind in host.seen()} == {0}  # on the wire there is none
    assert drops(daemon) == {}


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_another_tools_mark_stays_where_the_rule_has_none(
    net: Network, launch: Launch, gateway: Marks, server: str
) -> None:
    gateway.mark(THEIRS, "eth0", "eth1")
    daemon = launch(RULES)
    for protocol, talk in TALKS.items():
        with talk(net, server) as (port, exchange):
            carried(daemon, port, exchange)
            until(partial(always_leaves, gateway, protocol, exchange, THEIRS), "all have the mark", 20)
            assert flow(daemon, port)["mark"] == 0
    assert {kind.tos for kind in gateway.seen() if kind.protocol in TALKS} == {0}


def test_and_gives_way_to_a_rules(net: Network, launch: Launch, gateway: Marks) -> None:
    gateway.mark(THEIRS, "eth0", "eth1")
    daemon = launch(MARKED)
    for protocol, talk in TALKS.items():
        with talk(net, SERVER4) as (port, exchange):
            carried(daemon, port, exchange)
            until(partial(always_leaves, gateway, protocol, exchange, RULE), "all have the rule's", 20)


@pytest.mark.parametrize(("rules", "mark", "tos"), [(MARKED, RULE, EF), (RULES, THEIRS, 0)])
def test_without_the_fast_path_others_see_the_same(
    net: Network, launch: Launch, gateway: Marks, rules: str, mark: int, tos: int
) -> None:
    """But for the four bits that are the daemon's own, which what was queued before routing keeps."""
    gateway.mark(THEIRS, "eth0", "eth1")
    launch(rules.replace("fastpath: tc", "fastpath: off"))
    for protocol, talk in TALKS.items():
        with talk(net, SERVER4) as (_, exchange):
            for by_mark in leaves(gateway, protocol, exchange).values():
                assert {one & USER_MASK for one in by_mark} == {mark}
                assert sum(by_mark.values()) >= TOLD
        assert {kind.tos for kind in gateway.seen() if kind.protocol == protocol} == {tos}


def test_at_xdp_dscp_is_set_by_the_driver_and_what_has_a_mark_is_left_to_tc(
    net: Network, launch: Launch, gateway: Marks
) -> None:
    """A mark is a packet's only once the kernel has made one; XDP's frames pass by what counts at the way out."""
    net.server.run("ethtool", "-K", "eth0", "gro", "on")
    net.shop.run("ethtool", "-K", "port1", "gro", "on")
    rules = RULES.replace("eth0]", "eth0], fastpath: xdp").replace("eth1]", "eth1], fastpath: xdp")
    rules = rules.replace("wan: accept", "wan: [{accept: tcp, dscp: ef}, {accept: any, dscp: ef, mark: 7}]")
    daemon = launch(rules, prefix=("env", f"{XDP_ON_VETH}=1"))
    with Marks(net.server) as far, streaming(net, SERVER4) as (_, exchange):
        far.count(IN, "eth0")

        def passed_by() -> bool:
            before = far.seen()
            left = leaves(gateway, TCP, exchange)
            assert {kind.tos for kind in far.since(before, TCP)} == {EF}
            return left == {"eth0": {}, "eth1": {}}

        until(passed_by, "XDP carries it", 20)
    with asking(net, SERVER4) as (port, exchange):
        carried(daemon, port, exchange)
        until(partial(always_leaves, gateway, UDP, exchange, RULE), "all have the rule's", 20)
