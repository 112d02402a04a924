"""The daemon with its fast path between real hosts: carried, counted, taken back, found again."""

from __future__ import annotations

import socket
import time

import pytest

from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.network import CLIENT4, FAR4, OUTSIDE4, SERVER4, SERVER6, SHOP4, Network
from conntrack.cli.lab.waiting import until
from conntrack.gateway.fastpath import loader
from tests.netns.fastpath import RULES, Launch, await_carried, carried, drops, fast, flow, flows, status
from tests.netns.talk import Talk, resent

BULK = 8 << 20

pytestmark = pytest.mark.skipif(not loader.OBJECT.exists(), reason="this package was built without the fast path")


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_bulk_both_ways_is_carried_and_counted(net: Network, launch: Launch, server: str) -> None:
    daemon = launch()
    with Talk(net.client, server, 80, net.server) as talk:
        talk.both()
        talk.up(BULK)
        talk.down(BULK // 2)
        found = flow(daemon, talk.port)
        assert found["path"] == "fast"
        headers = 52 if server == SERVER4 else 72
        for side, size, host in (("original", BULK, net.client), ("reply", BULK // 2, net.server)):
            payload = found[side]["bytes"] - found[side]["packets"] * headers
            assert size < payload < size * 1.02 + 100_000 + resent(host)
        talk.finish()
    until(lambda: flow(daemon, talk.port)["state"] in ("TIME_WAIT", "LAST_ACK"), "it is closed")
    assert flow(daemon, talk.port)["path"] == "slow"
    assert drops(daemon) == {}
    assert status(daemon)["share"] > 0.9


def test_datagrams_are_counted_one_by_one_and_an_idle_stream_ends(net: Network, launch: Launch) -> None:
    daemon = launch()
    with (
        net.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        net.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
    ):
        far.bind((SERVER4, 53))
        near.connect((SERVER4, 53))
        port = near.getsockname()[1]
        for number in range(100):
            near.send(bytes(100))
            data, back = far.recvfrom(200)
            far.sendto(data[:50], back)
            assert near.recv(200) == bytes(50)
            if number > 60:
                time.sleep(0.1)  # longer than a stream lives without packets
        found = flow(daemon, port)
        assert found["path"] == "fast"
        assert (found["original"]["packets"], found["reply"]["packets"]) == (100, 100)
        assert (found["original"]["bytes"], found["reply"]["bytes"]) == (12800, 7800)
        assert 1 <= found["timeout"] <= 3
    until(lambda: not flows(daemon), "the stream ends", 8)
    assert status(daemon)["connections"]["count"] == 0


def test_a_forwarded_and_a_hairpin_connection(net: Network, launch: Launch) -> None:
    daemon = launch()
    for who, host in ((net.server, SERVER4), (net.client, CLIENT4)):
        with Talk(who, OUTSIDE4, 8080, net.shop, (SHOP4, 80)) as talk:
            await_carried(daemon, talk)
            talk.up(BULK // 8)
            talk.down(BULK // 8)
            assert (talk.peer[0] == host) == (who is net.server)
            talk.finish()
    assert drops(daemon) == {}


def test_a_port_that_is_taken_is_changed_in_the_fast_path_too(net: Network, launch: Launch) -> None:
    daemon = launch()
    talks = []
    for host in (net.client, net.shop):
        near = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        near.bind(("", 4000))
        near.connect((SERVER4, 53))
        talks.append(near)
    with net.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind((SERVER4, 53))
        seen = set()
        for _ in range(6):
            for near in talks:
                near.send(b"?")
                _, back = far.recvfrom(10)
                seen.add(back)
                far.sendto(str(back[1]).encode(), back)
                assert near.recv(10) == str(back[1]).encode()
        assert len(seen) == 2
    assert {one["path"] for one in flows(daemon)} == {"fast"}
    for near in talks:
        near.close()


def test_a_smaller_mtu_is_told_to_the_sender(net: Network, launch: Launch) -> None:
    daemon = launch()
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        await_carried(daemon, talk)
        net.server.ip("link set eth0 mtu 1300")  # or its end of the wire would drop what is longer
        net.gateway.ip("link set eth0 mtu 1300")
        talk.up(1 << 20)
        await_carried(daemon, talk)
        talk.up(1 << 20)
        talk.finish()
    assert drops(daemon) == {}


def test_a_neighbour_with_another_address_of_its_own(net: Network, launch: Launch) -> None:
    daemon = launch()
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        await_carried(daemon, talk)
        net.server.ip("link set eth0 down", "link set eth0 address 02:00:00:00:00:77", "link set eth0 up")
        net.server.ip("route replace 203.0.113.0/24 dev eth1")
        net.gateway.ip("neigh flush dev eth0")
        talk.up(1 << 20)
        await_carried(daemon, talk)


def keep_back(net: Network, daemon: Daemon, begin: str, end: str) -> None:
    """From `begin` to `end` a connection with the far host is back, and its packets do not leave; no other one is."""
    with Talk(net.client, SERVER4, 80, net.server) as near, Talk(net.client, FAR4, 80, net.far) as far:
        await_carried(daemon, near)
        await_carried(daemon, far)
        net.gateway.ip(begin)
        until(lambda: flow(daemon, far.port)["path"] == "slow", "it came back")
        assert flow(daemon, near.port)["path"] == "fast"
        far.near.send(b"!")
        far.far.settimeout(0.5)
        with pytest.raises(TimeoutError):
            far.far.recv(1)
        net.gateway.ip(end)
        far.far.settimeout(20)
        assert far.far.recv(1) == b"!"
        await_carried(daemon, far)


def test_a_route_takes_exactly_its_own_connections_back(net: Network, launch: Launch) -> None:
    keep_back(net, launch(), f"route add blackhole {FAR4}/32", f"route del blackhole {FAR4}/32")


def test_what_ipsec_guards_never_leaves_past_it(net: Network, launch: Launch) -> None:
    """A policy takes its hosts' connections back, and no byte of theirs goes out in the clear meanwhile."""
    policy = "src 0.0.0.0/0 dst 203.0.113.0/24 dir out"
    keep_back(net, launch(), f"xfrm policy add {policy} action block", f"xfrm policy delete {policy}")


def test_forwarding_switched_off_stops_what_is_carried(net: Network, launch: Launch) -> None:
    daemon = launch()
    with Talk(net.client, SERVER4, 80, net.server) as talk, Talk(net.client, SERVER6, 80, net.server) as other:
        await_carried(daemon, talk)
        await_carried(daemon, other)
        net.gateway.sysctl(ipv4__ip_forward=0)
        until(lambda: flow(daemon, talk.port)["path"] == "slow", "it came back")
        assert flow(daemon, other.port)["path"] == "fast"
        talk.near.send(b"!")
        talk.far.settimeout(0.5)
        with pytest.raises(TimeoutError):
            talk.far.recv(1)
        net.gateway.sysctl(ipv4__ip_forward=1)
        talk.far.settimeout(20)
        assert talk.far.recv(1) == b"!"
        await_carried(daemon, talk)
        net.gateway.sysctl(ipv6__conf__all__forwarding=0)
        until(lambda: flow(daemon, other.port)["path"] == "slow", "so did the one of IPv6")


def test_an_interface_that_goes_down_and_comes_up(net: Network, launch: Launch) -> None:
    daemon = launch()
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        await_carried(daemon, talk)
        net.gateway.ip("link set eth0 down")
        until(lambda: talk.port not in fast(daemon), "it came back, or ended with its outside address")
        net.gateway.ip("link set eth0 up")
    with Talk(net.client, SERVER4, 81, net.server) as talk:
        await_carried(daemon, talk)


def test_rules_that_forbid_a_connection_bring_it_back_under_the_daemons_eyes(net: Network, launch: Launch) -> None:
    daemon = launch()
    with Talk(net.client, SERVER4, 80, net.server) as talk, Talk(net.client, SERVER4, 81, net.server) as other:
        await_carried(daemon, talk)
        await_carried(daemon, other)
        daemon.reload(RULES.replace("lan -> wan: accept", "lan -> wan: [{drop: tcp/80}, {accept: any}]"))
        assert not carried(daemon, talk)
        await_carried(daemon, other)


def test_switched_off_it_says_so(net: Network, launch: Launch) -> None:
    daemon = launch(RULES.replace("fastpath: tc", "fastpath: off"))
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        assert not carried(daemon, talk)
    assert not status(daemon)["active"]
    assert "switched off" in daemon.ask("status").stdout
