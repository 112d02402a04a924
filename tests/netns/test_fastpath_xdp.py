"""XDP asked for by a zone: refused where it would hurt, with the reason; and where it may stand, real packets.

Here are only veth pairs, so the daemon is told by its environment, as no rules file can, to take them for cards. What
XDP sends to one needs GRO at its other end, and whole checksums: the lab's links have no offloads.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conntrack.cli.lab.daemon import Daemon, client
from conntrack.cli.lab.network import SERVER4, SERVER6, Network
from conntrack.cli.lab.waiting import until
from conntrack.gateway.fastpath import loader
from conntrack.service.linux import XDP_ON_VETH
from tests.netns.echoes import Echoes
from tests.netns.fastpath import drops, fast_count, flows
from tests.netns.streams import Streams
from tests.netns.talk import Talk

RULES = """\
version: 1
settings: {fastpath: tc, metrics: {listen: off}}
zones:
  wan: {interfaces: [eth0], fastpath: xdp}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "2001:db8:10::/64"], fastpath: xdp}
nat:
  - {name: internet, masquerade: wan, from: [lan], family: ipv4}
policy:
  lan -> wan: accept
"""

WITHOUT = RULES.replace(", fastpath: xdp", "")
#: seconds that nobody may have to wait, however busy the machine is: TCP sends again after 0.2, then 0.4
STANDSTILL = 2.0

pytestmark = pytest.mark.skipif(not loader.OBJECT.exists(), reason="this package was built without the fast path")

Launch = Callable[..., Daemon]


@pytest.fixture
def launch(net: Network, tmp_path: Path) -> Iterator[Launch]:
    """Starts daemons one after the other, each with a folder of its own."""
    with contextlib.ExitStack() as stack:

        def launcher(rules: str = RULES, as_card: bool = True) -> Daemon:
            folder = tmp_path / f"daemon{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            prefix = ("env", f"{XDP_ON_VETH}=1") if as_card else ()
            return stack.enter_context(Daemon(net.gateway, rules, folder, prefix=prefix))

        yield launcher
    client(net.gateway, "unload")


@pytest.fixture
def cards(net: Network) -> Network:
    """The gateway's links with other ends that take what XDP sends."""
    net.server.run("ethtool", "-K", "eth0", "gro", "on")
    net.shop.run("ethtool", "-K", "port1", "gro", "on")
    return net


