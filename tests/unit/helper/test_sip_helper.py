"""SIP as message traces: what is announced, what the other side reads, and what a hostile one gets."""

from __future__ import annotations

import pytest

from conntrack.helper.sip.helper import SipHelper
from conntrack.helper.sip.kinds import ANSWER_SECONDS, MEDIA, SIGNALLING
from conntrack.packet.header import TCP, UDP
from tests.unit.helper.conversation import Conversation

SDP = """v=0
o=alice 1 1 IN IP4 {address}
s=-
c=IN IP4 {address}
t=0 0
m=audio {port} RTP/AVP 0
"""


def message(start: str, headers: str = "", body: str = "") -> bytes:
    lines = [start, *headers.strip().splitlines()]
    if body:
        body = body.replace("\n", "\r\n")
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(line.strip() for line in lines) + "\r\n\r\n" + body).encode()


def invite(body: str, call: str = "a1@192.168.1.2", method: str = "INVITE") -> bytes:
    return message(
        f"{method} sip:bob@198.51.100.7 SIP/2.0",
        f"""Via: SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bK1;rport
        From: <sip:alice@192.168.1.2>;tag=1
        To: <sip:bob@198.51.100.7>
        Call-ID: {call}
        CSeq: 1 {method}
        Contact: <sip:alice@192.168.1.2:5060>""",
        body,
    )


def answer(status: int, body: str = "", call: str = "a1@192.168.1.2", method: str = "INVITE") -> bytes:
    return message(
        f"SIP/2.0 {status} Whatever",
        f"""Via: SIP/2.0/UDP 203.0.113.5:40000;branch=z9hG4bK1;received=203.0.113.5;rport=40000
        Call-ID: {call}
        CSeq: 1 {method}
        Contact: <sip:bob@198.51.100.7>""",
        body,
    )


def sdp(address: str = "192.168.1.2", port: int = 7078) -> str:
    return SDP.format(address=address, port=port)


def lines(text: bytes) -> list[str]:
    return text.decode().split("\r\n")


def body_of(text: bytes) -> bytes:
    return text.partition(b"\r\n\r\n")[2]


@pytest.fixture
def talk() -> Conversation:
    return Conversation(SipHelper(), UDP, (5060, 40000, 5060))


