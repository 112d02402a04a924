"""SIP, RTSP and PPTP through the daemon with NAT: what a call opens passes while it lives, and nothing else does.

The rules accept the signalling only, so that every datagram of media has to be expected by its helper.
"""

from __future__ import annotations

import re
import socket
import struct
from pathlib import Path

import pytest

from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.network import CLIENT4, OUTSIDE4, SERVER4, SHOP4, Network
from tests.netns.calls import PATIENCE, Call
from tests.netns.conftest import BASE, Start

NAT = BASE + "nat:\n  - {masquerade: wan, from: [lan]}\n"
#: seconds after which a datagram that did not arrive never will
SILENCE = 0.3


def datagrams(host: Namespace, address: str, port: int) -> socket.socket:
    found = host.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=PATIENCE)
    found.bind((address, port))
    return found


def arrives(sender: socket.socket, target: tuple[str, int], receiver: socket.socket) -> tuple[str, int]:
    """What one socket sends, the other receives: from where, as it sees it."""
    sender.sendto(b"rtp", target)
    data, source = receiver.recvfrom(100)
    assert data == b"rtp"
    return source[0], source[1]


def is_lost(sender: socket.socket, target: tuple[str, int], receiver: socket.socket) -> bool:
    receiver.settimeout(SILENCE)
    sender.sendto(b"rtp", target)
    try:
        receiver.recvfrom(100)
    except TimeoutError:
        return True
    finally:
        receiver.settimeout(PATIENCE)
    return False


def test_sip_media_pass_while_the_call_lives(net: Network, start: Start, tmp_path: Path) -> None:
    start(NAT + "policy:\n  lan -> wan:\n    - {accept: sip}\n")
    call_over("udp", net, tmp_path)
    call_over("tcp", net, tmp_path)


def call_over(transport: str, net: Network, directory: Path) -> None:
    with (
        datagrams(net.client, CLIENT4, 7078) as near,
        datagrams(net.client, CLIENT4, 7079) as near_control,
        datagrams(net.server, SERVER4, 6000) as far,
        datagrams(net.server, SERVER4, 6001) as far_control,
        datagrams(net.server, SERVER4, 6666) as other,
        Call(net.client, CLIENT4, net.server, SERVER4, transport, directory) as call,
    ):
        address, port = call.offered()
        assert (address, port % 2) == (OUTSIDE4, 0)
        assert arrives(far, (address, port), near) == (SERVER4, 6000)
        assert arrives(near, (SERVER4, 6000), far) == (address, port)
        assert arrives(near_control, (SERVER4, 6001), far_control) == (address, port + 1)
        assert arrives(far_control, (address, port + 1), near_control) == (SERVER4, 6001)
        assert is_lost(other, (address, port + 2), near)
        call.hang_up()
        assert is_lost(far, (address, port), near)
        assert is_lost(near, (SERVER4, 6000), far)


def listening(host: Namespace, address: str, port: int) -> socket.socket:
    found = host.socket(socket.AF_INET, socket.SOCK_STREAM, timeout=PATIENCE)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((address, port))
    found.listen()
    return found


def connected(host: Namespace, address: str, port: int) -> socket.socket:
    found = host.socket(socket.AF_INET, socket.SOCK_STREAM, timeout=PATIENCE)
    found.connect((address, port))
    return found


def heard(sender: socket.socket, text: bytes, receiver: socket.socket, end: bytes = b"\r\n\r\n") -> bytes:
    """What one says, as the other gets it."""
    sender.sendall(text)
    found = b""
    while not found.endswith(end):
        piece = receiver.recv(4096)
        assert piece
        found += piece
    return found


