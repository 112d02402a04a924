"""Much through the fast path at once: a large file, a thousand connections, large packets, joined ones."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from conntrack.cli.lab.network import SERVER4, SERVER6, Network
from conntrack.cli.lab.waiting import until
from conntrack.gateway.fastpath import loader
from tests.netns.fastpath import Launch, await_carried, drops, fast, fast_count, flow, flows, status
from tests.netns.talk import Talk, pattern, resent
from tests.netns.test_gateway_offload import csum_errors

pytestmark = pytest.mark.skipif(not loader.OBJECT.exists(), reason="this package was built without the fast path")

BLOCK = 1 << 20
BLOCKS = 200
CONNECTIONS = 1000
#: linux/in.h, linux/in6.h
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, DO = 10, 23, 2


def large_file(path: Path) -> str:
    """200 MB of which no two blocks are the same; its hash."""
    digest, block = hashlib.sha256(), pattern(BLOCK - 8)
    with path.open("wb") as out:
        for number in range(BLOCKS):
            piece = number.to_bytes(8, "big") + block
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(net: Network, folder: Path) -> Iterator[None]:
    """The server's files by HTTP."""
    with net.server.entered():
        server = http.server.ThreadingHTTPServer((SERVER4, 80), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_large_file_arrives_as_it_is(net: Network, launch: Launch, tmp_path: Path) -> None:
    daemon = launch()
    wanted = large_file(tmp_path / "large")
    with serving(net, tmp_path):
        words = f"curl -sS --max-time 60 http://{SERVER4}/large | sha256sum"
        assert net.client.run("sh", "-c", words, timeout=90).stdout.split()[0] == wanted
    view = status(daemon)
    assert view["share"] > 0.95
    [found] = flows(daemon)
    payload = found["reply"]["bytes"] - 52 * found["reply"]["packets"]
    assert BLOCK * BLOCKS <= payload < BLOCK * BLOCKS * 1.02 + resent(net.server)
    assert drops(daemon) == {}


def test_a_thousand_connections_at_once(net: Network, launch: Launch) -> None:
    daemon = launch()
    pairs: list[tuple[socket.socket, socket.socket]] = []
    with net.server.socket(socket.AF_INET, socket.SOCK_STREAM, timeout=20) as listening:
        listening.bind((SERVER4, 80))
        listening.listen(CONNECTIONS)
        for _ in range(CONNECTIONS):
            near = net.client.socket(socket.AF_INET, socket.SOCK_STREAM, timeout=20)
            near.connect((SERVER4, 80))
            far, _ = listening.accept()
            far.settimeout(20)
            pairs.append((near, far))

    def all_carried() -> bool:
        """After a word each way: one that came back is offered again only with a packet."""
        for number, (near, far) in enumerate(pairs):
            near.sendall(b"%d" % number)
            assert far.recv(20) == b"%d" % number
            far.sendall(b"-%d" % number)
            assert near.recv(20) == b"-%d" % number
        return fast_count(daemon) == CONNECTIONS

    until(all_carried, "all of them are carried", 40)
    assert status(daemon)["connections"]["count"] == CONNECTIONS
    for near, far in pairs:
        near.close()
        assert far.recv(1) == b""
        far.close()
    until(lambda: not fast(daemon), "all of them have come back for their end")
    assert {one["state"] for one in flows(daemon)} <= {"TIME_WAIT", "LAST_ACK", "CLOSE_WAIT"}
    assert drops(daemon) == {}


def widen(net: Network, mtu: int) -> None:
    """Sets the MTU of all links between client and server."""
    net.shop.ip(*(f"link set {link} mtu {mtu}" for link in ("port0", "port1", "br0")))
    net.client.ip(f"link set eth0 mtu {mtu}")
    net.gateway.ip(f"link set eth1 mtu {mtu}")
    narrow(net, mtu)


def narrow(net: Network, mtu: int) -> None:
    """Sets that of the last one."""
    net.server.ip(f"link set eth0 mtu {mtu}")
    net.gateway.ip(f"link set eth0 mtu {mtu}")


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_jumbo_frames_and_a_way_out_that_takes_none(net: Network, launch: Launch, server: str) -> None:
    """Larger than the way out: the sender is told by the kernel, and sends smaller ones, which are carried again."""
    widen(net, 9000)
    daemon = launch()
    with Talk(net.client, server, 80, net.server) as talk:
        await_carried(daemon, talk)
        talk.up(2 << 20)
        found = flow(daemon, talk.port)["original"]
        assert found["bytes"] / found["packets"] > 5000
        narrow(net, 1500)
        until(lambda: flow(daemon, talk.port)["path"] == "slow", "it came back, since its way is another")
        talk.up(2 << 20)
        await_carried(daemon, talk)
        talk.up(2 << 20)
        talk.finish()
    assert drops(daemon) == {}


def test_a_datagram_that_is_too_large_is_answered(net: Network, launch: Launch) -> None:
    """The flow is carried; its one large datagram goes to the kernel, which says so to the sender."""
    widen(net, 9000)
    narrow(net, 1500)
    daemon = launch()
    for server, family, level, option in (
        (SERVER4, socket.AF_INET, socket.IPPROTO_IP, IP_MTU_DISCOVER),
        (SERVER6, socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER),
    ):
        with (
            net.server.socket(family, socket.SOCK_DGRAM) as far,
            net.client.socket(family, socket.SOCK_DGRAM) as near,
        ):
            near.setsockopt(level, option, DO)
            far.bind((server, 53))
            near.connect((server, 53))
            for _ in range(5):
                near.send(b"?")
                far.sendto(b"!", far.recvfrom(9)[1])
                assert near.recv(9) == b"!"
            assert near.getsockname()[1] in fast(daemon)
            near.send(bytes(8000))
            until(lambda near=near: not sent(near, 8000), "the sender knows the MTU of its path")
            until(lambda near=near: sent(near, 1400), "it sends smaller ones")
            assert len(far.recv(9000)) == 1400
    assert status(daemon)["punts"]["too-big"] >= 2


def sent(out: socket.socket, size: int) -> bool:
    """Whether a datagram of that size is sent: not where its own host knows that it is too large, or was told so."""
    try:
        out.send(bytes(size))
    except OSError as error:
        assert error.errno == errno.EMSGSIZE
        return False
    return True


OFFLOADS = {
    "segmentation, no checksums out": {"eth0": ("tso", "on", "gso", "on", "gro", "on", "tx", "off")},
    "joined in, no segmentation out": {"eth0": ("tso", "off", "gso", "off", "tx", "off"), "eth1": ("gro", "on")},
    "nothing": {"eth0": ("tso", "off", "gso", "off", "gro", "off", "tx", "off"), "eth1": ("gro", "off", "tx", "off")},
}


@pytest.mark.parametrize("offload", [True], indirect=True)
@pytest.mark.parametrize("offloads", OFFLOADS)
def test_joined_packets_in_and_out(net: Network, launch: Launch, offloads: str) -> None:
    for link, words in OFFLOADS[offloads].items():
        net.gateway.run("ethtool", "-K", link, *words)
    daemon = launch()
    for server in (SERVER4, SERVER6):
        headers = 52 if server == SERVER4 else 72
        with Talk(net.client, server, 80, net.server) as talk:
            await_carried(daemon, talk)
            before = flow(daemon, talk.port)
            talk.up(4 << 20)
            talk.down(4 << 20)
            after = flow(daemon, talk.port)
            assert after["path"] == "fast"
            for side in ("original", "reply"):
                packets = after[side]["packets"] - before[side]["packets"]
                payload = after[side]["bytes"] - before[side]["bytes"] - packets * headers
                assert 4 << 20 <= payload < (4 << 20) * 1.05
                assert packets >= (4 << 20) // 1448  # each segment of a joined packet is one
            talk.finish()
    assert csum_errors(net) == []
    assert drops(daemon) == {}
