"""An IPv6-only client and IPv4 servers, through the real daemon."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conntrack.cli.lab import probes, servers
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.network import (
    CLIENT4,
    CLIENT6,
    FAR4,
    INSIDE4,
    INSIDE6,
    OUTSIDE4,
    SERVER4,
    Network,
)
from conntrack.cli.lab.waiting import until
from conntrack.gateway.tunnel.device import FILE
from tests.netns.conftest import BASE, Start
from tests.netns.talk import Talk

PREFIX = "64:ff9b::"
ENTRY = 'nat:\n  - {name: six-to-four, nat64: "64:ff9b::/96", from: [lan], at: wan}\n'
OPEN = BASE + ENTRY + "policy:\n  lan -> wan: accept\n"
#: for what does not go by the queue's backend
ONE_BACKEND = pytest.mark.parametrize("backend", ["netlink"])
FAR64 = f"{PREFIX}{FAR4}"
SERVER64 = "64:ff9b::c633:6409"


pytestmark = pytest.mark.skipif(not FILE.exists(), reason="this kernel has no TUN devices")


@pytest.fixture(autouse=True)
def _without_ipv4(net: Network) -> None:
    """The client has IPv6 only."""
    net.client.ip(f"route del default via {INSIDE4}", f"address del {CLIENT4}/24 dev eth0")


def test_http_udp_and_ping_reach_an_ipv4_server(net: Network, start: Start) -> None:
    daemon = start(OPEN)
    with servers.http(net.far, FAR4, 80), servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, FAR64, 7000, source_port=6000) == f"far sees {OUTSIDE4} port 6000"
        assert probes.http(net.client, FAR64, 80).startswith(f"far sees {OUTSIDE4} port ")
        assert probes.ping(net.client, FAR64) == "answered"
    lines = daemon.ask("flows", "list", "-o", "conntrack").stdout
    assert re.search(
        rf"^udp +17 \d+ src={CLIENT6} dst=64:ff9b::cb00:714d sport=6000 dport=7000 packets=1 bytes=49"
        rf" src={FAR4} dst={OUTSIDE4} sport=7000 dport=6000 packets=1 ",
        lines,
        re.MULTILINE,
    )
    assert re.search(rf"^icmpv6 +58 .* type=128 .* src={FAR4} dst={OUTSIDE4} type=0 ", lines, re.MULTILINE)
    [flow] = json.loads(daemon.ask("flows", "list", "--source-port", "6000", "-o", "json").stdout)
    assert flow["nat"] == ["source", "destination", "nat64"]


def test_megabytes_in_both_directions_arrive_whole(net: Network, start: Start) -> None:
    for host, link in ((net.client, "eth0"), (net.shop, "port1"), (net.far, "eth0"), (net.server, "eth0")):
        host.run("ethtool", "-K", link, *"tx on tso on gso on gro on".split())  # joined packets
    start(OPEN)
    with Talk(net.client, FAR64, 5001, net.far, (FAR4, 5001)) as talk:
        talk.down(3_000_000)
        talk.up(1_000_000)
        talk.finish()


def test_datagrams_that_take_fragments_on_either_side(net: Network, start: Start, backend: str) -> None:
    start(OPEN)
    pattern = "".join(map(chr, range(32, 127))) * 250
    with servers.udp(net.far, FAR4, 7000, lambda data, _: data if data == pattern[: len(data)].encode() else b"other"):
        for size in (1300, 1465, 3000, 20000 if backend == "netlink" else 3700):  # the package takes no longer packets
            asked = pattern[:size].encode()
            # the first answer may tell the server only that the path takes less than its link (DF)
            answers = (probes.udp(net.client, FAR64, 7000, asked, 0.5, source_port=6000) for _ in range(3))
            assert pattern[:size] in answers


def test_every_hop_answers_a_traceroute(net: Network, start: Start) -> None:
    start(OPEN)
    assert probes.expiring(net.client, FAR64, 33434, 1) == INSIDE6
    assert probes.expiring(net.client, FAR64, 33434, 2) == SERVER64
    assert probes.udp(net.client, FAR64, 33434) == probes.REFUSED  # ICMP 3/3 as ICMPv6 1/4


@ONE_BACKEND
@pytest.mark.parametrize("narrow", ["server eth1", "gateway eth0"])  # a router beyond; the gateway's own kernel
def test_the_ipv4_path_s_mtu_reaches_the_client(net: Network, start: Start, narrow: str) -> None:
    host, link = narrow.split()
    getattr(net, host).ip(f"link set {link} mtu 1300")
    start(OPEN)
    with Talk(net.client, FAR64, 5001, net.far, (FAR4, 5001)) as talk:
        talk.up(200_000)
    found = net.client.run("ip", "-6", "route", "get", FAR64).stdout
    assert " mtu 1320" in found


@ONE_BACKEND
def test_the_ipv6_path_s_mtu_reaches_the_server(net: Network, start: Start) -> None:
    net.gateway.ip("link set eth1 mtu 1400")
    start(OPEN)
    with Talk(net.client, FAR64, 5001, net.far, (FAR4, 5001)) as talk:
        talk.down(200_000)
    assert " mtu 1380" in net.far.run("ip", "route", "get", OUTSIDE4).stdout


@ONE_BACKEND
def test_a_datagram_cut_for_a_narrow_path_passes_whole(net: Network, start: Start) -> None:
    """Its sender, told of the path, fragments it; put together here it must not be sent as if it had come whole."""
    net.server.ip("link set eth1 mtu 1300")
    net.far.ip("link set eth0 mtu 1300")
    start(OPEN)
    with servers.udp(net.far, FAR4, 7000):
        answers = [probes.udp(net.client, FAR64, 7000, bytes(1400), 0.5, source_port=6000) for _ in range(3)]
    assert answers[-1] == f"far sees {OUTSIDE4} port 6000"


@ONE_BACKEND
def test_policy_sees_the_ipv4_destination(net: Network, start: Start) -> None:
    rules = f"""\