def test_rtsp_media_over_udp(net: Network, start: Start) -> None:
    start(NAT + "policy:\n  lan -> wan:\n    - {accept: rtsp}\n")
    with (
        listening(net.server, SERVER4, 554) as server,
        connected(net.client, SERVER4, 554) as player,
        datagrams(net.client, CLIENT4, 7078) as near,
        datagrams(net.server, SERVER4, 6000) as far,
        datagrams(net.server, SERVER4, 6001) as far_control,
        datagrams(net.client, CLIENT4, 7079) as near_control,
    ):
        accepted, _ = server.accept()
        with accepted:
            accepted.settimeout(PATIENCE)
            setup = "SETUP rtsp://x/a RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port={}-{}\r\n\r\n"
            asked = heard(player, setup.format(7078, 7079).encode(), accepted)
            ports = re.search(rb"client_port=(\d+)-(\d+)", asked)
            assert ports
            port = int(ports[1])
            assert (port % 2, int(ports[2])) == (0, port + 1)
            ok = "RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 7\r\nTransport: RTP/AVP;unicast;client_port={}-{};{}\r\n\r\n"
            rest = "server_port=6000-6001"
            answer = heard(accepted, ok.format(port, port + 1, rest).encode(), player)
            assert answer == ok.format(7078, 7079, rest).encode()
            assert arrives(far, (OUTSIDE4, port), near) == (SERVER4, 6000)
            assert arrives(near_control, (SERVER4, 6001), far_control) == (OUTSIDE4, port + 1)
            end = b"TEARDOWN rtsp://x/a RTSP/1.0\r\nCSeq: 2\r\nSession: 7\r\n\r\n"
            assert heard(player, end, accepted) == end
            assert is_lost(far, (OUTSIDE4, port), near)


def control(kind: int, size: int, body: bytes) -> bytes:
    return (struct.pack("!HHIHH", size, 1, 0x1A2B3C4D, kind, 0) + body).ljust(size, b"\0")


def exchange(sender: socket.socket, message: bytes, receiver: socket.socket) -> bytes:
    sender.sendall(message)
    found = b""
    while len(found) < len(message):
        piece = receiver.recv(4096)
        assert piece
        found += piece
    return found


class Dialled:
    """A PPTP call of a client inside, whose own identifier is always 7, as the server knows it."""

    def __init__(self, host: Namespace, server: socket.socket, theirs: int) -> None:
        self.control = connected(host, SERVER4, 1723)
        self.peer, _ = server.accept()
        self.peer.settimeout(PATIENCE)
        exchange(self.control, control(1, 156, b"\1"), self.peer)
        exchange(self.peer, control(2, 156, b"\1\0\1"), self.control)
        request = exchange(self.control, control(7, 168, struct.pack("!HH", 7, 1)), self.peer)
        (self.seen_as,) = struct.unpack_from("!H", request, 12)
        reply = control(8, 32, struct.pack("!HHB", theirs, self.seen_as, 1))
        assert struct.unpack_from("!HH", exchange(self.peer, reply, self.control), 12) == (theirs, 7)

    def end(self, theirs: int) -> None:
        exchange(self.peer, control(13, 148, struct.pack("!H", theirs)), self.control)


def gre(host: Namespace) -> socket.socket:
    return host.socket(socket.AF_INET, socket.SOCK_RAW, 47, timeout=PATIENCE)


def frame(call: int, data: bytes) -> bytes:
    return struct.pack("!BBHHHI", 0x30, 1, 0x880B, len(data), call, 1) + data


def tunnelled(receiver: socket.socket) -> tuple[str, int, bytes]:
    """The next GRE packet: from whom, which call, what data."""
    packet, (source, _) = receiver.recvfrom(2000)
    header = (packet[0] & 15) * 4
    (call,) = struct.unpack_from("!H", packet, header + 6)
    return source, call, packet[header + 12 :]


def test_pptp_calls_of_two_hosts_that_chose_the_same_identifier(net: Network, start: Start) -> None:
    start(NAT + "policy:\n  lan -> wan:\n    - {accept: tcp/1723, helper: pptp}\n")
    with (
        listening(net.server, SERVER4, 1723) as server,
        gre(net.client) as client,
        gre(net.shop) as shop,
        gre(net.server) as far,
    ):
        first, second = Dialled(net.client, server, 900), Dialled(net.shop, server, 901)
        assert first.seen_as != second.seen_as
        for host, call, theirs, address in ((client, first, 900, CLIENT4), (shop, second, 901, SHOP4)):
            host.sendto(frame(theirs, address.encode()), (SERVER4, 0))
            assert tunnelled(far) == (OUTSIDE4, theirs, address.encode())
            far.sendto(frame(call.seen_as, b"down"), (OUTSIDE4, 0))
            assert tunnelled(host) == (SERVER4, 7, b"down")
        first.end(900)
        client.settimeout(SILENCE)
        far.sendto(frame(first.seen_as, b"late"), (OUTSIDE4, 0))
        with pytest.raises(TimeoutError):
            tunnelled(client)
        far.sendto(frame(second.seen_as, b"still"), (OUTSIDE4, 0))
        assert tunnelled(shop) == (SERVER4, 7, b"still")
        for call in (first, second):
            call.control.close()
            call.peer.close()
