"""Where the program stands: links, filters, their pins, interfaces that go; VLANs; XDP between virtual NICs."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conntrack.cli.lab.namespace import LabError, Namespace
from conntrack.cli.lab.network import CLIENT4, SERVER4, Network
from conntrack.flow.pair import build, invert
from conntrack.gateway.fastpath import loader, punts
from conntrack.gateway.fastpath.attach import Attachment, adopt, attach, attach_clsact, attach_tcx, attach_xdp
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.layout import REPLY, Flow
from conntrack.gateway.fastpath.loader import Loaded, load
from conntrack.gateway.fastpath.maps import Offer
from conntrack.gateway.fastpath.program import Program
from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.links.snapshot import Link, Snapshot
from conntrack.packet.header import UDP
from tests.offload import built

GONE = 9999
PORT, SEEN_AS = 5000, 6000
KINDS: dict[str, Callable[[Program, int], Attachment]] = {"tcx": attach_tcx, "clsact": attach_clsact}


@pytest.fixture
def host() -> Iterator[Namespace]:
    made = Namespace("alone")
    made.ip("link add eth0 type veth peer name eth1", "link set eth0 up", "link set eth1 up")
    yield made
    made.close()


@pytest.fixture
def net() -> Iterator[Network]:
    with Network(forwarding=True) as network:
        yield network


@pytest.fixture
def loaded() -> Iterator[Loaded]:
    made = load(built(), 16, xdp=True)
    made.maps.set_generation(1)
    yield made
    made.maps.close()


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "bpf", "bpf", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def index(host: Namespace, name: str) -> int:
    with host.entered():
        return socket.if_nametoindex(name)


def hardware(host: Namespace, name: str) -> bytes:
    text = host.run("ip", "-o", "link", "show", name).stdout
    return bytes.fromhex(text.split("link/ether ")[1].split()[0].replace(":", ""))


def standing(host: Namespace) -> str:
    """What the system's own tool sees at eth0."""
    return host.run("tc", "filter", "show", "dev", "eth0", "ingress").stdout


def attached(host: Namespace, kind: str, loaded: Loaded, pin: Path | None = None) -> Attachment:
    eth0 = index(host, "eth0")
    with host.entered():
        return attach_clsact(loaded.tc, eth0, pin) if kind == "clsact" else attach(loaded.tc, eth0, pin)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_pinned_is_found_again(host: Namespace, loaded: Loaded, pins: Path, kind: str) -> None:
    pin = pins / f"link{index(host, 'eth0')}"
    attached(host, kind, loaded, pin).close()
    with host.entered():
        found = adopt(pin)
        assert (found.kind, found.interface) == (kind, index(host, "eth0"))
        found.replace(loaded.tc)
        found.detach()
    assert "pairwall" not in standing(host)


def test_a_filter_is_replaced_not_doubled(host: Namespace, loaded: Loaded) -> None:
    for _ in range(2):
        one = attached(host, "clsact", loaded)
    assert standing(host).count("pairwall_tc") == 1
    with host.entered():
        one.detach()
        one.detach()  # again does no harm
    assert standing(host) == ""


def test_a_link_lives_as_long_as_its_descriptor_or_pin(host: Namespace, loaded: Loaded, pins: Path) -> None:
    pin = pins / f"link{index(host, 'eth0')}"
    attached(host, "tcx", loaded, pin).close()
    assert pin.exists()
    found = adopt(pin)
    pin.unlink()
    found.close()
    with pytest.raises(FileNotFoundError):
        adopt(pin)


def test_what_cannot_be_pinned_is_taken_off_again(host: Namespace, loaded: Loaded, tmp_path: Path) -> None:
    for kind in KINDS:
        with pytest.raises(FastPathError, match="cannot pin"):
            attached(host, kind, loaded, tmp_path / "no BPF file system" / "link2")
        assert "pairwall" not in standing(host)
    assert loaded.xdp is not None
    with host.entered(), pytest.raises(FastPathError, match="cannot pin"):
        attach_xdp(loaded.xdp, index(host, "eth0"), tmp_path / "no BPF file system" / "xdp2")
    assert "xdp" not in host.run("ip", "link", "show", "eth0").stdout


@pytest.mark.parametrize("kind", KINDS)
def test_an_interface_that_goes_takes_the_program_along(host: Namespace, loaded: Loaded, pins: Path, kind: str) -> None:
    pin = pins / f"link{index(host, 'eth0')}"
    one = attached(host, kind, loaded, pin)
    host.ip("link delete eth0")
    with host.entered():
        with pytest.raises(FastPathError, match="the interface is gone"):
            one.replace(loaded.tc)
        one.detach()


@pytest.mark.parametrize("kind", KINDS)
def test_an_interface_that_is_not_there(host: Namespace, loaded: Loaded, kind: str) -> None:
    with host.entered(), pytest.raises(FastPathError, match="the interface is gone"):
        KINDS[kind](loaded.tc, GONE)


