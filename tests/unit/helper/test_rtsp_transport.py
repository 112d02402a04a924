"""RTSP's Transport header."""

from __future__ import annotations

import pytest

from conntrack.helper.rtsp.transport import Transport, read_transports
from conntrack.helper.words import Unreadable


def read(value: bytes) -> list[Transport]:
    return read_transports(value, 0, len(value))


def test_what_a_client_offers() -> None:
    value = b'RTP/AVP/UDP; unicast; client_port=4588-4589; mode="PLAY", RTP/AVP/TCP;unicast;interleaved=0-1'
    udp, tcp = read(value)
    assert udp.datagrams and not tcp.datagrams
    assert udp.client is not None and udp.server is None and tcp.client is None
    assert (udp.client.first, udp.client.last) == (4588, 4589)
    assert value[udp.client.start : udp.client.end] == b"4588-4589"


def test_what_a_server_answers() -> None:
    (transport,) = read(b"RTP/AVP;unicast;client_port=4588-4589;server_port=6256;ssrc=1F")
    assert transport.datagrams
    assert transport.server is not None and (transport.server.first, transport.server.last) == (6256, 6256)


@pytest.mark.parametrize(
    "value",
    [
        b"RTP/AVP;multicast;client_port=4588-4589",
        b"RTP/AVP;unicast;destination=192.0.2.9;client_port=4588-4589",
        b"RTP/AVP/TCP;unicast;client_port=4588-4589",
        b"RTP/AVP;unicast;interleaved=0-1;client_port=4588-4589",
        b"RAW/RAW/UDP;unicast;client_port=4588-4589",
    ],
)
def test_media_for_somebody_else_or_another_way_are_not_ours(value: bytes) -> None:
    assert [transport.datagrams for transport in read(value)] == [False]


@pytest.mark.parametrize(
    "value",
    [
        b"RTP/AVP;client_port=",
        b"RTP/AVP;client_port=0-1",
        b"RTP/AVP;client_port=4588-4600",
        b"RTP/AVP;client_port=4589-4588",
        b"RTP/AVP;client_port=65536",
        b"RTP/AVP;client_port=4588-",
        b"RTP/AVP;client_port=1-2;client_port=3-4",
        b"RTP/AVP" + b";x" * 40,
        b"RTP/AVP," * 9,
    ],
)
def test_what_is_no_transport(value: bytes) -> None:
    with pytest.raises(Unreadable):
        read(value)