def view(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(daemon.ask("status", "-o", "json").stdout)["fastpath"]
    return found


def by_xdp(daemon: Daemon) -> int:
    return int(view(daemon)["xdp"]["packets"])


def carried(daemon: Daemon, talk: Talk) -> bool:
    """Whether the fast path has forwarded anything, after another exchange."""
    talk.both()
    return bool(view(daemon)["packets"] > 0)


def goes_by_xdp(daemon: Daemon, talk: Talk) -> bool:
    """Whether an exchange goes both ways past everything."""
    before = by_xdp(daemon)
    for _ in range(3):
        talk.both(500)
    return by_xdp(daemon) - before >= 24


def test_a_veth_is_refused_with_the_reason_and_tc_carries(net: Network, launch: Launch) -> None:
    daemon = launch(as_card=False)
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        until(lambda: carried(daemon, talk), "tc carries it")
    found = view(daemon)
    assert found["interfaces"] == ["eth0", "eth1"]
    assert found["xdp"]["interfaces"] == []
    assert "several times slower" in found["xdp"]["refused"]["eth0"]
    assert "no XDP at eth1: it is a veth pair's end" in daemon.ask("status").stdout


def test_what_a_driver_cannot_send_is_left_to_tc(net: Network, launch: Launch) -> None:
    net.server.run("ethtool", "-K", "eth0", "gro", "off")  # so veth, on our end, cannot
    net.shop.run("ethtool", "-K", "port1", "gro", "off")
    daemon = launch(RULES.replace("fastpath: xdp}\n  lan", "}\n  lan"))
    with Talk(net.client, SERVER4, 80, net.server) as talk:
        until(lambda: carried(daemon, talk), "tc carries it")
    found = view(daemon)["xdp"]
    assert found["interfaces"] == ["eth1"]
    assert "no ndo_xdp_xmit" in found["left_to_tc"]["eth0"]
    assert found["packets"] == 0


def test_a_driver_that_can_no_longer_send_is_noticed(cards: Network, launch: Launch) -> None:
    daemon = launch()
    with Talk(cards.client, SERVER4, 80, cards.server) as talk:
        until(lambda: goes_by_xdp(daemon, talk), "XDP carries it")
        cards.server.run("ethtool", "-K", "eth0", "gro", "off")
        talk.up(1000)  # lost at first, and sent again
        until(lambda: "eth0" in view(daemon)["xdp"]["left_to_tc"], "it says so")
        before = by_xdp(daemon)
        talk.up(1000)
        assert by_xdp(daemon) - before < 4  # the answers' way is as it was


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_connections_are_carried_counted_and_given_back(cards: Network, launch: Launch, server: str) -> None:
    daemon = launch()
    with Talk(cards.client, server, 80, cards.server) as talk:
        until(lambda: goes_by_xdp(daemon, talk), "XDP carries it")
        talk.up(300_000)
        talk.down(200_000)
        [flow] = json.loads(daemon.ask("flows", "list", "-o", "json").stdout)
        assert flow["path"] == "fast"
        assert flow["original"]["bytes"] > 300_000
        assert flow["reply"]["bytes"] > 200_000
        talk.finish()
    until(lambda: '"TIME_WAIT"' in daemon.ask("flows", "list", "-o", "json").stdout, "it is closed")
    assert json.loads(daemon.ask("stats", "-o", "json").stdout)["drops"] == {}
    assert view(daemon)["share"] > 0.8


def test_datagrams_are_carried(cards: Network, launch: Launch) -> None:
    daemon = launch()
    with (
        cards.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        cards.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
    ):
        far.bind((SERVER4, 53))
        near.connect((SERVER4, 53))

        def exchanged() -> bool:
            before = by_xdp(daemon)
            for number in range(20):
                near.send(bytes((number,)) * 100)
                data, back = far.recvfrom(200)
                far.sendto(data[:50], back)
                assert near.recv(200) == bytes((number,)) * 50
            return by_xdp(daemon) - before == 40

        until(exchanged, "all of them go by XDP")


def test_another_hardware_address_and_a_neighbour_that_is_forgotten(cards: Network, launch: Launch) -> None:
    daemon = launch()
    with Talk(cards.client, SERVER4, 80, cards.server) as talk:
        until(lambda: goes_by_xdp(daemon, talk), "XDP carries it")
        cards.gateway.ip("neighbour flush dev eth0")
        until(lambda: goes_by_xdp(daemon, talk), "tc has found the neighbour, and XDP carries again")
        cards.server.sysctl(ipv4__conf__eth0__arp_notify=1)
        cards.server.ip("link set eth0 down", "link set eth0 address 02:00:00:00:00:77", "link set eth0 up")
        until(lambda: goes_by_xdp(daemon, talk), "XDP carries to the new address")


def test_a_neighbour_that_changes_without_a_word_is_found_out(cards: Network, launch: Launch) -> None:
    """Frames of XDP do not pass the kernel, which would notice: the daemon has it look."""
    with cards.gateway.entered():
        neighbour = Path("/proc/sys/net/ipv4/neigh/eth0")
        (neighbour / "delay_first_probe_time").write_text("1")
        (neighbour / "retrans_time_ms").write_text("100")
        (neighbour / "base_reachable_time_ms").write_text("500")
    daemon = launch()
    with Talk(cards.client, SERVER4, 80, cards.server) as talk:
        until(lambda: goes_by_xdp(daemon, talk), "XDP carries it")
        cards.server.ip("link set eth0 address 02:00:00:00:00:78")
        talk.up(100)  # waits for it to get through: the hosts send it again and again
        until(lambda: goes_by_xdp(daemon, talk), "XDP carries to the new address")


def by_tc_and_xdp(daemon: Daemon, seconds: float = 0.5) -> tuple[int, int]:
    """Packets that go by each in so many seconds."""
    before = view(daemon)
    time.sleep(seconds)
    after = view(daemon)
    driver = after["xdp"]["packets"] - before["xdp"]["packets"]
    return after["packets"] - before["packets"] - driver, driver


def test_reloads_bring_xdp_and_take_it_off_while_transfers_run(cards: Network, launch: Launch) -> None:
    """tc → XDP → tc → XDP: no byte, no datagram is lost, nothing stands still, nothing is taken back."""
    daemon = launch(WITHOUT)
    talks = [Talk(cards.client, server, 80, cards.server) for server in (SERVER4, SERVER6, SERVER4, SERVER6)]
    with (
        Streams(talks, 0.01) as streams,
        Echoes(cards.client, SERVER4, 53, cards.server) as echoes,
        Echoes(cards.client, SERVER6, 53, cards.server) as echoes6,
    ):
        until(lambda: fast_count(daemon) == 6, "all of them are carried", 20)
        assert view(daemon)["xdp"] == {"interfaces": [], "sends_by": [], "refused": {}, "left_to_tc": {}, "packets": 0}
        owners = {flow["id"] for flow in flows(daemon)}
        for _ in range(2):
            daemon.reload(RULES)
            assert view(daemon)["xdp"]["interfaces"] == ["eth0", "eth1"]
            until(lambda: moved_to_xdp(daemon), "XDP has taken them over", 20)
            daemon.reload(WITHOUT)
            assert view(daemon)["xdp"]["interfaces"] == []
            assert "prog/xdp" not in cards.gateway.run("ip", "link").stdout
            tc, driver = by_tc_and_xdp(daemon)
            assert tc > 0
            assert driver == 0
        assert {flow["id"] for flow in flows(daemon) if flow["path"] == "fast"} == owners
        assert streams.drain()
        assert [echoes.lost(), echoes6.lost()] == [0, 0]
        assert max(side.pause for side in streams.sides) < STANDSTILL
    assert (streams.trouble, echoes.trouble, echoes6.trouble) == ([], [], [])
    assert drops(daemon) == {}


def moved_to_xdp(daemon: Daemon) -> bool:
    """Whether next to all of what is carried goes by XDP."""
    tc, driver = by_tc_and_xdp(daemon)
    return driver > 20 * tc


def test_what_xdp_carries_outlives_a_daemon_that_is_killed(cards: Network, launch: Launch) -> None:
    first = launch()
    with Talk(cards.client, SERVER4, 80, cards.server) as talk:
        until(lambda: goes_by_xdp(first, talk), "XDP carries it")
        first.process.signal(9)
        first.process.wait(5)
        talk.both()
        second = launch()
        until(lambda: goes_by_xdp(second, talk), "XDP carries on")
        second.stop()
        assert "nothing to remove" in client(cards.gateway, "unload").stdout
        assert "prog/xdp" not in cards.gateway.run("ip", "link").stdout
        third = launch(WITHOUT)
        assert view(third)["xdp"]["interfaces"] == []
