"""The rules that no helper can get around, asked by a helper that asks for anything."""

from __future__ import annotations

import pytest

from conntrack.engine.announce import Announcement
from conntrack.flow.connection import Connection
from conntrack.flow.expectation import MOST, Expectation, place
from conntrack.helper.base import Endpoint, Mention
from conntrack.helper.irc import Irc
from tests.host import Host, address
from tests.talk import Talk

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: lan}
  - {name: web, forward: [udp/5004, tcp/8443], at: wan, to: 192.168.10.20}
policy:
  lan -> wan: [{accept: ftp}]
"""
TCP, UDP = 6, 17


class Asking:
    """A conversation whose speaker, the inside client, mentions what a test wants."""

    def __init__(self) -> None:
        self.host = Host(RULES)
        Talk(self.host, "lan", ("192.168.10.5", 40000), ("198.51.100.9", 21)).connect()
        [self.master] = self.host.engine.table.connections()
        state = self.host.engine._state
        conversation = state.conversations[self.master.identity]
        way = conversation.way(True)
        speech = conversation.speech
        speech.speaker, speech.speaker_seen = way.speaker, way.speaker_seen
        speech.listener, speech.listener_seen = way.listener, way.listener_seen
        self.announcement = Announcement(state, speech, Irc(), self.master.original, self.host.now)

    def ask(self, protocol: int, port: int, own: str = "192.168.10.5", **wishes: object) -> Endpoint | None:
        mention = Mention(protocol, address(own) if own else b"", port)
        for name, value in wishes.items():
            setattr(mention, name, value)
        return self.announcement.grant(mention)

    def waiting(self) -> list[tuple[int, int]]:
        """(outside port, inside port) of all that wait."""
        return [(int.from_bytes(one.place[-2:]), int(one.inside_port)) for one in self.host.engine.expectations.all()]


class TestWho:
    @pytest.mark.parametrize("own", ["192.168.10.5", "203.0.113.1", ""])
    def test_the_speaker_by_either_address_or_none(self, own: str) -> None:
        asking = Asking()
        answer = asking.ask(TCP, 5000, own)
        assert answer is not None
        assert answer.same(Endpoint(address("203.0.113.1"), 5000))

    @pytest.mark.parametrize("own", ["192.168.10.6", "192.168.10.1", "198.51.100.9", "0.0.0.0", "::1"])
    def test_nobody_else(self, own: str) -> None:
        asking = Asking()
        assert asking.ask(TCP, 5000, own) is None
        assert asking.host.engine.expectations.refused == 1


class TestWhere:
    @pytest.mark.parametrize(("port", "count"), [(0, 1), (1, 1), (80, 1), (1023, 2), (65535, 2), (65536, 1), (5000, 5)])
    def test_no_ports_that_are_low_or_none_and_not_too_many(self, port: int, count: int) -> None:
        asking = Asking()
        assert asking.ask(UDP, port, count=count) is None
        assert asking.waiting() == []

    def test_where_the_connection_itself_is_nothing_new_is_opened(self) -> None:
        asking = Asking()
        answer = asking.ask(TCP, 40000)
        assert answer is not None
        assert answer.port == 40000

    def test_an_even_pair_past_a_forward(self) -> None:
        asking = Asking()
        answer = asking.ask(UDP, 5003, count=2, even=True)
        assert answer is not None
        assert answer.port % 2 == 0
        assert asking.waiting() == [(answer.port, 5003), (answer.port + 1, 5004)]

    def test_never_where_a_forward_leads(self) -> None:
        asking = Asking()
        for first in (5003, 5004):
            answer = asking.ask(UDP, first, count=2)
            assert answer is not None
            assert not answer.port <= 5004 <= answer.port + 1

    def test_asked_again_it_is_the_same_port(self) -> None:
        asking = Asking()
        asking.host.engine.ports.own.add(TCP << 16 | 5000)
        first, second = asking.ask(TCP, 5000), asking.ask(TCP, 5000)
        assert first is not None
        assert second is not None
        assert first.port == second.port != 5000


class TestHowMany:
    def test_all_of_a_mention_or_nothing(self) -> None:
        asking = Asking()
        table = asking.host.engine.expectations
        other = Connection(1000, asking.master.original.key, asking.master.reply.key, 0.0)
        for port in range(MOST - 3):
            assert table.add(Expectation(other, place(TCP, 0, address("203.0.113.1"), port), b"", port))
        assert asking.ask(UDP, 6000, count=2) is not None
        assert asking.ask(UDP, 6002, count=2) is None
        assert [int(one.inside_port) for one in table.of(asking.master)] == [6000, 6001]
        assert asking.host.engine.ports.use(UDP, address("203.0.113.1")).used == 2

    def test_withdrawn_nothing_is_left(self) -> None:
        asking = Asking()
        asking.ask(TCP, 5000)
        asking.announcement.withdraw()
        assert asking.waiting() == []
        assert asking.host.engine.ports.use(TCP, address("203.0.113.1")).holders(5000) == 0