class TestCall:
    def test_an_offer_is_told_with_outside_addresses_and_ports(self, talk: Conversation) -> None:
        heard = talk.lan(invite(sdp()))
        assert talk.opened() == [(7078, 2)]
        (media,) = talk.mentions
        assert (media.even, media.kind, media.anybody, media.permanent, media.helper) == (True, MEDIA, False, False, "")
        said = lines(heard)
        assert said[0] == "INVITE sip:bob@198.51.100.7 SIP/2.0"
        assert said[1] == "Via: SIP/2.0/UDP 203.0.113.5:40000;branch=z9hG4bK1;rport"
        assert "Contact: <sip:alice@203.0.113.5:40000>" in said
        assert "From: <sip:alice@192.168.1.2>;tag=1" in said
        assert body_of(heard).decode().replace("\r\n", "\n") == sdp("203.0.113.5", 50000)
        assert f"Content-Length: {len(body_of(heard))}" in said

    def test_an_answer_comes_back_to_who_asked(self, talk: Conversation) -> None:
        talk.lan(invite(sdp()))
        heard = talk.wan(answer(200, sdp("198.51.100.7", 6000)))
        assert talk.opened() == [(6000, 2)]
        said = lines(heard)
        assert said[1] == "Via: SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bK1;received=192.168.1.2;rport=5060"
        assert "Contact: <sip:bob@198.51.100.7>" in said
        assert body_of(heard) == body_of(answer(200, sdp("198.51.100.7", 6000)))

    def test_a_request_from_outside_is_addressed_to_the_phone_again(self, talk: Conversation) -> None:
        talk.lan(invite(sdp()))
        heard = talk.wan(message("BYE sip:alice@203.0.113.5:40000 SIP/2.0", "Call-ID: a1@192.168.1.2\nCSeq: 2 BYE"))
        assert lines(heard)[0] == "BYE sip:alice@192.168.1.2:5060 SIP/2.0"

    def test_a_second_invite_of_the_call_keeps_its_ports(self, talk: Conversation) -> None:
        first = talk.lan(invite(sdp()))
        assert talk.lan(invite(sdp())) == first

    def test_without_translation_nothing_changes_and_media_are_announced(self) -> None:
        talk = Conversation(SipHelper(), UDP, (5060, 5060, 5060), nat=False)
        said = invite(sdp())
        assert talk.lan(said) == said
        assert talk.opened() == [(7078, 2)]

    @pytest.mark.parametrize("end", ["BYE", "CANCEL"])
    def test_its_end_takes_back_what_it_opened(self, talk: Conversation, end: str) -> None:
        talk.lan(invite(sdp()))
        talk.lan(invite("", method=end))
        assert talk.speech.forgets == talk.speech.ends == [talk_group()]

    def test_a_refusal_takes_back_what_the_offer_opened(self, talk: Conversation) -> None:
        talk.lan(invite(sdp()))
        talk.wan(answer(486))
        assert talk.speech.ends == [talk_group()]

    def test_a_refused_change_leaves_an_accepted_call_alone(self, talk: Conversation) -> None:
        talk.lan(invite(sdp()))
        talk.wan(answer(200, sdp("198.51.100.7", 6000)))
        talk.lan(invite(sdp(port=9000)))
        talk.wan(answer(488))
        assert talk.speech.ends == []
        assert talk.speech.memory.lasting == 3600.0

    def test_a_change_taken_back_leaves_an_accepted_call_alone(self, talk: Conversation) -> None:
        talk.lan(invite(sdp()))
        talk.wan(answer(200, sdp("198.51.100.7", 6000)))
        talk.lan(invite(sdp(port=9000)))
        talk.lan(invite("", method="CANCEL"))
        assert talk.speech.ends == []
        talk.wan(message("BYE sip:alice@203.0.113.5:40000 SIP/2.0", "Call-ID: a1@192.168.1.2\nCSeq: 2 BYE"))
        assert talk.speech.ends == [talk_group()]

    def test_credentials_asked_for_once_more_do_not_end_the_call_that_brought_them(self, talk: Conversation) -> None:
        talk.lan(invite(sdp()))
        talk.wan(answer(407))
        assert talk.speech.ends == [talk_group()]
        talk.lan(invite(sdp()).replace(b"CSeq: 1", b"CSeq: 2"))
        talk.wan(answer(407))
        assert talk.speech.ends == []

    def test_several_media_rtcp_of_its_own_and_fax(self, talk: Conversation) -> None:
        body = sdp() + (
            "a=rtcp:7079\nm=video 7082 RTP/AVP 31\na=rtcp:9001 IN IP4 192.168.1.2\n"
            "m=image 7090 udptl t38\nm=audio 0 RTP/AVP 0\nm=audio 7095 RTP/AVP 0\nm=message 7096 TCP/MSRP *\n"
        )
        heard = talk.lan(invite(body))
        assert talk.opened() == [(7078, 2), (7082, 1), (9001, 1), (7090, 1), (7095, 2)]
        said = lines(heard)
        for line in (
            "m=audio 50000 RTP/AVP 0",
            "a=rtcp:50001",
            "m=video 50002 RTP/AVP 31",
            "a=rtcp:50003 IN IP4 203.0.113.5",
            "m=image 50004 udptl t38",
            "m=audio 0 RTP/AVP 0",
            "m=audio 50005 RTP/AVP 0",
            "m=message 7096 TCP/MSRP *",
        ):
            assert line in said

    def test_an_address_of_its_own_for_one_medium(self, talk: Conversation) -> None:
        body = sdp("198.51.100.99") + "c=IN IP4 192.168.1.2\n"
        heard = talk.lan(invite(body))
        assert talk.opened() == [(7078, 2)]
        assert lines(heard)[-2] == "c=IN IP4 203.0.113.5"
        assert "c=IN IP4 198.51.100.99" in lines(heard)


def talk_group() -> bytes:
    return b"call a1@192.168.1.2"


