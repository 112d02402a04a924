"""The lab itself, and the demo's expectations, proven without the gateway: the kernel's own NAT plays its part."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conntrack.cli.lab import probes, scenes, servers
from conntrack.cli.lab.namespace import PREFIX, LabError, Namespace, sweep
from conntrack.cli.lab.network import CLIENT6, FAR4, FAR6, INSIDE4, INSIDE6, SERVER4, SERVER6, SHOP4, Network
from conntrack.cli.lab.process import Process

#: what scenes.RULES says, in nftables' words and by the kernel's connection tracking
KERNEL_RULES = """\
table inet oracle {
  chain before {
    type nat hook prerouting priority dstnat;
    ip daddr 198.51.100.2 tcp dport 8080 dnat ip to 192.168.10.20;
  }
  chain after {
    type nat hook postrouting priority srcnat;
    ip saddr 192.168.10.0/24 oifname "eth0" masquerade;
    iifname "eth1" oifname "eth1" snat ip to 198.51.100.2;
  }
  chain across {
    type filter hook forward priority filter;
    ct state established,related accept;
    tcp dport 25 drop;
    tcp dport 23 reject with tcp reset;
    udp dport 23 reject;
  }
  chain inward {
    type filter hook input priority filter;
    iifname "eth0" tcp dport 22 drop;
  }
}
"""


def test_scenes_hold_for_the_kernel_s_own_nat() -> None:
    with Network(forwarding=True) as net, scenes.services(net):
        loaded = net.gateway.run("nft", "-f", "-", text=KERNEL_RULES)
        assert loaded.returncode == 0, loaded.stdout
        wrong = {scene.title: outcome for scene in scenes.SCENES if not scene.held(outcome := scene.run(net))}
    assert wrong == {}


def test_no_scene_holds_without_forwarding(net: Network) -> None:
    silent = {"a policy drops", "ping the gateway"}  # the one expects nothing, the other needs no forwarding
    with scenes.services(net), ThreadPoolExecutor(len(scenes.SCENES)) as pool:  # side by side: most wait in vain
        outcomes = pool.map(lambda scene: scene.run(net), scenes.SCENES)
        held = {scene.title for scene, outcome in zip(scenes.SCENES, outcomes, strict=True) if scene.held(outcome)}
    assert held == silent


def test_the_outside_cannot_reach_the_lan_s_private_network() -> None:
    with Network(forwarding=True) as net, servers.http(net.shop, "0.0.0.0", 8080):
        assert probes.tcp(net.far, SHOP4, 8080) == "network unreachable"
        assert probes.tcp(net.client, SHOP4, 8080) == "connected"


def test_traceroute_sees_every_hop() -> None:
    with Network(forwarding=True) as net:
        assert probes.expiring(net.client, FAR6, 33434, 1) == INSIDE6
        assert probes.expiring(net.client, FAR6, 33434, 2) == SERVER6
        assert probes.expiring(net.client, FAR6, 33434, 3) == "ICMP type 1 code 4"
        assert probes.expiring(net.client, FAR4, 33434, 1) == INSIDE4
        assert probes.expiring(net.server, FAR4, 33434, 1) == "ICMP type 3 code 3"
        assert probes.ping(net.far, SERVER4) == "answered"


def test_servers_tell_whom_they_see() -> None:
    with Network(forwarding=True) as net, servers.http(net.far, "::", 80), servers.udp(net.far, "::", 53):
        assert probes.http(net.client, FAR6, 80).startswith(f"far sees {CLIENT6} port ")
        assert probes.udp(net.client, FAR6, 53).startswith(f"far sees {CLIENT6} port ")
        assert probes.http(net.client, FAR6, 81) == probes.REFUSED


def test_leaves_nothing_behind_when_it_fails_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conntrack.cli.lab.network._LINKS", ((("client", "eth0"), ("nowhere", "eth0")),))
    with pytest.raises(AttributeError, match="nowhere"), Network():
        pass
    # only this process's: another worker has namespaces of its own come and go meanwhile
    assert not list(Path("/run/netns").glob(f"{PREFIX}-{os.getpid()}-*"))


def test_closing_a_namespace_ends_what_runs_inside(tmp_path: Path) -> None:
    host = Namespace("alone")
    sleeper = Process(host, ["sleep", "60"], tmp_path / "log")
    host.close()
    assert sleeper.wait(5) == -signal.SIGKILL


def test_sweep_spares_the_namespaces_of_running_processes() -> None:
    host = Namespace("alone")
    try:
        assert host.name not in sweep()
        assert Path("/run/netns", host.name).exists()
    finally:
        host.close()


def test_a_socket_stays_where_it_was_made(net: Network) -> None:
    with net.far.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind((FAR4, 5000))  # an address that only far has
    with net.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as here, pytest.raises(OSError, match="assign"):
        here.bind((FAR4, 5000))


def test_says_what_is_wrong_with_a_command(net: Network) -> None:
    with pytest.raises(LabError, match=r"ip -n pairwall-\d+-far .*Cannot find device"):
        net.far.ip("link set nowhere up")
    with pytest.raises(LabError, match="no-such-program is not installed"):
        net.far.run("no-such-program")
