"""PPTP through the engine: calls of several hosts, their GRE in both directions, and what ends them."""

from __future__ import annotations

import struct

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import GRE, GRE_PPTP

from conntrack.helper.pptp import control
from tests.host import Host
from tests.talk import Talk, layer
from tests.unit.helper.test_pptp_control import message

SERVER = "198.51.100.7"
GATEWAY = "203.0.113.1"
RULES = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {masquerade: wan, from: [lan]}
policy:
  lan -> wan:
    - {accept: tcp/1723, helper: pptp}
"""


def frame(source: str, target: str, call: int) -> bytes:
    return bytes(IP(src=source, dst=target) / GRE_PPTP(call_id=call) / b"ppp")


class Dialled:
    """A host inside that dialled the server: `own` is its identifier, `told` what the server knows it by."""

    def __init__(self, host: Host, address: str, own: int, theirs: int) -> None:
        self.host, self.address, self.own, self.theirs = host, address, own, theirs
        self.talk = talk = Talk(host, "lan", (address, 40000), (SERVER, 1723)).connect()
        talk.says(talk.client, message(control.START_REQUEST))
        talk.says(talk.server, message(control.START_REPLY))
        request = talk.says(talk.client, message(control.OUTGOING_REQUEST, struct.pack("!H", own)))
        (self.told,) = struct.unpack_from("!H", request, 12)
        reply = message(control.OUTGOING_REPLY, struct.pack("!HHB", theirs, self.told, 1))
        assert struct.unpack_from("!HH", talk.says(talk.server, reply), 12) == (theirs, own)

    def up(self) -> tuple[str, int] | None:
        """A frame to the server: from whom and for which call it arrives there."""
        return crossed(self.host, "lan", frame(self.address, SERVER, self.theirs), SERVER)

    def down(self) -> tuple[str, int] | None:
        """A frame from the server: from whom and for which call it arrives inside."""
        return crossed(self.host, "wan", frame(SERVER, GATEWAY, self.told), self.address)


def crossed(host: Host, zone: str, raw: bytes, target: str) -> tuple[str, int] | None:
    _, out = host.cross(zone, raw)
    if not out:
        return None
    packet = layer(out)
    assert packet.dst == target
    return packet.src, packet[GRE_PPTP].call_id


@pytest.fixture
def host() -> Host:
    return Host(RULES)


def test_a_call_in_both_directions(host: Host) -> None:
    call = Dialled(host, "192.168.10.5", 7, 900)
    assert call.up() == (GATEWAY, 900)
    assert call.down() == (SERVER, 7)


@pytest.mark.parametrize("theirs", [900, 901])
def test_two_hosts_with_the_same_identifier(host: Host, theirs: int) -> None:
    """Whatever the server calls them: it tells the calls apart by the identifiers that it was told."""
    first = Dialled(host, "192.168.10.5", 7, 900)
    second = Dialled(host, "192.168.10.6", 7, 901)
    assert first.told != second.told
    for call in (first, second, first):
        assert call.up() == (GATEWAY, call.theirs)
        assert call.down() == (SERVER, 7)


def test_other_calls_and_other_gre_do_not_pass(host: Host) -> None:
    call = Dialled(host, "192.168.10.5", 7, 900)
    for zone, raw in (
        ("wan", frame(SERVER, GATEWAY, call.told ^ 1)),
        ("wan", frame("198.51.100.8", GATEWAY, call.told)),
        ("wan", bytes(IP(src=SERVER, dst=GATEWAY) / GRE(proto=0x0800) / b"x")),
        ("lan", frame(call.address, SERVER, 901)),
        ("lan", frame("192.168.10.6", SERVER, 900)),
    ):
        assert host.cross(zone, raw)[1] == b""


def test_the_end_of_the_call_ends_its_data(host: Host) -> None:
    call = Dialled(host, "192.168.10.5", 7, 900)
    assert call.up() and call.down()
    call.talk.says(call.talk.server, message(control.DISCONNECT_NOTIFY, struct.pack("!H", 900)))
    assert (call.up(), call.down()) == (None, None)
    assert len(host.engine.table) == 1


def test_silence_does_not_end_a_call_while_echoes_go_on(host: Host) -> None:
    call = Dialled(host, "192.168.10.5", 7, 900)
    for _ in range(20):
        host.wait(60)
        call.talk.says(call.talk.client, message(control.ECHO_REQUEST))
        call.talk.says(call.talk.server, message(control.ECHO_REPLY))
    assert call.down() == (SERVER, 7)
    assert call.up() == (GATEWAY, 900)


def test_a_dead_control_connection_lets_its_calls_go(host: Host) -> None:
    call = Dialled(host, "192.168.10.5", 7, 900)
    host.wait(601)
    assert (call.up(), call.down()) == (None, None)


def test_an_error_about_a_frame_reaches_who_sent_it(host: Host) -> None:
    call = Dialled(host, "192.168.10.5", 7, 900)
    _, sent = host.cross("lan", frame(call.address, SERVER, 900))
    error = bytes(IP(src="198.51.100.1", dst=GATEWAY) / ICMP(type=3, code=4, nexthopmtu=1400) / sent[:28])
    zone, out = host.cross("wan", error)
    assert zone == "lan"
    packet = layer(out)
    assert packet.dst == call.address
    quoted = IP(bytes(packet[ICMP].payload))
    assert (quoted.src, quoted.dst) == (call.address, SERVER)


def test_without_the_helper_nothing_is_opened() -> None:
    host = Host(RULES.replace(", helper: pptp", ""))
    talk = Talk(host, "lan", ("192.168.10.5", 40000), (SERVER, 1723)).connect()
    talk.says(talk.client, message(control.START_REQUEST))
    talk.says(talk.server, message(control.START_REPLY))
    request = message(control.OUTGOING_REQUEST, struct.pack("!H", 7))
    assert talk.says(talk.client, request) == request
    assert host.cross("wan", frame(SERVER, GATEWAY, 7))[1] == b""