def test_a_stand_gets_xdp_later_and_loses_it_again(
    host: Namespace, pins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, eth0 = pins / "here", index(host, "eth0")
    here.mkdir()
    links = Snapshot((Link(eth0, "eth0", True, kind="veth"),))
    stand = Stand(load(built(), 16, here), here, os.open(here, os.O_RDONLY), virtual=True)
    with host.entered():
        stand.follow(links, {"eth0"}, frozenset())
        monkeypatch.setattr(loader, "OBJECT", Path("/none/none.o"))
        with pytest.raises(FastPathError, match="without the fast path"):
            stand.load_xdp()
        stand.follow(links, {"eth0"}, frozenset(("eth0",)))
        assert (stand.attached(), stand.at_driver()) == ({eth0}, frozenset())
        assert "without the fast path" in stand.not_by_xdp["eth0"]
        monkeypatch.setattr(loader, "OBJECT", built())
        for _ in range(2):
            stand.load_xdp()
            stand.follow(links, {"eth0"}, frozenset(("eth0",)))
            assert (stand.at_driver(), stand.not_by_xdp) == ({eth0}, {})
            assert "xdp" in host.run("ip", "link", "show", "eth0").stdout
            assert (here / f"xdp{eth0}").exists()
            stand.without_xdp()
            assert "xdp" not in host.run("ip", "link", "show", "eth0").stdout
            assert not (here / f"xdp{eth0}").exists()
            assert (stand.attached(), stand.at_driver(), stand.senders()) == ({eth0}, frozenset(), frozenset())
        stand.leave()
        stand.load_xdp()
        stand.follow(links, {"eth0"}, frozenset(("eth0",)))  # a thread that comes late
    assert standing(host) == ""
    assert not here.exists()


def test_a_driver_without_xdp_says_so(host: Namespace, loaded: Loaded) -> None:
    assert loaded.xdp is not None
    with host.entered(), pytest.raises(FastPathError, match="cannot attach by XDP"):
        attach_xdp(loaded.xdp, index(host, "lo"))


def carry(net: Network, loaded: Loaded, inside: str, outside: str, link: int = 0) -> None:
    """A UDP connection, client → server, whose client port is seen as another outside."""
    key = build(UDP, socket.inet_aton(CLIENT4), socket.inet_aton(SERVER4), PORT, 53)
    leaves = build(UDP, socket.inet_aton(CLIENT4), socket.inet_aton(SERVER4), SEEN_AS, 53)
    near, far = index(net.gateway, inside), index(net.gateway, outside)
    there = Flow(leaves[2:], leaves[6:10], near, far, 1500, 1, owner=1, link=link)
    back = Flow(invert(key)[2:], key[2:6], far, near, 1500, 1, REPLY, owner=1, link=2 * link)
    loaded.maps.insert(Offer(key, there, invert(leaves), back, b""))


def exchange(net: Network, loaded: Loaded, rounds: int = 3) -> None:
    """Datagrams both ways; none takes the slow way."""
    before = loaded.maps.punts()[punts.FORWARDED]
    with (
        net.server.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=2) as receiver,
        net.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=2) as sender,
    ):
        receiver.bind((SERVER4, 53))
        sender.bind((CLIENT4, PORT))
        for number in range(rounds):
            sender.sendto(bytes((number,)) * 100, (SERVER4, 53))
            data, source = receiver.recvfrom(200)
            assert (data, source) == (bytes((number,)) * 100, (CLIENT4, SEEN_AS))
            receiver.sendto(b"answer", source)
            assert sender.recv(100) == b"answer"
    assert loaded.maps.punts()[punts.FORWARDED] - before == 2 * rounds


@pytest.mark.parametrize("kind", KINDS)
def test_both_kinds_carry(net: Network, loaded: Loaded, kind: str) -> None:
    net.server.ip(f"route add {CLIENT4} via 198.51.100.2")
    with net.gateway.entered():
        standing = [KINDS[kind](loaded.tc, socket.if_nametoindex(name)) for name in ("eth0", "eth1")]
    carry(net, loaded, "eth1", "eth0")
    exchange(net, loaded)
    with net.gateway.entered():
        for one in standing:
            one.detach()


def test_a_vlan_is_carried_by_its_own_interface(net: Network, loaded: Loaded) -> None:
    """Tagged packets pass the parent's program untouched."""
    with contextlib.suppress(LabError):
        net.far.ip("link add link eth0 name probe type vlan id 7")
    if "probe" not in net.far.run("ip", "link").stdout:
        pytest.skip("this kernel has no VLAN interfaces")
    for host, address in ((net.gateway, "198.51.100.2/24"), (net.server, f"{SERVER4}/24")):
        host.ip(
            "address flush dev eth0",
            "link add link eth0 name eth0.7 type vlan id 7",
            "link set eth0.7 up",
            f"address add {address} dev eth0.7",
        )
    net.server.ip(f"route add {CLIENT4} via 198.51.100.2")
    with net.gateway.entered():
        standing = [attach(loaded.tc, socket.if_nametoindex(name)) for name in ("eth0", "eth0.7", "eth1")]
    carry(net, loaded, "eth1", "eth0.7")
    exchange(net, loaded)
    for one in standing:
        one.detach()


def test_xdp_carries_between_drivers_that_transmit(net: Network, loaded: Loaded) -> None:
    """Only virtual NICs are here, where it is no gain; the links' other ends must take raw frames (GRO does that)."""
    assert loaded.xdp is not None
    net.server.ip(f"route add {CLIENT4} via 198.51.100.2")
    net.server.run("ethtool", "-K", "eth0", "gro", "on")
    net.shop.run("ethtool", "-K", "port1", "gro", "on")
    inside, outside = hardware(net.gateway, "eth1"), hardware(net.gateway, "eth0")
    loaded.maps.set_link(1, hardware(net.server, "eth0"), outside, inside)
    loaded.maps.set_link(2, hardware(net.client, "eth0"), inside, outside)
    with net.gateway.entered():
        standing = [attach_xdp(loaded.xdp, socket.if_nametoindex(name)) for name in ("eth0", "eth1")]
    assert {one.kind for one in standing} == {"xdp"}
    carry(net, loaded, "eth1", "eth0", link=1)
    exchange(net, loaded)
    for one in standing:
        one.detach()
