"""PPTP as message traces: the identifiers of calls, as either side hears them."""

from __future__ import annotations

import struct

import pytest

from conntrack.helper.pptp import control
from conntrack.helper.pptp.helper import MOST_CALLS, PptpHelper
from conntrack.packet.header import GRE, TCP
from tests.unit.helper.conversation import Conversation
from tests.unit.helper.test_pptp_control import message


def request(own: int, kind: int = control.OUTGOING_REQUEST) -> bytes:
    return message(kind, struct.pack("!H", own))


def reply(own: int, peer: int, result: int = 1, kind: int = control.OUTGOING_REPLY) -> bytes:
    return message(kind, struct.pack("!HHB", own, peer, result))


def about(kind: int, identifier: int) -> bytes:
    return message(kind, struct.pack("!H", identifier))


@pytest.fixture
def talk() -> Conversation:
    talk = Conversation(PptpHelper(), TCP, (41000, 42000, 1723))
    talk.lan(message(control.START_REQUEST))
    talk.wan(message(control.START_REPLY))
    return talk


def test_an_outgoing_call(talk: Conversation) -> None:
    assert talk.lan(request(7)) == request(50000)
    (call,) = talk.mentions
    assert (call.protocol, call.port, call.count, call.permanent, call.anybody) == (GRE, 7, 1, True, False)
    assert talk.wan(reply(900, 50000)) == reply(900, 7)
    assert talk.opened() == [(900, 1)]


def test_an_incoming_call(talk: Conversation) -> None:
    assert talk.wan(request(900, control.INCOMING_REQUEST)) == request(900, control.INCOMING_REQUEST)
    assert talk.opened() == [(900, 1)]
    assert talk.lan(reply(7, 900, kind=control.INCOMING_REPLY)) == reply(50000, 900, kind=control.INCOMING_REPLY)
    assert talk.wan(about(control.INCOMING_CONNECTED, 50000)) == about(control.INCOMING_CONNECTED, 7)


def test_what_is_said_of_a_call_later(talk: Conversation) -> None:
    talk.lan(request(7))
    talk.wan(reply(900, 50000))
    assert talk.wan(about(control.ERROR_NOTIFY, 50000)) == about(control.ERROR_NOTIFY, 7)
    assert talk.lan(about(control.SET_LINK_INFO, 900)) == about(control.SET_LINK_INFO, 900)
    assert talk.lan(about(control.CLEAR_REQUEST, 7)) == about(control.CLEAR_REQUEST, 50000)


def test_echoes_announce_the_calls_again(talk: Conversation) -> None:
    talk.lan(request(7))
    talk.wan(reply(900, 50000))
    talk.lan(message(control.ECHO_REQUEST))
    assert talk.opened() == [(7, 1)]
    talk.wan(message(control.ECHO_REPLY))
    assert talk.opened() == [(900, 1)]


@pytest.mark.parametrize("side", ["clear", "notify", "stop", "refusal"])
def test_the_end_of_a_call_takes_back_both_directions(talk: Conversation, side: str) -> None:
    talk.lan(request(7))
    mine = talk.mentions[0].group
    if side == "refusal":
        talk.wan(reply(0, 50000, result=4))
        assert talk.speech.ends == [mine]
        return
    talk.wan(reply(900, 50000))
    theirs = talk.mentions[0].group
    if side == "clear":
        talk.lan(about(control.CLEAR_REQUEST, 7))
    elif side == "notify":
        talk.wan(about(control.DISCONNECT_NOTIFY, 900))
    else:
        talk.wan(message(control.STOP_REPLY))
    assert sorted(talk.speech.ends) == sorted([mine, theirs])
    talk.lan(message(control.ECHO_REQUEST))
    assert talk.mentions == []


def test_several_messages_in_a_segment(talk: Conversation) -> None:
    assert talk.lan(request(7) + request(8)) == request(50000) + request(50001)
    assert talk.opened() == [(7, 1), (8, 1)]


class TestAbuse:
    def test_no_call_before_the_connection_is_agreed_to(self) -> None:
        talk = Conversation(PptpHelper(), TCP, (41000, 42000, 1723))
        talk.lan(request(7))
        assert talk.mentions == []
        talk.wan(message(control.START_REPLY))
        talk.wan(request(9, control.INCOMING_REQUEST))
        assert talk.mentions == []

    def test_what_begins_otherwise_is_never_listened_to(self) -> None:
        talk = Conversation(PptpHelper(), TCP, (41000, 42000, 1723))
        talk.lan(b"GET / HTTP/1.0\r\n\r\n")
        assert talk.speech.memory.off

    def test_nor_what_begins_with_a_gap(self) -> None:
        talk = Conversation(PptpHelper(), TCP, (41000, 42000, 1723))
        talk.lan(message(control.START_REQUEST), gap=True)
        assert talk.speech.memory.off

    def test_calls_are_bounded(self, talk: Conversation) -> None:
        for identifier in range(1, 200):
            talk.lan(request(identifier))
            assert len(talk.mentions) <= 2 * MOST_CALLS
        assert talk.opened()[-1] == (199, 1)

    def test_identifier_0_and_answers_to_nothing(self, talk: Conversation) -> None:
        talk.lan(request(0))
        assert talk.mentions == []
        talk.wan(reply(900, 50000))
        assert talk.mentions == []

    def test_rubbish_in_the_middle_changes_nothing(self, talk: Conversation) -> None:
        talk.lan(request(7))
        assert talk.lan(b"\xff" * 200) == b"\xff" * 200
        assert talk.wan(reply(900, 50000)) == reply(900, 7)