policy:
  lan -> wan:
    - {{reject: any, destination: {SERVER4}}}
    - {{drop: tcp/25}}
    - {{accept: any}}
"""
    start(BASE + ENTRY + rules)
    with servers.http(net.far, FAR4, 80), servers.http(net.far, FAR4, 25):
        assert probes.http(net.client, FAR64, 80).startswith(f"far sees {OUTSIDE4}")
        assert probes.tcp(net.client, SERVER64, 80) == probes.REFUSED
        assert probes.udp(net.client, SERVER64, 53) == probes.REFUSED
        assert probes.tcp(net.client, FAR64, 25, timeout=0.5) == probes.TIMEOUT
        assert probes.tcp(net.client, f"{PREFIX}192.168.10.20", 80, timeout=0.5) == probes.TIMEOUT  # private: RFC 6052


@ONE_BACKEND
def test_it_works_with_strict_source_validation_and_new_links_that_do_not_forward(net: Network, start: Start) -> None:
    net.gateway.sysctl(ipv4__conf__all__rp_filter=1, ipv4__conf__default__rp_filter=1, ipv4__ip_forward=1)
    net.gateway.sysctl(ipv4__conf__default__forwarding=0)
    start(OPEN)
    with servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, FAR64, 7000, source_port=6000) == f"far sees {OUTSIDE4} port 6000"


def test_cap_net_admin_is_enough(net: Network, tmp_path: Path) -> None:
    net.gateway.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    sets = (f"--{name}=-all,+net_admin" for name in ("bounding-set", "inh-caps", "ambient-caps"))
    with (
        Daemon(net.gateway, OPEN, tmp_path, set_sysctls=False, prefix=("setpriv", "--no-new-privs", *sets)) as daemon,
        servers.udp(net.far, FAR4, 7000),
    ):
        status = Path(f"/proc/{daemon.process.pid}/status").read_text()
        assert int(dict(line.split(":\t", 1) for line in status.splitlines())["CapEff"], 16) == 1 << 12
        assert probes.udp(net.client, FAR64, 7000, source_port=6000) == f"far sees {OUTSIDE4} port 6000"
        assert daemon.stop() == 0
    assert "pairwall64" not in net.gateway.run("ip", "link").stdout


@ONE_BACKEND
def test_a_reload_brings_it_and_takes_it_away(net: Network, start: Start) -> None:
    plain = BASE + "policy:\n  lan -> wan: accept\n"
    daemon = start(plain)
    assert "pairwall64" not in net.gateway.run("ip", "link").stdout
    daemon.reload(OPEN.replace("64:ff9b::/96", "2001:db8:64::/96"))
    with servers.udp(net.far, FAR4, 7000):
        assert probes.udp(net.client, f"2001:db8:64::{FAR4}", 7000).startswith(f"far sees {OUTSIDE4}")
        daemon.reload(OPEN)
        assert probes.udp(net.client, FAR64, 7000).startswith(f"far sees {OUTSIDE4}")
        assert "2001:db8:64::/96" not in net.gateway.run("ip", "-6", "route").stdout
        daemon.reload(plain)
        until(lambda: "pairwall64" not in net.gateway.run("ip", "link").stdout, "the device is gone")
        assert probes.udp(net.client, FAR64, 7000, timeout=0.5) != f"far sees {OUTSIDE4}"
