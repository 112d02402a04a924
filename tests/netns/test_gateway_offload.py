"""Segmentation offload through the queue: bulk traffic in giant packets, rewritten on the way.

The stateless translation here turns one server port into another and back, so every packet is rewritten.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from conntrack.cli.lab.network import SERVER4, SERVER6, Network
from conntrack.engine.verdict import FORWARD
from conntrack.gateway.queue.base import Options
from conntrack.packet.header import TCP, UDP, Packet
from conntrack.packet.parse import parse
from conntrack.packet.rewrite import deltas, translate
from tests.netns.pump import NUMBER, Answer, Pump, Recorder, Seen, accept
from tests.netns.router import HARDWARE, of_hardware

ASKED, REAL = 7001, 7000
BULK = 4 << 20
#: linux/udp.h
UDP_SEGMENT = 103


@pytest.fixture(params=HARDWARE)
def net(request: pytest.FixtureRequest) -> Iterator[Network]:
    with of_hardware(request.param) as network:
        yield network


def translated(seen: Seen) -> Answer:
    """Destination port ASKED → REAL, source port REAL → ASKED."""
    packet = Packet()
    parse(seen.raw, packet, verify=False)
    if seen.hook != FORWARD or packet.protocol not in (TCP, UDP):
        return accept(seen)
    pair = packet.pair
    source, destination = int.from_bytes(pair[-4:-2], "big"), int.from_bytes(pair[-2:], "big")
    source = ASKED if source == REAL else source
    destination = REAL if destination == ASKED else destination
    new = pair[:-4] + source.to_bytes(2, "big") + destination.to_bytes(2, "big")
    return 1, translate(packet, new, *deltas(packet.protocol, pair, new)), 0


def family(server: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server else socket.AF_INET


def pour(listening: socket.socket, data: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.settimeout(10)
        connection.sendall(data)


def csum_errors(net: Network) -> list[str]:
    lines = [host.run("nstat", "-asz", "*InCsumErrors").stdout for host in (net.client, net.server)]
    return [line for text in lines for line in text.splitlines() if "Errors" in line and line.split()[1] != "0"]


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_bulk_tcp_in_giant_packets(net: Network, server: str) -> None:
    data = bytes(range(256)) * (BULK // 256)
    recorder = Recorder(translated)
    with (
        net.server.socket(family(server), socket.SOCK_STREAM) as listening,
        Pump(net.gateway, recorder, "netlink", Options(NUMBER, gso=True)) as pump,
        net.client.socket(family(server), socket.SOCK_STREAM, timeout=10) as client,
    ):
        listening.bind((server, REAL))
        listening.listen()
        thread = threading.Thread(target=pour, args=(listening, data), daemon=True)
        thread.start()
        client.connect((server, ASKED))
        received = bytearray()
        while piece := client.recv(1 << 20):
            received += piece
        thread.join()
        tally = pump.queue.tally()
        assert (tally.truncated, tally.faults, tally.refused) == (0, 0, 0)
    assert received == data
    assert max(len(one.raw) for one in recorder.seen) > 10000
    assert csum_errors(net) == []


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_udp_sent_in_segments(net: Network, server: str) -> None:
    recorder = Recorder(translated)
    with (
        net.server.socket(family(server), socket.SOCK_DGRAM, timeout=2) as receiver,
        net.client.socket(family(server), socket.SOCK_DGRAM) as sender,
        Pump(net.gateway, recorder, "netlink", Options(NUMBER, gso=True)),
    ):
        receiver.bind((server, REAL))
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        sender.sendto(b"".join(bytes((number,)) * 1000 for number in range(7)) + b"rest", (server, ASKED))
        assert [receiver.recv(2000) for _ in range(7)] == [bytes((number,)) * 1000 for number in range(7)]
        assert receiver.recv(2000) == b"rest"
    assert max(len(one.raw) for one in recorder.seen) > 7000
    assert csum_errors(net) == []


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_small_packets_with_unfinished_checksums(net: Network, server: str) -> None:
    with (
        net.server.socket(family(server), socket.SOCK_DGRAM, timeout=2) as receiver,
        net.client.socket(family(server), socket.SOCK_DGRAM) as sender,
        Pump(net.gateway, Recorder(translated), "netlink", Options(NUMBER, gso=True)),
    ):
        receiver.bind((server, REAL))
        for data in (b"", b"odd", b"even"):
            sender.sendto(data, (server, ASKED))
            assert receiver.recv(100) == data
    assert csum_errors(net) == []
