"""IRC's DCC, by line and through the engine."""

from __future__ import annotations

import pytest

from conntrack.flow.connection import HELPED
from conntrack.helper.irc import Irc
from tests.host import Host
from tests.talk import Talk
from tests.unit.helper.conversation import Conversation

ADDRESS = int.from_bytes(bytes((192, 168, 1, 2)), "big")
SEEN = int.from_bytes(bytes((203, 0, 113, 5)), "big")

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: internet, masquerade: wan, from: lan}
policy:
  lan -> wan:
    - {name: chat, accept: irc, helper: irc}
"""


class TestOffers:
    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("PRIVMSG bob :\1DCC SEND file.txt {} {} 1234\1", "50000"),
            ("privmsg bob :\1dcc send file.txt {} {} 1234\1", "50000"),
            ('PRIVMSG bob :\1DCC SEND "a file" {} {} 1234\1', "50000"),
            ("PRIVMSG bob :\1DCC CHAT chat {} {}\1", "50000"),
            ("NOTICE bob :\1DCC MOVE x {} {}\1", "50000"),
            (":alice!a@b PRIVMSG bob :\1DCC TSEND x {} {} 1", "50000"),
        ],
    )
    def test_announced(self, line: str, told: str) -> None:
        one = Conversation(Irc(), 6, (40000, 40000, 6667))
        said = line.format(ADDRESS, 5000).encode() + b"\r\n"
        if line.startswith(":"):
            assert one.lan(said) == said  # with a prefix it passes, and is not looked into
            return
        assert one.lan(said) == line.format(SEEN, told).encode() + b"\r\n"
        assert [(mention.anybody, mention.timeout) for mention in one.mentions] == [(True, 180.0)]

    @pytest.mark.parametrize(
        "line",
        [
            f"PRIVMSG bob :DCC SEND file.txt {ADDRESS} 5000 1\1",
            f"PRIVMSG bob :hello \1DCC SEND file.txt {ADDRESS} 5000 1\1",
            f"PRIVMSG bob :\1DCC RESUME file.txt {ADDRESS} 5000\1",
            "PRIVMSG bob :\1DCC SEND file.txt 4294967296 5000 1\1",
            "PRIVMSG bob :\1DCC SEND file.txt 192.168.1.2 5000 1\1",
            f"PRIVMSG bob :\1DCC SEND file.txt {ADDRESS} 500000 1\1",
            f"TOPIC #x :\1DCC SEND file.txt {ADDRESS} 5000 1\1",
        ],
    )
    def test_not_announced(self, line: str) -> None:
        one = Conversation(Irc(), 6, (40000, 40000, 6667))
        assert one.lan(line.encode() + b"\r\n") == line.encode() + b"\r\n"
        assert one.opened() == []

    def test_what_others_offer_is_not_read(self) -> None:
        one = Conversation(Irc(), 6, (40000, 40000, 6667))
        one.wan(f":bob!b@c PRIVMSG alice :\1DCC SEND x {ADDRESS} 5000 1\1\r\n".encode())
        assert one.opened() == []

    def test_a_web_page_that_speaks_to_this_port_is_not_read(self) -> None:
        one = Conversation(Irc(), 6, (40000, 40000, 6667))
        one.lan(b"POST / HTTP/1.1\r\nHost: 198.51.100.7:6667\r\n\r\n")
        assert one.speech.memory.off


class TestThrough:
    def offer(self, host: Host, port: int, address: str = "192.168.10.5") -> tuple[Talk, bytes]:
        talk = Talk(host, "lan", ("192.168.10.5", 40000), ("198.51.100.9", 6667)).connect()
        talk.says(talk.client, b"NICK alice\r\n")
        number = int.from_bytes(bytes(int(part) for part in address.split(".")), "big")
        return talk, talk.says(talk.client, f"PRIVMSG bob :\1DCC CHAT chat {number} {port}\1\r\n".encode())

    def test_anybody_outside_may_answer_once(self) -> None:
        host = Host(RULES)
        _, told = self.offer(host, 5000)
        number = int.from_bytes(bytes((203, 0, 113, 1)), "big")
        assert told == f"PRIVMSG bob :\1DCC CHAT chat {number} 5000\1\r\n".encode()
        peer = Talk(host, "wan", ("198.51.100.200", 1234), ("203.0.113.1", 5000)).connect()
        assert peer.server.own == ("192.168.10.5", 5000)
        assert host.arrive("wan", "tcp 198.51.100.201:1234 > 203.0.113.1:5000 SYN seq=1") == "drop no-rule"

    def test_so_may_another_user_inside_by_the_outside_address(self) -> None:
        host = Host(RULES)
        self.offer(host, 5000)
        peer = Talk(host, "lan", ("192.168.10.6", 1234), ("203.0.113.1", 5000)).connect()
        assert (peer.server.own, peer.server.peer) == (("192.168.10.5", 5000), ("203.0.113.1", 1234))

    @pytest.mark.parametrize(("port", "address"), [(0, "192.168.10.5"), (22, "192.168.10.5"), (5000, "192.168.10.6")])
    def test_neither_low_ports_nor_other_hosts(self, port: int, address: str) -> None:
        host = Host(RULES)
        talk, told = self.offer(host, port, address)
        assert told == talk.server.heard.splitlines(True)[-1]
        assert host.engine.expectations.count == 0
        assert host.engine.expectations.refused == 1

    def test_eight_may_wait_and_the_oldest_goes(self) -> None:
        host = Host(RULES)
        talk, _ = self.offer(host, 5000)
        number = int.from_bytes(bytes((192, 168, 10, 5)), "big")
        for port in range(5001, 5009):
            talk.says(talk.client, f"PRIVMSG bob :\1DCC CHAT chat {number} {port}\1\r\n".encode())
        assert host.engine.expectations.count == 8
        assert host.arrive("wan", "tcp 198.51.100.200:1234 > 203.0.113.1:5000 SYN seq=1") == "drop no-rule"
        assert "192.168.10.5:5008" in host.arrive("wan", "tcp 198.51.100.200:1234 > 203.0.113.1:5008 SYN seq=1")

    def test_the_service_alone_asks_for_no_helper(self) -> None:
        host = Host(RULES.replace(", helper: irc", ""))
        talk, told = self.offer(host, 5000)
        assert host.engine.expectations.created == 0
        [connection] = host.engine.table.connections()
        assert not connection.status & HELPED
        assert told == talk.server.heard.splitlines(True)[-1]
