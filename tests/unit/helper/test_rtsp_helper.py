"""RTSP as message traces: media over UDP that a SETUP agrees on."""

from __future__ import annotations

import pytest

from conntrack.helper.rtsp.helper import RtspHelper
from conntrack.packet.header import TCP, UDP
from tests.unit.helper.conversation import Conversation


def setup(transport: str, number: int = 2) -> bytes:
    return (
        f"SETUP rtsp://198.51.100.7/film/track1 RTSP/1.0\r\nCSeq: {number}\r\nTransport: {transport}\r\n\r\n"
    ).encode()


def ok(transport: str, number: int = 2, session: str = "12345678") -> bytes:
    return (
        f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: {session};timeout=60\r\nTransport: {transport}\r\n\r\n"
    ).encode()


@pytest.fixture
def talk() -> Conversation:
    return Conversation(RtspHelper(), TCP, (41000, 42000, 554))


def test_what_the_client_asks_for_is_told_with_outside_ports(talk: Conversation) -> None:
    heard = talk.lan(setup("RTP/AVP;unicast;client_port=4588-4589"))
    (media,) = talk.mentions
    assert (media.protocol, media.port, media.count, media.even, media.anybody) == (UDP, 4588, 2, True, False)
    assert heard == setup("RTP/AVP;unicast;client_port=50000-50001")


def test_the_answer_names_the_servers_ports_and_the_clients_own(talk: Conversation) -> None:
    talk.lan(setup("RTP/AVP;unicast;client_port=4588-4589"))
    heard = talk.wan(ok("RTP/AVP;unicast;client_port=50000-50001;server_port=6256-6257;source=198.51.100.7"))
    assert talk.opened() == [(6256, 2)]
    assert heard == ok("RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257;source=198.51.100.7")


def test_every_transport_that_is_offered(talk: Conversation) -> None:
    offer = "RTP/AVP/TCP;unicast;interleaved=0-1,RTP/AVP;unicast;client_port={}-{},RTP/AVP;unicast;client_port={}"
    assert talk.lan(setup(offer.format(4588, 4589, 4600))) == setup(offer.format(50000, 50001, 50002))
    assert talk.opened() == [(4588, 2), (4600, 1)]


def test_a_server_behind_the_gateway_is_told_as_it_is_seen(talk: Conversation) -> None:
    talk.wan(setup("RTP/AVP;unicast;client_port=4588-4589"))
    assert talk.opened() == [(4588, 2)]
    heard = talk.lan(ok("RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257;source=192.168.1.2"))
    assert heard == ok("RTP/AVP;unicast;client_port=4588-4589;server_port=50000-50001;source=203.0.113.5")


def test_media_between_messages_are_skipped_even_if_they_look_like_one(talk: Conversation) -> None:
    inner = setup("RTP/AVP;unicast;client_port=22000-22001")
    talk.lan(setup("RTP/AVP;unicast;client_port=4588-4589"))
    framed = b"$\0" + len(inner).to_bytes(2, "big") + inner
    heard = talk.lan(framed + setup("RTP/AVP;unicast;client_port=4600-4601"))
    assert talk.opened() == [(4600, 2)]
    assert heard.startswith(framed)
    talk.lan(framed[:10])
    talk.lan(framed[10:] + setup("RTP/AVP;unicast;client_port=4700-4701"))
    assert talk.opened() == [(4700, 2)]


def test_teardown_of_the_last_session_takes_all_back(talk: Conversation) -> None:
    for session in ("one", "two"):
        talk.lan(setup("RTP/AVP;unicast;client_port=4588-4589"))
        talk.wan(ok("RTP/AVP;unicast;client_port=50000-50001;server_port=6256-6257", session=session))
    ended = []
    for session in ("one", "two"):
        talk.lan(f"TEARDOWN rtsp://198.51.100.7/film RTSP/1.0\r\nCSeq: 9\r\nSession: {session}\r\n\r\n".encode())
        ended.append(talk.speech.ends)
    assert ended == [[], [b"media"]]


@pytest.mark.parametrize(
    "transport",
    [
        "RTP/AVP;unicast;destination=192.168.1.3;client_port=4588-4589",
        "RTP/AVP;multicast;client_port=4588-4589",
        "RTP/AVP;unicast;client_port=0-1",
        "RTP/AVP;unicast;client_port=4588-9999",
        "RTP/AVP;unicast;client_port=4588-4589;source=10.0.0.1",
    ],
)
def test_what_opens_nothing(talk: Conversation, transport: str) -> None:
    assert talk.lan(setup(transport)) == setup(transport)
    assert talk.mentions == []


def test_a_server_that_speaks_for_another_opens_nothing(talk: Conversation) -> None:
    talk.lan(setup("RTP/AVP;unicast;client_port=4588-4589"))
    talk.wan(ok("RTP/AVP;unicast;client_port=50000-50001;server_port=6256-6257;source=192.168.1.9"))
    assert talk.mentions == []


def test_what_is_not_rtsp_is_never_listened_to_again(talk: Conversation) -> None:
    talk.lan(b"GET / HTTP/1.0\r\n\r\n")
    assert talk.speech.memory.off
    assert talk.lan(setup("RTP/AVP;unicast;client_port=4588-4589")) == setup("RTP/AVP;unicast;client_port=4588-4589")
