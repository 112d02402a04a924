"""The fast path between real hosts: what arrives, with which checksums, and what was counted.

Links carry finished checksums where the hardware is said to do nothing ("none"): there a wrong one shows.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator

import pytest

from conntrack.cli.lab.network import SERVER4, SERVER6, Network
from conntrack.flow.connection import CLOSING, Connection
from conntrack.gateway.fastpath import punts
from conntrack.gateway.queue.base import Options
from conntrack.packet.header import TCP, UDP
from tests.netns.carrier import ASKED, REAL, Carrier
from tests.netns.pump import NUMBER, Pump, Recorder
from tests.netns.router import HARDWARE, of_hardware
from tests.netns.test_gateway_offload import UDP_SEGMENT, csum_errors, family

BULK = 16 << 20
#: IP and TCP headers of a segment with a timestamp
HEADERS = {socket.AF_INET: 52, socket.AF_INET6: 72}


@pytest.fixture(params=HARDWARE)
def net(request: pytest.FixtureRequest) -> Iterator[Network]:
    with of_hardware(request.param) as network:
        yield network


@pytest.fixture
def carrier(net: Network) -> Iterator[Carrier]:
    with Carrier(net.gateway, "eth1", "eth0") as made:
        with Pump(net.gateway, Recorder(made.judge), "netlink", Options(NUMBER, gso=True)):
            yield made
        assert made.refused == []


class Transfer:
    """One TCP connection with bulk in one or both directions, from start to FIN."""

    def __init__(self, net: Network, server: str, upload: bytes, download: bytes) -> None:
        self.received = bytearray()
        self.uploaded = bytearray()
        self._upload, self._download = upload, download
        self._listening = net.server.socket(family(server), socket.SOCK_STREAM, timeout=20)
        self._listening.bind((server, REAL))
        self._listening.listen()
        self._client = net.client.socket(family(server), socket.SOCK_STREAM, timeout=20)
        self._server = server

    def run(self) -> None:
        threads = [threading.Thread(target=self._serve), threading.Thread(target=self._send, args=(self._client,))]
        self._client.connect((self._server, ASKED))
        for thread in threads:
            thread.start()
        while piece := self._client.recv(1 << 20):
            self.received += piece
        for thread in threads:
            thread.join(20)
        self._client.close()
        self._listening.close()

    def _send(self, out: socket.socket) -> None:
        out.sendall(self._upload)
        out.shutdown(socket.SHUT_WR)

    def _serve(self) -> None:
        accepted, _ = self._listening.accept()
        accepted.settimeout(20)
        with accepted:
            back = threading.Thread(target=accepted.sendall, args=(self._download,))
            back.start()
            while piece := accepted.recv(1 << 20):
                self.uploaded += piece
            back.join(20)


def pattern(size: int) -> bytes:
    return hashlib.shake_128(b"pairwall").digest(size)


def payload(connection: Connection, original: bool, size: int) -> int:
    """Bytes of payload that were counted, where every packet has headers of that size."""
    side = connection.original if original else connection.reply
    return int(side.octets - side.packets * size)


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_bulk_tcp_both_ways(net: Network, carrier: Carrier, server: str) -> None:
    transfer = Transfer(net, server, pattern(BULK), pattern(BULK // 2))
    transfer.run()
    assert transfer.uploaded == pattern(BULK)
    assert transfer.received == pattern(BULK // 2)
    carrier.take_back_all()
    (connection,) = [one for one in carrier.connections if one.protocol == TCP]
    assert connection.status & CLOSING
    forwarded = carrier.maps.punts()[punts.FORWARDED]
    assert forwarded > 100
    assert csum_errors(net) == []
    # more where a busy machine makes the senders send something again, less by the timestamp that a reset does without
    for original, size in ((True, BULK), (False, BULK // 2)):
        assert size - 12 <= payload(connection, original, HEADERS[family(server)]) < size * 1.1 + 100000


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_datagrams_small_and_in_segments(net: Network, carrier: Carrier, server: str) -> None:
    with (
        net.server.socket(family(server), socket.SOCK_DGRAM, timeout=2) as receiver,
        net.client.socket(family(server), socket.SOCK_DGRAM, timeout=2) as sender,
    ):
        receiver.bind((server, REAL))
        sender.sendto(b"first", (server, ASKED))
        data, back = receiver.recvfrom(100)
        receiver.sendto(b"answer", back)  # from here on it is carried
        assert (data, sender.recv(100)) == (b"first", b"answer")
        for data in (b"", b"odd", b"even", bytes(1400)):
            sender.sendto(data, (server, ASKED))
            assert receiver.recv(2000) == data
            receiver.sendto(data, back)
            assert sender.recv(2000) == data
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        sender.sendto(b"".join(bytes((number,)) * 1000 for number in range(7)) + b"rest", (server, ASKED))
        assert [receiver.recv(2000) for _ in range(7)] == [bytes((number,)) * 1000 for number in range(7)]
        assert receiver.recv(2000) == b"rest"
    carrier.take_back_all()
    (connection,) = [one for one in carrier.connections if one.protocol == UDP]
    overhead = 28 if server == SERVER4 else 48
    assert connection.original.packets == 1 + 4 + 8
    assert connection.original.octets == 5 + 7 + 1400 + 7004 + overhead * connection.original.packets
    assert carrier.maps.punts()[punts.FORWARDED] >= 9
    assert csum_errors(net) == []


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_a_ping_is_carried_and_loses_one_hop(net: Network, carrier: Carrier, server: str) -> None:
    done = net.client.run("ping", "-c", "5", "-i", "0.05", "-W", "2", server)
    assert "5 received" in done.stdout
    assert "ttl=63" in done.stdout
    assert carrier.maps.punts()[punts.FORWARDED] == 8


def test_larger_than_the_way_out_comes_back_as_an_error(net: Network) -> None:
    """The kernel answers, since the packet goes its way; the fast path alone would lose it silently."""
    net.gateway.ip("link set eth0 mtu 1400")
    with (
        Carrier(net.gateway, "eth1", "eth0", mtu=1400) as carrier,
        Pump(net.gateway, Recorder(carrier.judge), "netlink", Options(NUMBER, gso=True)),
    ):
        transfer = Transfer(net, SERVER4, pattern(BULK // 8), b"")
        transfer.run()
        assert transfer.uploaded == pattern(BULK // 8)
        counts = carrier.maps.punts()
        assert counts[punts.TOO_BIG] > 0
        assert counts[punts.FORWARDED] > 20
        assert carrier.refused == []


def test_the_next_hop_gets_another_address_meanwhile(net: Network, carrier: Carrier) -> None:
    with (
        net.server.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=2) as receiver,
        net.client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=2) as sender,
    ):
        receiver.bind((SERVER4, REAL))
        sender.sendto(b"first", (SERVER4, ASKED))
        _, back = receiver.recvfrom(100)
        receiver.sendto(b"answer", back)
        assert sender.recv(100) == b"answer"
        net.server.ip("link set eth0 address 02:00:00:00:00:77")
        net.gateway.ip("neighbour flush dev eth0")
        for number in range(3):
            sender.sendto(bytes((number,)), (SERVER4, ASKED))
            assert receiver.recv(100) == bytes((number,))
    assert carrier.maps.punts()[punts.FORWARDED] == 3
