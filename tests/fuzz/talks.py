"""Helpers as fuzz targets: alone, and through the whole engine with both ends' streams watched.

Lives here: how bytes become what two hosts say. May not live here: what must hold of the engine (invariants.py).
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

from conntrack.flow.expectation import MOST
from conntrack.helper.base import LONGEST, Endpoint, Helper, Mention, Speech
from conntrack.packet.header import GRE, TCP, UDP
from conntrack.policy.problems import PolicyError
from tests.fuzz.gateway import FOREVER
from tests.fuzz.invariants import empty, whole
from tests.fuzz.steps import Steps
from tests.host import Host
from tests.kernel.finish import right_checksums
from tests.talk import Talk, datagram

#: what real clients and servers say, of any protocol
SAID = [
    b"PORT 192,168,10,5,19,136\r\n",
    b"227 Entering Passive Mode (198,51,100,9,19,136).\r\n",
    b"EPRT |1|192.168.10.5|5000|\r\n",
    b"229 Entering Extended Passive Mode (|||5000|)\r\n",
    b"EPSV\r\nPASV\r\n",
    b"PRIVMSG you :\1DCC SEND file 3232238085 5000 100\1\r\n",
    b"PRIVMSG you :\1DCC CHAT chat 3232238085 5001\1\r\n",
    b"\0\1file\0octet\0",
    b"\0\3\0\1data",
    b"INVITE sip:b@198.51.100.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.10.5:5060;branch=z9hG4bK1\r\n"
    b"From: <sip:a@192.168.10.5>;tag=1\r\nTo: <sip:b@198.51.100.9>\r\nCall-ID: 1@192.168.10.5\r\nCSeq: 1 INVITE\r\n"
    b"Contact: <sip:a@192.168.10.5:5060>\r\nContent-Type: application/sdp\r\nContent-Length: 101\r\n\r\n"
    b"v=0\r\no=a 1 1 IN IP4 192.168.10.5\r\ns=-\r\nc=IN IP4 192.168.10.5\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.10.5:5060;branch=z9hG4bK1\r\nFrom: <sip:a@192.168.10.5>;tag=1\r\n"
    b"To: <sip:b@198.51.100.9>;tag=2\r\nCall-ID: 1@192.168.10.5\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
    b"SETUP rtsp://198.51.100.9/a RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n",
    b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001\r\n\r\n",
    bytes.fromhex("00a800011a2b3c4d00070000000100010000012c05f5e1000000000300000003004000000000000000") + bytes(127),
    bytes.fromhex("002000011a2b3c4d0008000000020001010000000000ffff0000000000000000"),
    bytes.fromhex("009c00011a2b3c4d00010000") + bytes(144),
    bytes.fromhex("009c00011a2b3c4d00020000") + bytes(144),
    bytes.fromhex("009400011a2b3c4d000d00000002") + bytes(134),
    b"REGISTER sip:198.51.100.9 SIP/2.0\r\nCSeq: 1 REGISTER\r\nm: <sip:a@192.168.10.5:5062>;expires=60\r\nl: 0\r\n\r\n",
    b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@192.168.10.5:5062>;expires=600\r\nl: 0\r\n\r\n",
    b"BYE sip:a@203.0.113.1:40000 SIP/2.0\r\nCall-ID: 1@192.168.10.5\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
    b"TEARDOWN rtsp://198.51.100.9/a RTSP/1.0\r\nCSeq: 2\r\nSession: 1\r\n\r\n",
]
CLIENT, SERVER = ("192.168.10.5", 40000), ("198.51.100.9", 2121)
OUTSIDE = "203.0.113.1"
#: addresses that anything may be opened at: the two that speak
OWN = {bytes((192, 168, 10, 5)), bytes((198, 51, 100, 9))}
RULES = """
version: 1
zones:
  wan: {{interfaces: [eth0]}}
  lan: {{interfaces: [eth1], networks: [192.168.10.0/24]}}
nat:
  - {{name: internet, masquerade: wan, from: lan}}
policy:
  lan -> wan: {{accept: "{protocol}/2121", helper: {helper}}}
