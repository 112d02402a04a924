"""RTSP through the engine: a camera outside, a camera inside, and a rule that names the service."""

from __future__ import annotations

from scapy.layers.inet import UDP

from tests.host import Host
from tests.talk import Talk, datagram, layer
from tests.unit.helper.test_rtsp_helper import ok, setup

GATEWAY = "203.0.113.1"
SERVER = "198.51.100.7"
PLAYER = "192.168.10.5"
RULES = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {masquerade: wan, from: [lan]}
  - {forward: rtsp, at: wan, to: 192.168.10.20}
policy:
  lan -> wan:
    - {accept: rtsp}
"""
OFFER = "RTP/AVP;unicast;client_port={}-{}"


def crossed(host: Host, zone: str, source: tuple[str, int], target: tuple[str, int]) -> tuple[str, int] | None:
    """A datagram of media: where it arrives."""
    _, out = host.cross(zone, datagram(source, target, b"rtp"))
    if not out:
        return None
    packet = layer(out)
    return packet.dst, packet[UDP].dport


def port_of(text: bytes, name: bytes) -> int:
    return int(text.partition(name + b"=")[2].partition(b"-")[0])


def test_a_film_from_outside() -> None:
    host = Host(RULES)
    talk = Talk(host, "lan", (PLAYER, 41000), (SERVER, 554)).connect()
    asked = talk.says(talk.client, setup(OFFER.format(4588, 4589)))
    port = port_of(asked, b"client_port")
    answer = ok(OFFER.format(port, port + 1) + ";server_port=6256-6257")
    assert talk.says(talk.server, answer) == ok(OFFER.format(4588, 4589) + ";server_port=6256-6257")
    assert crossed(host, "wan", (SERVER, 6256), (GATEWAY, port)) == (PLAYER, 4588)
    assert crossed(host, "lan", (PLAYER, 4589), (SERVER, 6257)) == (SERVER, 6257)
    assert crossed(host, "wan", (SERVER, 6257), (GATEWAY, port + 1)) == (PLAYER, 4589)
    assert crossed(host, "wan", ("198.51.100.8", 6256), (GATEWAY, port + 1)) is None
    talk.says(talk.client, b"TEARDOWN rtsp://h/a RTSP/1.0\r\nCSeq: 9\r\nSession: 12345678\r\n\r\n")
    assert crossed(host, "wan", (SERVER, 6256), (GATEWAY, port)) is None


def test_a_camera_inside() -> None:
    host = Host(RULES)
    talk = Talk(host, "wan", (SERVER, 41000), (GATEWAY, 554)).connect()
    talk.says(talk.client, setup(OFFER.format(4588, 4589)))
    answer = OFFER.format(4588, 4589) + ";source=192.168.10.20;server_port=6256-6257"
    told = talk.says(talk.server, ok(answer))
    port = port_of(told, b"server_port")
    assert b"source=203.0.113.1" in told
    assert crossed(host, "lan", ("192.168.10.20", 6256), (SERVER, 4588)) == (SERVER, 4588)
    assert crossed(host, "wan", (SERVER, 4589), (GATEWAY, port + 1)) == ("192.168.10.20", 6257)


def test_a_port_of_a_service_is_not_opened() -> None:
    host = Host(RULES)
    talk = Talk(host, "lan", (PLAYER, 41000), (SERVER, 554)).connect()
    said = setup(OFFER.format(22, 23))
    assert talk.says(talk.client, said) == said
    assert host.engine.expectations.count == 0