class TestRegistration:
    REGISTER = """Via: SIP/2.0/UDP 192.168.1.2:5060;branch=1
        Call-ID: r1
        CSeq: 1 REGISTER
        """

    def register(self, contact: str) -> bytes:
        return message("REGISTER sip:198.51.100.7 SIP/2.0", self.REGISTER + contact)

    def test_where_the_phone_listens_is_opened_to_the_registrar_until_it_agrees(self, talk: Conversation) -> None:
        heard = talk.lan(self.register("Contact: <sip:alice@192.168.1.2:5062>"))
        (contact,) = talk.mentions
        assert (contact.protocol, contact.port, contact.kind) == (UDP, 5062, SIGNALLING)
        assert (contact.permanent, contact.anybody, contact.helper) == (True, False, "sip")
        assert contact.timeout == ANSWER_SECONDS
        assert "Contact: <sip:alice@203.0.113.5:50000>" in lines(heard)

    def test_the_registrars_answer_says_for_how_long(self, talk: Conversation) -> None:
        talk.lan(self.register("Contact: <sip:alice@192.168.1.2:5062>;expires=3600"))
        group = talk.mentions[0].group
        heard = talk.wan(
            message("SIP/2.0 200 OK", "Call-ID: r1\nCSeq: 1 REGISTER\nm: <sip:alice@203.0.113.5:50000>;expires=600")
        )
        assert "m: <sip:alice@192.168.1.2:5062>;expires=600" in lines(heard)
        assert talk.speech.renews == [(group, 600.0)]
        assert talk.speech.memory.lasting == 600.0

    def test_the_port_that_it_speaks_from_is_the_translated_one(self, talk: Conversation) -> None:
        heard = talk.lan(self.register("Contact: <sip:alice@192.168.1.2>\nExpires: 60"))
        assert "Contact: <sip:alice@203.0.113.5:40000>" in lines(heard)
        talk.wan(message("SIP/2.0 200 OK", "CSeq: 1 REGISTER\nContact: <sip:alice@203.0.113.5:40000>\nExpires: 60"))
        assert [seconds for _, seconds in talk.speech.renews] == [60.0]

    def test_a_challenge_agrees_to_nothing(self, talk: Conversation) -> None:
        talk.lan(self.register("Contact: <sip:alice@192.168.1.2:5062>"))
        talk.wan(message("SIP/2.0 401 Unauthorized", "CSeq: 1 REGISTER\nContact: <sip:alice@203.0.113.5:50000>"))
        assert talk.speech.renews == []

    def test_no_longer_than_a_day(self, talk: Conversation) -> None:
        talk.lan(self.register("Contact: <sip:alice@192.168.1.2:5062>"))
        talk.wan(message("SIP/2.0 200 OK", "CSeq: 1 REGISTER\nContact: <sip:a@203.0.113.5:50000>;expires=4294967295"))
        assert [seconds for _, seconds in talk.speech.renews] == [86400.0]

    def test_taken_back(self, talk: Conversation) -> None:
        talk.lan(self.register("Contact: <sip:alice@192.168.1.2:5062>"))
        group = talk.mentions[0].group
        talk.lan(self.register("Contact: <sip:alice@192.168.1.2:5062>;expires=0"))
        assert (talk.mentions, talk.speech.forgets) == ([], [group])

    @pytest.mark.parametrize(
        "contact",
        ["<sip:x@192.168.1.3:5062>", "<sip:x@198.51.100.7>", "<sip:x@phone.example>", "*", "<sip:x@127.0.0.1>"],
    )
    def test_only_the_phone_itself(self, talk: Conversation, contact: str) -> None:
        talk.lan(self.register(f"Contact: {contact}"))
        assert talk.mentions == []

    def test_a_phone_behind_tcp_is_called_where_it_registered(self) -> None:
        talk = Conversation(SipHelper(), TCP, (33333, 40000, 5060))
        heard = talk.lan(self.register("Contact: <sip:alice@192.168.1.2:5060;transport=tcp>"))
        assert "Contact: <sip:alice@203.0.113.5:50000;transport=tcp>" in lines(heard)
        assert talk.mentions[0].protocol == TCP
        assert "Contact: <sip:alice@203.0.113.5:50000>" in lines(talk.lan(invite(sdp())))