"""
#: so many things are said in one story: each costs two packets
SPOKEN = 12
_HOSTS: dict[tuple[str, str], Host] = {}


def spoken(body: bytes) -> bytes:
    """One of what is really said, a few bytes of it replaced, numbers too; or the bytes alone."""
    if not body or body[0] >= 2 * len(SAID):
        return body[1:]
    raw = bytearray(SAID[body[0] % len(SAID)])
    for place in range(1, len(body) - 1, 2):
        raw[(body[place] * 7 + place) % len(raw)] = body[place + 1]
    numbers = [found.span() for found in re.finditer(rb"\d+", bytes(raw))]
    if len(body) > 6 and body[1] & 1 and numbers:
        start, end = numbers[body[2] % len(numbers)]
        raw[start:end] = str(int.from_bytes(body[3:7], "big") >> (body[1] >> 3)).encode()
    return bytes(raw)


def alone(helper: Helper, data: bytes) -> None:
    """Whatever either side says, in whatever pieces, a helper reads it without an exception, mentions only ports that
    exist, and its words for the other side are bytes that hold as much as was said, or as much again.
    """
    speech = Speech(helper.begin())
    for way, _, body in Steps(data):
        speech.payload = spoken(body)[:LONGEST]
        speech.protocol = helper.protocols()[len(body) % len(helper.protocols())]
        speech.gap, speech.original = bool(body and body[0] & 1), way
        client, seen, server = (
            Endpoint(b"\xc0\xa8\n\5", 40000),
            Endpoint(b"\xcb\0q\1", 40001),
            Endpoint(b"\xc63d\t", 21),
        )
        ends = (client, seen, server, server) if way else (server, server, seen, client)
        speech.speaker, speech.speaker_seen, speech.listener, speech.listener_seen = ends
        speech.forgets, speech.ends, speech.renews = [], [], []
        mentions = helper.read(speech)
        for mention in mentions:
            assert 0 <= mention.port <= 65535
            assert mention.timeout > 0
            assert len(mention.address) in (0, 4, 16)
        answers = [_answer(mention, len(body)) for mention in mentions]
        new = helper.rewrite(speech, mentions, answers)
        assert isinstance(new, bytes)
        assert len(new) <= 2 * len(speech.payload) + 4096


def _answer(mention: Mention, number: int) -> Endpoint | None:
    return None if number % 5 == 0 else Endpoint(b"\xcb\0q\1", 50000 + number % 100)


def through(helper: Helper, data: bytes) -> None:
    """Whatever two hosts say through a helper and address translation, both streams stay whole (numbers,
    acknowledgements, checksums), nothing is opened but at a speaker's own address from port 1024 on, no more than the
    limits waits, and in the end nothing is left.
    """
    if TCP in helper.protocols():
        host = fresh(helper, "tcp")
        talk = Talk(host, "lan", CLIENT, SERVER).connect()
        for way, pause, body in islice(Steps(data), SPOKEN):
            host.wait(min(pause, 250.0))
            talk.says(talk.client if way else talk.server, spoken(body)[:1300])
            opened(host, helper)
    if UDP in helper.protocols():
        host = fresh(helper, "udp")
        for way, pause, body in islice(Steps(data), SPOKEN):
            host.wait(pause)
            zone, ends = ("lan", (CLIENT, SERVER)) if way else ("wan", (SERVER, (OUTSIDE, CLIENT[1])))
            _, left = host.cross(zone, datagram(*ends, spoken(body)[:1300]))
            assert not left or right_checksums(left)
            opened(host, helper)
    host.wait(FOREVER)
    empty(host.engine)
    assert host.engine.expectations.count == 0
    assert not host.engine.expectations.waiting


def opened(host: Host, helper: Helper) -> None:
    """What waits is within every limit, and is for who may ask for it."""
    whole(host.engine, host.now, 64)
    waiting = host.engine.expectations.all()
    assert len(waiting) == host.engine.expectations.count <= MOST
    assert sum(map(len, host.engine.expectations.waiting.values())) == len(waiting)
    for (_, kind), count in Counter((int(one.master.identity), int(one.kind)) for one in waiting).items():
        assert count <= helper.most(kind)
    for one in waiting:
        assert one.inside in OWN
        assert one.inside_port >= 1024 or one.place[0] == GRE
        assert one.deadline > host.now - 1.0


def can_be_named(helper: Helper) -> bool:
    """Whether a rule may name it already."""
    try:
        for number in helper.protocols():
            fresh(helper, "tcp" if number == TCP else "udp")
    except PolicyError:
        return False
    return True


def fresh(helper: Helper, protocol: str) -> Host:
    """A gateway whose rule names the helper, and which has seen nothing."""
    found = _HOSTS.get((helper.name(), protocol))
    if found is None:
        found = _HOSTS[helper.name(), protocol] = Host(RULES.format(protocol=protocol, helper=helper.name()))
    found.forget()
    return found
