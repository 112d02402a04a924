"""Session descriptions: whose media, on which ports."""

from __future__ import annotations

import pytest

from conntrack.helper.sip.sdp import MOST_MEDIA, Session, read_session
from conntrack.helper.words import Unreadable

HEAD = b"v=0\r\no=alice 2890844526 1 IN IP4 192.168.1.2\r\ns=-\r\n"
CONNECTION = b"c=IN IP4 192.168.1.2\r\n"
AUDIO = b"m=audio 49170 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
PHONE = bytes((192, 168, 1, 2))


def read(data: bytes) -> Session:
    return read_session(data, 0, len(data))


def test_a_plain_description() -> None:
    data = HEAD + CONNECTION + b"t=0 0\r\n" + AUDIO
    session = read(data)
    (audio,) = session.media
    assert session.origin is not None and session.connection is not None
    assert (session.origin.address, session.connection.address) == (PHONE, PHONE)
    assert data[session.connection.start : session.connection.end] == b"192.168.1.2"
    assert (audio.port, audio.ports, audio.rtp, audio.datagrams, audio.rtcp) == (49170, 1, True, True, 0)
    assert data[audio.port_start : audio.port_end] == b"49170"
    assert audio.connection is None


def test_media_with_a_connection_and_an_rtcp_port_of_their_own() -> None:
    data = HEAD + AUDIO + b"c=IN IP6 2001:db8::7\r\na=rtcp:53020 IN IP6 2001:db8::8\r\n" + AUDIO + b"a=rtcp:7\n"
    first, second = read(data).media
    assert first.connection is not None and data[first.connection.start : first.connection.end] == b"2001:db8::7"
    assert first.rtcp_address is not None and first.rtcp_address.address[-1] == 8
    assert data[first.rtcp_start : first.rtcp_end] == b"53020"
    assert (second.connection, second.rtcp, second.rtcp_address) == (None, 7, None)


@pytest.mark.parametrize(
    ("line", "rtp", "datagrams"),
    [
        (b"m=video 2 RTP/SAVPF 96", True, True),
        (b"m=audio 2 UDP/TLS/RTP/SAVPF 96", True, True),
        (b"m=image 2 udptl t38", False, True),
        (b"m=message 2 TCP/MSRP *", False, False),
        (b"m=audio 2 TCP/RTP/AVP 0", True, False),
        (b"m=application 2 DTLS/SCTP 5000", False, False),
    ],
)
def test_kinds_of_media(line: bytes, rtp: bool, datagrams: bool) -> None:
    (media,) = read(HEAD + CONNECTION + line + b"\r\n").media
    assert (media.rtp, media.datagrams) == (rtp, datagrams)


def test_a_number_of_ports_and_a_refused_line() -> None:
    several, refused = read(HEAD + b"m=audio 49170/2 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n").media
    assert (several.port, several.ports, refused.port) == (49170, 2, 0)


@pytest.mark.parametrize("where", [b"phone.example", b"224.2.1.1/127", b"0x7f000001"])
def test_what_is_not_plainly_an_address_has_none(where: bytes) -> None:
    session = read(HEAD + b"c=IN IP4 " + where + b"\r\n")
    assert session.connection is not None
    assert session.connection.address == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        CONNECTION + HEAD,
        HEAD + HEAD,
        HEAD + CONNECTION + CONNECTION,
        HEAD + AUDIO + CONNECTION + CONNECTION,
        HEAD + b"nonsense\r\n",
        HEAD + b"c=IN IP4\r\n",
        HEAD + b"c=IN  IP4 192.168.1.2\r\n",
        HEAD + b"c=ATM NSAP 1\r\n",
        HEAD + b"c=IN IP5 192.168.1.2\r\n",
        HEAD + b"c=IN IP6 192.168.1.2\r\n",
        HEAD + b"m=audio 65536 RTP/AVP 0\r\n",
        HEAD + b"m=audio -2 RTP/AVP 0\r\n",
        HEAD + b"m=audio 2/x RTP/AVP 0\r\n",
        HEAD + b"m=audio 2\r\n",
        HEAD + AUDIO + b"a=rtcp:x\r\n",
        HEAD + AUDIO + b"a=rtcp:1 IN IP4\r\n",
        HEAD + AUDIO + b"a=rtcp:1\r\na=rtcp:2\r\n",
        HEAD + AUDIO * (MOST_MEDIA + 1),
        HEAD + b"a=x\r\n" * 600,
        HEAD + b"a=" + b"x" * 2000 + b"\r\n",
        HEAD.replace(b" 1 IN", b" IN"),
    ],
)
def test_what_is_no_description(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read(data)