class TestAbuse:
    @pytest.mark.parametrize("address", ["192.168.1.3", "198.51.100.99", "127.0.0.1", "224.0.0.1/16", "phone.example"])
    def test_a_description_that_names_another_host_opens_nothing(self, talk: Conversation, address: str) -> None:
        said = invite(sdp(address))
        heard = talk.lan(said)
        assert talk.mentions == []
        assert body_of(heard) == body_of(said)

    def test_the_peer_cannot_open_the_inside(self, talk: Conversation) -> None:
        talk.lan(invite(sdp()))
        for address in ("192.168.1.2", "203.0.113.5", "192.168.1.9"):
            talk.wan(answer(200, sdp(address, 22)))
            assert talk.mentions == []

    @pytest.mark.parametrize(
        "line",
        ["m=audio 65535 RTP/AVP 0", "m=audio 7078/9 RTP/AVP 0", "m=audio 7078 RTP/AVP 0\na=rtcp:1 IN IP4 1.2.3.4"],
    )
    def test_ports_out_of_bounds(self, talk: Conversation, line: str) -> None:
        talk.lan(invite(sdp().replace("m=audio 7078 RTP/AVP 0", line)))
        assert talk.opened() in ([], [(7078, 2)])

    def test_a_description_is_only_read_where_one_belongs(self, talk: Conversation) -> None:
        said = invite(sdp(), method="MESSAGE")
        talk.lan(said)
        assert talk.mentions == []
        for change in ((b"application/sdp", b"text/plain"), (b"Content-Type", b"Content-Encoding: gzip\r\nc")):
            talk.lan(invite(sdp()).replace(*change))
            assert talk.mentions == []

    @pytest.mark.parametrize("size", ["99999999999999999999", "-1", "65536", "5000"])
    def test_a_length_that_lies(self, talk: Conversation, size: str) -> None:
        said = invite(sdp()).replace(b"Content-Length: ", b"Content-Length: " + size.encode() + b"\r\nX: ")
        assert talk.lan(said) == said
        assert talk.mentions == []

    def test_an_invite_within_an_invite(self, talk: Conversation) -> None:
        inner = invite(sdp()).decode()
        outer = message("MESSAGE sip:b@198.51.100.7 SIP/2.0", "Call-ID: x\nCSeq: 1 MESSAGE", inner)
        talk.lan(outer)
        assert talk.mentions == []

    @pytest.mark.parametrize(
        "said", [b"", b"\r\n\r\n", b"\0\0\0\0", b"INVITE", b"\xff" * 100, b"SIP/2.0 200 OK\r\n\r\n"]
    )
    def test_what_is_no_message_passes_as_it_is(self, talk: Conversation, said: bytes) -> None:
        assert talk.lan(said) == said
        assert talk.wan(said) == said


class TestStream:
    @pytest.fixture
    def talk(self) -> Conversation:
        return Conversation(SipHelper(), TCP, (5060, 40000, 5060))

    def test_two_messages_in_a_segment(self, talk: Conversation) -> None:
        heard = talk.lan(invite(sdp()) + b"\r\n\r\n" + invite(sdp(port=9000), call="other"))
        assert talk.opened() == [(7078, 2), (9000, 2)]
        assert heard.count(b"203.0.113.5") == 8
        first, second = heard.split(b"\r\n\r\n\r\n\r\n") if heard.count(b"\r\n\r\n\r\n\r\n") else (heard, b"")
        assert b"m=audio 50000" in first + second and b"m=audio 50002" in first + second

    @pytest.mark.parametrize("cut", [1, 40, 150, 330, 360])
    def test_a_message_over_two_segments_passes_and_the_next_is_read(self, talk: Conversation, cut: int) -> None:
        said = invite(sdp())
        assert talk.lan(said[:cut]) == said[:cut]
        heard = talk.lan(said[cut:] + invite(sdp(port=9000)))
        assert heard.startswith(said[cut:])
        assert talk.opened() == [(9000, 2)]

    def test_a_message_in_the_body_of_a_split_one_is_not_taken_for_one(self, talk: Conversation) -> None:
        inner = invite(sdp())
        outer = message("MESSAGE sip:b@198.51.100.7 SIP/2.0", "Call-ID: x\nCSeq: 1 MESSAGE", "x" * 1000)
        head = outer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        talk.lan(head)
        assert talk.lan(inner) == inner
        assert talk.mentions == []

    def test_what_a_web_page_sends_opens_nothing_ever(self, talk: Conversation) -> None:
        talk.lan(b"POST / HTTP/1.1\r\nHost: 198.51.100.7:5060\r\nContent-Length: 9000\r\n\r\n" + b"x" * 1000)
        assert talk.speech.memory.off
        inner = invite(sdp())
        assert talk.lan(inner) == inner
        assert talk.mentions == []

    def test_nor_does_what_begins_with_a_gap(self, talk: Conversation) -> None:
        inner = invite(sdp())
        assert talk.lan(inner, gap=True) == inner
        assert (talk.mentions, talk.speech.memory.off) == ([], True)

    def test_after_a_gap_a_message_at_the_start_of_a_segment_is_one(self, talk: Conversation) -> None:
        talk.lan(invite(sdp()))
        talk.lan(b"the rest of something" + invite(sdp()), gap=True)
        assert talk.mentions == []
        talk.lan(invite(sdp(port=9000)))
        assert talk.opened() == [(9000, 2)]
