"""SIP through the engine: what the peers read, what of their media passes, and for how long."""

from __future__ import annotations

import re

import pytest
from scapy.layers.inet import UDP

from tests.host import Host
from tests.talk import Talk, datagram, layer
from tests.unit.helper.test_sip_helper import message

PHONE = ("192.168.10.5", 5060)
PROXY = ("198.51.100.7", 5060)
GATEWAY = "203.0.113.1"
RULES = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}
nat:
  - {masquerade: wan, from: [lan]}
policy:
  lan -> wan:
    - {accept: sip}
"""
BODY = "v=0\no=- 1 1 IN IP4 {0}\ns=-\nc=IN IP4 {0}\nt=0 0\nm=audio {1} RTP/AVP 0\n"


def invite(address: str, port: int, method: str = "INVITE", call: str = "c1") -> bytes:
    return message(
        f"{method} sip:bob@198.51.100.7 SIP/2.0",
        f"""Via: SIP/2.0/UDP 192.168.10.5:5060;branch=z9
        Call-ID: {call}
        CSeq: 1 {method}
        Contact: <sip:alice@192.168.10.5>""",
        BODY.format(address, port) if port else "",
    )


def accepted(port: int, method: str = "INVITE", address: str = PROXY[0]) -> bytes:
    body = BODY.format(address, port) if port else ""
    return message("SIP/2.0 200 OK", f"Call-ID: c1\nCSeq: 1 {method}\nContact: <sip:bob@198.51.100.7>", body)


class Phone:
    """The phone inside, the proxy outside, and the gateway between them."""

    def __init__(self, rules: str = RULES) -> None:
        self.host = Host(rules)
        self.source: tuple[str, int] = PHONE

    def out(self, payload: bytes, source: tuple[str, int] = PHONE, target: tuple[str, int] = PROXY) -> bytes:
        """A datagram from inside, as it arrives outside; b"" where it does not."""
        return self._cross("lan", datagram(source, target, payload))

    def back(self, payload: bytes, target: tuple[str, int], source: tuple[str, int] = PROXY) -> bytes:
        """A datagram from outside, as it arrives inside; b"" where it does not."""
        return self._cross("wan", datagram(source, target, payload))

    def _cross(self, zone: str, raw: bytes) -> bytes:
        _, out = self.host.cross(zone, raw)
        if not out:
            return b""
        packet = layer(out)
        self.source = (packet.src, packet[UDP].sport)
        self.target = (packet.dst, packet[UDP].dport)
        return bytes(packet[UDP].payload)


def media_of(text: bytes) -> tuple[str, int]:
    address = re.search(rb"^c=IN IP[46] (\S+)", text, re.MULTILINE)
    port = re.search(rb"^m=audio (\d+)", text, re.MULTILINE)
    assert address and port, text
    return address[1].decode(), int(port[1])


@pytest.fixture
def phone() -> Phone:
    return Phone()


class TestCall:
    def test_media_pass_both_ways_whoever_begins(self, phone: Phone) -> None:
        told = media_of(phone.out(invite(PHONE[0], 7078)))
        assert told[0] == GATEWAY and told[1] % 2 == 0
        phone.back(accepted(6000), (GATEWAY, 5060))
        assert phone.back(b"rtp", told, (PROXY[0], 6000)) == b"rtp"
        assert phone.target == (PHONE[0], 7078)
        assert phone.out(b"rtp", (PHONE[0], 7078), (PROXY[0], 6000)) == b"rtp"
        assert phone.source == told
        assert phone.out(b"rtcp", (PHONE[0], 7079), (PROXY[0], 6001)) == b"rtcp"
        assert phone.source == (told[0], told[1] + 1)
        assert phone.back(b"rtcp", (told[0], told[1] + 1), (PROXY[0], 6001)) == b"rtcp"

    def test_what_nobody_announced_does_not_pass(self, phone: Phone) -> None:
        told = media_of(phone.out(invite(PHONE[0], 7078)))
        assert phone.back(b"x", told, ("198.51.100.8", 6000)) == b""
        assert phone.back(b"x", (told[0], told[1] + 2)) == b""
        assert phone.out(b"x", (PHONE[0], 7078), (PROXY[0], 6000)) == b""  # no answer yet
        phone.back(accepted(6000), (GATEWAY, 5060))
        assert phone.out(b"x", (PHONE[0], 7078), (PROXY[0], 6002)) == b""
        assert phone.out(b"x", ("192.168.10.6", 7078), (PROXY[0], 6000)) == b""

    def test_a_media_server_elsewhere_answers_where_it_was_told_to(self) -> None:
        """Nothing is opened for it; a rule lets the phone begin, which then is seen at the port that was announced."""
        phone = Phone(RULES.replace("accept: sip", "accept: [sip, udp/16384-32767]"))
        told = media_of(phone.out(invite(PHONE[0], 7078)))
        phone.back(accepted(20000, address="198.51.100.99"), (GATEWAY, 5060))
        assert phone.back(b"rtp", told, ("198.51.100.99", 20000)) == b""
        assert phone.out(b"rtp", (PHONE[0], 7078), ("198.51.100.99", 20000)) == b"rtp"
        assert phone.source == told
        assert phone.back(b"rtp", told, ("198.51.100.99", 20000)) == b"rtp"

    @pytest.mark.parametrize("who", ["phone", "proxy"])
    def test_hanging_up_ends_media_that_run_and_that_wait(self, phone: Phone, who: str) -> None:
        told = media_of(phone.out(invite(PHONE[0], 7078)))
        phone.back(accepted(6000), (GATEWAY, 5060))
        assert phone.back(b"rtp", told, (PROXY[0], 6000))
        assert len(phone.host.engine.table) == 2
        bye = invite(PHONE[0], 0, "BYE")
        assert phone.out(bye) if who == "phone" else phone.back(bye, (GATEWAY, 5060))
        assert phone.back(b"rtp", told, (PROXY[0], 6000)) == b""
        assert phone.back(b"rtcp", (told[0], told[1] + 1), (PROXY[0], 6001)) == b""
        assert len(phone.host.engine.table) == 1
        assert phone.host.engine.expectations.count == 0

    def test_another_call_of_the_same_phone_goes_on(self, phone: Phone) -> None:
        first = media_of(phone.out(invite(PHONE[0], 7078)))
        second = media_of(phone.out(invite(PHONE[0], 7088, call="c2")))
        assert first[1] != second[1]
        phone.out(invite(PHONE[0], 0, "BYE"))
        assert phone.back(b"rtp", first) == b""
        assert phone.back(b"rtp", second) == b"rtp"

    def test_a_second_invite_of_the_call_is_told_the_same(self, phone: Phone) -> None:
        first = phone.out(invite(PHONE[0], 7078))
        phone.back(accepted(6000), (GATEWAY, 5060))
        assert phone.back(b"rtp", media_of(first), (PROXY[0], 6000))
        assert phone.out(invite(PHONE[0], 7078)) == first
        assert phone.back(b"rtp", media_of(first), (PROXY[0], 6000))

    def test_two_phones_with_the_same_ports(self, phone: Phone) -> None:
        other = ("192.168.10.6", 5060)
        first = media_of(phone.out(invite(PHONE[0], 7078)))
        second = media_of(phone.out(invite(other[0], 7078, call="c2"), other))
        assert first[1] != second[1] and second[1] % 2 == 0
        assert phone.back(b"rtp", second)
        assert phone.target == (other[0], 7078)

    def test_media_that_never_begin_are_forgotten(self, phone: Phone) -> None:
        told = media_of(phone.out(invite(PHONE[0], 7078)))
        phone.host.wait(181)
        assert phone.back(b"rtp", told) == b""

    def test_a_call_on_hold_keeps_its_signalling(self, phone: Phone) -> None:
        phone.out(invite(PHONE[0], 7078))
        phone.back(accepted(6000), (GATEWAY, 5060))
        phone.host.wait(3000)
        assert phone.back(invite(PHONE[0], 0, "BYE"), (GATEWAY, 5060))

    def test_ipv6_is_opened_without_translation(self) -> None:
        phone = Phone()
        source, target = ("fd10::5", 5060), ("2001:db8:113::7", 5060)
        body = invite(PHONE[0], 7078).replace(b"IP4", b"IP6").replace(b"192.168.10.5", b"fd10::5")
        said = body.replace(b"[fd10::5]", b"fd10::5")
        size = len(said.partition(b"\r\n\r\n")[2])
        said = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % size, said)
        said = said.replace(b"UDP fd10::5", b"UDP [fd10::5]").replace(b"@fd10::5", b"@[fd10::5]")
        assert phone.out(said, source, target) == said
        assert phone.back(b"rtp", ("fd10::5", 7078), ("2001:db8:113::7", 6000)) == b"rtp"
        assert phone.back(b"rtp", ("fd10::5", 7080), ("2001:db8:113::7", 6000)) == b""


class TestAbuse:
    @pytest.mark.parametrize("address", ["192.168.10.6", "192.168.10.1", "203.0.113.1", "198.51.100.7", "127.0.0.1"])
    def test_a_phone_cannot_open_another_host(self, phone: Phone, address: str) -> None:
        phone.out(invite(address, 7078))
        opened = phone.host.engine.expectations.all()
        assert all(one.inside == bytes((192, 168, 10, 5)) for one in opened)

    @pytest.mark.parametrize("port", [1, 22, 80, 1022])
    def test_nor_a_port_of_a_service(self, phone: Phone, port: int) -> None:
        phone.out(invite(PHONE[0], port))
        assert phone.host.engine.expectations.count == 0

    @pytest.mark.parametrize("address", ["192.168.10.5", "203.0.113.1", "192.168.10.6"])
    def test_a_proxy_cannot_open_the_inside(self, phone: Phone, address: str) -> None:
        phone.out(invite(PHONE[0], 0, "OPTIONS"))
        phone.back(accepted(7078, address=address), (GATEWAY, 5060))
        assert phone.host.engine.expectations.count == 0

    def test_a_thousand_media_wait_no_more_than_allowed(self, phone: Phone) -> None:
        for port in range(2000, 4000, 2):
            phone.out(invite(PHONE[0], port, call=f"c{port}"))
        assert phone.host.engine.expectations.count <= 64

    def test_no_helper_without_a_rule_that_names_it(self) -> None:
        phone = Phone(RULES.replace("accept: sip", "accept: udp/5060"))
        said = invite(PHONE[0], 7078)
        assert phone.out(said) == said
        assert phone.host.engine.expectations.count == 0


def register(contact: str) -> bytes:
    return message(
        "REGISTER sip:198.51.100.7 SIP/2.0",
        f"Via: SIP/2.0/UDP 192.168.10.5:5060;branch=z9\nCall-ID: r1\nCSeq: 1 REGISTER\nContact: {contact}",
    )


def agreed(contact: str) -> bytes:
    return message("SIP/2.0 200 OK", f"Call-ID: r1\nCSeq: 1 REGISTER\nContact: {contact}")


def contact_of(text: bytes) -> tuple[str, int]:
    found = re.search(rb"^Contact: <sip:alice@([0-9.]+):?(\d*)", text, re.MULTILINE)
    assert found, text
    return found[1].decode(), int(found[2] or b"5060")


class TestRegistration:
    def test_the_registrar_reaches_the_phone_as_long_as_it_agreed_to(self, phone: Phone) -> None:
        told = contact_of(phone.out(register("<sip:alice@192.168.10.5:5062>;expires=3600")))
        back = phone.back(agreed(f"<sip:alice@{told[0]}:{told[1]}>;expires=600"), (GATEWAY, 5060))
        assert contact_of(back) == (PHONE[0], 5062)
        phone.host.wait(500)
        call = message(f"INVITE sip:alice@{told[0]}:{told[1]} SIP/2.0", "Call-ID: in\nCSeq: 1 INVITE", "")
        heard = phone.back(call, told, (PROXY[0], 5070))
        assert heard.startswith(b"INVITE sip:alice@192.168.10.5:5062 SIP/2.0\r\n")
        assert phone.target == (PHONE[0], 5062)
        answer = phone.out(
            message("SIP/2.0 200 OK", "Call-ID: in\nCSeq: 1 INVITE", BODY.format(PHONE[0], 7078)),
            (PHONE[0], 5062),
            (PROXY[0], 5070),
        )
        assert phone.back(b"rtp", media_of(answer)) == b"rtp"  # the called connection has a helper of its own
        phone.host.wait(700)
        assert phone.back(call, told, (PROXY[0], 5071)) == b""

    def test_where_it_speaks_from_is_kept_open(self, phone: Phone) -> None:
        told = contact_of(phone.out(register("<sip:alice@192.168.10.5>")))
        phone.back(agreed(f"<sip:alice@{told[0]}:{told[1]}>;expires=900"), (GATEWAY, 5060))
        phone.host.wait(800)
        assert phone.back(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", told)
        assert phone.target == PHONE

    def test_what_the_registrar_does_not_agree_to_is_closed_soon(self, phone: Phone) -> None:
        told = contact_of(phone.out(register("<sip:alice@192.168.10.5:5062>")))
        phone.back(message("SIP/2.0 401 Unauthorized", "Call-ID: r1\nCSeq: 1 REGISTER"), (GATEWAY, 5060))
        phone.host.wait(29)
        phone.out(invite(PHONE[0], 0, "OPTIONS"))
        phone.host.wait(4)
        assert phone.back(b"x", told) == b""

    def test_registering_again_without_an_answer_shortens_nothing(self, phone: Phone) -> None:
        told = contact_of(phone.out(register("<sip:alice@192.168.10.5:5062>")))
        phone.back(agreed(f"<sip:alice@{told[0]}:{told[1]}>;expires=600"), (GATEWAY, 5060))
        phone.host.wait(300)
        assert contact_of(phone.out(register("<sip:alice@192.168.10.5:5062>"))) == told
        phone.host.wait(100)
        assert phone.back(b"x", told) == b"x"

    def test_only_the_registrar_may_call(self, phone: Phone) -> None:
        told = contact_of(phone.out(register("<sip:alice@192.168.10.5:5062>")))
        phone.back(agreed(f"<sip:alice@{told[0]}:{told[1]}>;expires=600"), (GATEWAY, 5060))
        assert phone.back(b"x", told, ("198.51.100.66", 5060)) == b""

    def test_taken_back(self, phone: Phone) -> None:
        told = contact_of(phone.out(register("<sip:alice@192.168.10.5:5062>")))
        phone.out(register("<sip:alice@192.168.10.5:5062>;expires=0"))
        assert phone.back(b"x", told) == b""


class TestInside:
    RULES = RULES.replace("policy:", "  - {forward: sip, at: wan, to: 192.168.10.20}\npolicy:")

    def test_a_server_behind_a_forward_is_told_as_it_is_seen(self) -> None:
        phone = Phone(self.RULES)
        call = message(
            f"INVITE sip:office@{GATEWAY} SIP/2.0", "Call-ID: c1\nCSeq: 1 INVITE", BODY.format(PROXY[0], 6000)
        )
        heard = phone.back(call, (GATEWAY, 5060))
        assert phone.target == ("192.168.10.20", 5060)
        assert heard.startswith(b"INVITE sip:office@192.168.10.20 SIP/2.0\r\n")
        answer = message("SIP/2.0 200 OK", "Call-ID: c1\nCSeq: 1 INVITE", BODY.format("192.168.10.20", 7078))
        told = media_of(phone.out(answer, ("192.168.10.20", 5060)))
        assert told[0] == GATEWAY
        assert phone.back(b"rtp", told, (PROXY[0], 6000)) == b"rtp"
        assert phone.target == ("192.168.10.20", 7078)
        assert phone.out(b"rtp", ("192.168.10.20", 7078), (PROXY[0], 6000)) == b"rtp"
        assert phone.source == told


class TestTcp:
    def test_a_call_over_tcp_with_its_numbers(self) -> None:
        phone = Phone()
        talk = Talk(phone.host, "lan", (PHONE[0], 33333), PROXY).connect()
        heard = talk.says(talk.client, invite(PHONE[0], 7078) + invite(PHONE[0], 7088, call="c2"))
        first, second = (media_of(part) for part in heard.split(b"INVITE sip:")[1:])
        talk.says(talk.server, accepted(6000))
        assert phone.back(b"rtp", first, (PROXY[0], 6000)) and phone.back(b"rtp", second, (PROXY[0], 6002))
        talk.says(talk.client, invite(PHONE[0], 0, "BYE"))
        assert phone.back(b"rtp", first, (PROXY[0], 6000)) == b""
        assert phone.back(b"rtp", second, (PROXY[0], 6002)) == b"rtp"

    def test_a_message_over_two_segments_does_no_harm(self) -> None:
        phone = Phone()
        talk = Talk(phone.host, "lan", (PHONE[0], 33333), PROXY).connect()
        said = invite(PHONE[0], 7078)
        assert talk.says(talk.client, said[:200]) == said[:200]
        assert talk.says(talk.client, said[200:]) == said[200:]
        assert media_of(talk.says(talk.client, invite(PHONE[0], 7088)))[0] == GATEWAY

    def test_what_a_web_page_can_make_a_browser_send_opens_nothing(self) -> None:
        phone = Phone()
        talk = Talk(phone.host, "lan", (PHONE[0], 33333), PROXY).connect()
        talk.says(talk.client, b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n".ljust(1400, b"x"))
        said = register("<sip:alice@192.168.10.5:5432>")
        assert talk.says(talk.client, said) == said
        assert phone.host.engine.expectations.count == 0
