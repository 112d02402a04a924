"""FTP through the whole engine: both ends' stacks must agree with what reaches them, whatever was changed."""

from __future__ import annotations

import pytest

from conntrack.engine.verdict import OUTPUT
from conntrack.flow.connection import HELPED, RELATED
from tests import segments
from tests.host import LINKS, Host
from tests.talk import Talk, tcp_packet

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}
nat:
  - {name: internet, masquerade: wan, from: lan}
  - {name: files, forward: ftp, at: wan, to: 192.168.10.21}
  - {name: web, forward: tcp/5001, at: wan, to: 192.168.10.20}
policy:
  lan -> wan:
    - {name: ftp, accept: ftp, mark: 7}
    - {name: odd, accept: tcp/2121, helper: ftp}
    - {accept: [http]}
  wan -> lan:
    - {accept: ftp, family: ipv6}
"""
CLIENT = ("192.168.10.5", 40000)
SERVER = ("198.51.100.9", 21)
SIX = ("fd10::5", 40000)
SIX_SERVER = ("2001:db8:9::9", 21)


def login(host: Host, client: tuple[str, int] = CLIENT, server: tuple[str, int] = SERVER, zone: str = "lan") -> Talk:
    talk = Talk(host, zone, client, server).connect()
    assert talk.says(talk.server, b"220 ready\r\n") == b"220 ready\r\n"
    assert talk.says(talk.client, b"USER anonymous\r\n") == b"USER anonymous\r\n"
    assert talk.says(talk.server, b"230 in\r\n") == b"230 in\r\n"
    return talk


class TestActive:
    def test_port_is_translated_and_the_server_may_connect(self) -> None:
        host = Host(RULES)
        talk = login(host)
        assert talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n") == b"PORT 203,0,113,1,19,136\r\n"
        assert talk.says(talk.server, b"200 ok\r\n") == b"200 ok\r\n"
        assert host.engine.expectations.count == 1
        data = Talk(host, "wan", ("198.51.100.9", 20), ("203.0.113.1", 5000)).connect()
        assert (data.server.zone, data.server.own) == ("lan", ("192.168.10.5", 5000))
        assert data.says(data.client, b"file") == b"file"
        assert talk.says(talk.client, b"NOOP\r\n") == b"NOOP\r\n"
        assert (host.engine.expectations.count, host.engine.expectations.met) == (0, 1)

    def test_the_child_is_related_and_inherits_rule_and_mark_but_no_helper(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n")
        Talk(host, "wan", ("198.51.100.9", 20), ("203.0.113.1", 5000)).connect()
        master, child = host.engine.table.connections()
        assert master.status & HELPED
        assert not master.status & RELATED
        assert child.status & RELATED
        assert not child.status & HELPED
        assert (child.rule, child.mark) == (master.rule, 7)

    def test_a_longer_line_shifts_the_numbers_of_both_directions(self) -> None:
        host = Host(RULES.replace("192.168.10.0/24", "10.0.0.0/8"), {**LINKS, "lan": ("eth1", ["10.0.0.1/8"])})
        talk = login(host, ("10.0.0.5", 40000))
        for number in range(20):
            port = 5000 + number
            line = f"PORT 10,0,0,5,{port >> 8},{port & 255}\r\n".encode()
            told = f"PORT 203,0,113,1,{port >> 8},{port & 255}\r\n".encode()
            if port == 5001:
                continue
            assert talk.says(talk.client, line) == told
            assert talk.says(talk.server, b"200 PORT command successful\r\n") == b"200 PORT command successful\r\n"
            assert talk.client.acked == talk.client.sent
        assert talk.says(talk.client, b"QUIT\r\n") == b"QUIT\r\n"
        assert talk.server.heard.endswith(b"QUIT\r\n")

    def test_the_same_port_again_replaces_what_waits(self) -> None:
        host = Host(RULES)
        talk = login(host)
        for _ in range(3):
            assert talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n") == b"PORT 203,0,113,1,19,136\r\n"
        assert host.engine.expectations.count == 1

    def test_a_port_in_use_gets_another(self) -> None:
        host = Host(RULES)
        talk = login(host)
        host.engine.ports.own.add(6 << 16 | 5000)
        line = talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n").decode()
        words = [int(word) for word in line.removeprefix("PORT ").split(",")]
        assert words[:4] == [203, 0, 113, 1]
        port = words[4] << 8 | words[5]
        assert port != 5000
        data = Talk(host, "wan", ("198.51.100.9", 20), ("203.0.113.1", port)).connect()
        assert data.server.own == ("192.168.10.5", 5000)

    def test_a_forwarded_port_is_not_taken(self) -> None:
        host = Host(RULES)
        talk = login(host)
        assert b"203,0,113,1,19,137" not in talk.says(talk.client, b"PORT 192,168,10,5,19,137\r\n")
        assert "192.168.10.20:5001" in host.arrive("wan", "tcp 198.51.100.9:20 > 203.0.113.1:5001 SYN seq=1")

    def test_two_clients_with_one_port_get_two(self) -> None:
        host = Host(RULES)
        first, second = login(host), login(host, ("192.168.10.6", 40000))
        assert first.says(first.client, b"PORT 192,168,10,5,19,136\r\n") == b"PORT 203,0,113,1,19,136\r\n"
        assert second.says(second.client, b"PORT 192,168,10,6,19,136\r\n") != b"PORT 203,0,113,1,19,136\r\n"

    def test_eprt_over_ipv4_and_ipv6(self) -> None:
        host = Host(RULES)
        talk = login(host)
        assert talk.says(talk.client, b"EPRT |1|192.168.10.5|5000|\r\n") == b"EPRT |1|203.0.113.1|5000|\r\n"
        six = login(host, SIX, SIX_SERVER)
        assert six.says(six.client, b"EPRT |2|fd10::5|5000|\r\n") == b"EPRT |2|fd10::5|5000|\r\n"
        data = Talk(host, "wan", ("2001:db8:9::9", 20), ("fd10::5", 5000)).connect()
        assert data.server.own == ("fd10::5", 5000)

    def test_a_command_split_over_two_segments_opens_nothing(self) -> None:
        host = Host(RULES)
        talk = login(host)
        assert talk.says(talk.client, b"PORT 192,168,") == b"PORT 192,168,"
        assert talk.says(talk.client, b"10,5,19,136\r\n") == b"10,5,19,136\r\n"
        assert talk.says(talk.client, b"SITE x ") == b"SITE x "
        assert talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n") == b"PORT 192,168,10,5,19,136\r\n"
        assert host.engine.expectations.created == 0
        assert talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n") == b"PORT 203,0,113,1,19,136\r\n"


class TestPassive:
    def test_the_client_may_connect_and_comes_from_the_same_address(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PASV\r\n")
        answer = b"227 Entering Passive Mode (198,51,100,9,200,10).\r\n"
        assert talk.says(talk.server, answer) == answer
        data = Talk(host, "lan", ("192.168.10.5", 40001), ("198.51.100.9", 51210)).connect()
        assert (data.server.zone, data.server.peer) == ("wan", ("203.0.113.1", 40001))
        assert data.says(data.server, b"file") == b"file"

    def test_epsv_over_ipv4_and_ipv6(self) -> None:
        host = Host(RULES)
        for client, server in ((CLIENT, SERVER), (SIX, SIX_SERVER)):
            talk = login(host, client, server)
            talk.says(talk.client, b"EPSV\r\n")
            assert talk.says(talk.server, b"229 Extended (|||51210|)\r\n") == b"229 Extended (|||51210|)\r\n"
            data = Talk(host, "lan", (client[0], 40001), (server[0], 51210)).connect()
            assert data.server.own == (server[0], 51210)

    def test_a_server_behind_a_forward_is_told_of_by_its_outside_address(self) -> None:
        host = Host(RULES)
        talk = login(host, ("198.51.100.77", 40000), ("203.0.113.1", 21), "wan")
        assert talk.server.own == ("192.168.10.21", 21)
        talk.says(talk.client, b"PASV\r\n")
        told = talk.says(talk.server, b"227 Entering Passive Mode (192,168,10,21,200,10).\r\n")
        assert told == b"227 Entering Passive Mode (203,0,113,1,200,10).\r\n"
        data = Talk(host, "wan", ("198.51.100.77", 40001), ("203.0.113.1", 51210)).connect()
        assert data.server.own == ("192.168.10.21", 51210)
        assert data.says(data.server, b"file") == b"file"

    def test_a_server_that_knows_its_outside_address_may_say_it(self) -> None:
        host = Host(RULES)
        talk = login(host, ("198.51.100.77", 40000), ("203.0.113.1", 21), "wan")
        talk.says(talk.client, b"PASV\r\n")
        answer = b"227 Entering Passive Mode (203,0,113,1,200,10).\r\n"
        assert talk.says(talk.server, answer) == answer
        data = Talk(host, "wan", ("198.51.100.77", 40001), ("203.0.113.1", 51210)).connect()
        assert data.server.own == ("192.168.10.21", 51210)

    def test_active_from_a_server_behind_a_forward_leaves_with_its_outside_address(self) -> None:
        host = Host(RULES)
        talk = login(host, ("198.51.100.77", 40000), ("203.0.113.1", 21), "wan")
        assert talk.says(talk.client, b"PORT 198,51,100,77,19,136\r\n") == b"PORT 198,51,100,77,19,136\r\n"
        data = Talk(host, "lan", ("192.168.10.21", 20), ("198.51.100.77", 5000)).connect()
        assert data.server.peer == ("203.0.113.1", 20)

    def test_an_answer_that_nobody_asked_for_opens_nothing(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.server, b"227 Entering Passive Mode (198,51,100,9,200,10).\r\n")
        talk.says(talk.client, b"EPSV\r\n")
        talk.says(talk.server, b"227 Entering Passive Mode (198,51,100,9,200,10).\r\n")
        assert host.engine.expectations.created == 0


class TestAbuse:
    @pytest.mark.parametrize(
        "line",
        [
            b"PORT 192,168,10,6,19,136\r\n",  # a third host inside
            b"PORT 198,51,100,66,19,136\r\n",  # a third host outside
            b"PORT 192,168,10,5,0,22\r\n",  # the client's own SSH
            b"PORT 192,168,10,5,3,255\r\n",  # 1023
            b"PORT 192,168,10,5,0,0\r\n",
            b"PORT 192,168,10,5,256,1\r\n",
            b"PORT 192,168,10,5,19,136,1\r\n",
            b"EPRT |1|192.168.10.6|5000|\r\n",
            b"EPRT |1|192.168.10.5|80|\r\n",
            b"EPRT |1|192.168.10.5|99999|\r\n",
            b"EPRT |2|fd10::5|5000|\r\n",
        ],
    )
    def test_what_may_not_be_opened_passes_as_it_came(self, line: bytes) -> None:
        host = Host(RULES)
        talk = login(host)
        assert talk.says(talk.client, line) == line
        assert host.engine.expectations.count == 0
        assert len(list(host.engine.table.connections())) == 1

    def test_a_passive_answer_of_another_host_opens_nothing(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PASV\r\n")
        answer = b"227 Entering Passive Mode (198,51,100,66,200,10).\r\n"
        assert talk.says(talk.server, answer) == answer
        assert host.engine.expectations.count == 0
        assert host.arrive("lan", "tcp 192.168.10.5:40001 > 198.51.100.66:51210 SYN seq=1") == "drop no-rule"

    def test_nobody_else_may_use_what_is_open(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n")
        assert host.arrive("wan", "tcp 198.51.100.66:20 > 203.0.113.1:5000 SYN seq=1") == "drop no-rule"
        assert host.arrive("wan", "udp 198.51.100.9:20 > 203.0.113.1:5000") == "drop no-rule"
        assert host.arrive("wan", "tcp 198.51.100.9:20 > 203.0.113.1:5002 SYN seq=1") == "drop no-rule"
        assert "192.168.10.5:5000" in host.arrive("wan", "tcp 198.51.100.9:20 > 203.0.113.1:5000 SYN seq=1")
        assert host.arrive("wan", "tcp 198.51.100.9:21 > 203.0.113.1:5000 SYN seq=1") == "drop no-rule"

    def test_a_browser_that_was_made_to_speak_to_port_21_is_not_read(self) -> None:
        host = Host(RULES)
        talk = Talk(host, "lan", CLIENT, SERVER).connect()
        talk.says(talk.client, b"POST / HTTP/1.1\r\nHost: 198.51.100.9:21\r\n\r\n")
        line = b"PORT 192,168,10,5,19,136\r\n"
        assert talk.says(talk.client, line) == line
        assert host.engine.expectations.created == 0
        [connection] = host.engine.table.connections()
        assert not connection.status & HELPED

    def test_a_command_inside_a_line_is_none(self) -> None:
        host = Host(RULES)
        talk = login(host)
        line = b"SITE CHAT PORT 192,168,10,5,19,136\r\n"
        assert talk.says(talk.client, line) == line
        assert host.engine.expectations.created == 0

    def test_the_rule_of_another_service_reads_nothing(self) -> None:
        host = Host(
            RULES.replace("accept: [http]", "accept: [http, ftp]").replace("{name: ftp, accept: ftp", "{accept: ntp")
        )
        talk = Talk(host, "lan", CLIENT, ("198.51.100.9", 80)).connect()
        line = b"PORT 192,168,10,5,19,136\r\n"
        assert talk.says(talk.client, line) == line
        [connection] = host.engine.table.connections()
        assert not connection.status & HELPED

    def test_a_helper_that_is_named_reads_another_port(self) -> None:
        host = Host(RULES)
        talk = login(host, CLIENT, ("198.51.100.9", 2121))
        assert talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n") == b"PORT 203,0,113,1,19,136\r\n"


class TestLife:
    def test_what_waits_ends_with_the_control_connection(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n")
        [master] = host.engine.table.connections()
        host.engine.end(master, 0, host.now)
        assert host.engine.expectations.count == 0
        assert [use.used for use in host.engine.ports.uses()] == [0]
        assert host.arrive("wan", "tcp 198.51.100.9:20 > 203.0.113.1:5000 SYN seq=1") == "drop no-rule"

    def test_what_waits_too_long_is_over(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n")
        assert host.engine.next_deadline() <= host.now + 300
        host.wait(301)
        assert (host.engine.expectations.count, host.engine.expectations.expired) == (0, 1)
        assert host.arrive("wan", "tcp 198.51.100.9:20 > 203.0.113.1:5000 SYN seq=1") == "drop no-rule"

    def test_the_port_is_held_until_the_data_connection_ends(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n")
        Talk(host, "wan", ("198.51.100.9", 20), ("203.0.113.1", 5000)).connect()
        use = host.engine.ports.use(6, bytes((203, 0, 113, 1)))
        assert use.holders(5000) == 1
        _, child = host.engine.table.connections()
        host.engine.end(child, 0, host.now)
        assert use.holders(5000) == 0

    def test_a_reload_that_keeps_the_rule_keeps_the_data_connection_permitted(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n")
        Talk(host, "wan", ("198.51.100.9", 20), ("203.0.113.1", 5000)).connect()
        _, child = host.engine.table.connections()
        host.reload(RULES.replace("mark: 7", "mark: 8"))
        assert host.engine.permitted(child, host.now)
        host.reload(RULES.replace("name: ftp,", "name: other,"))
        assert not host.engine.permitted(child, host.now)

    def test_a_connection_that_speaks_tls_is_like_any_other(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"AUTH TLS\r\n")
        talk.says(talk.server, b"234 go on\r\n")
        hello = b"\x16\x03\x01\x02\0\x01\0\n" + bytes(40)
        assert talk.says(talk.client, hello) == hello
        [connection] = host.engine.table.connections()
        assert not connection.status & HELPED


class TestRetransmissions:
    """PORT of 10.0.0.5, which grows by five bytes on its way out."""

    LINE = b"PORT 10,0,0,5,19,136\r\n"
    TOLD = b"PORT 203,0,113,1,19,136\r\n"

    def begun(self) -> Talk:
        host = Host(RULES.replace("192.168.10.0/24", "10.0.0.0/8"), {**LINKS, "lan": ("eth1", ["10.0.0.1/8"])})
        return login(host, ("10.0.0.5", 40000))

    def test_the_same_segment_again_is_rewritten_the_same_way(self) -> None:
        talk = self.begun()
        place = talk.client.sent
        assert talk.says(talk.client, self.LINE, acknowledged=False) == self.TOLD
        assert talk.again(talk.client, place, self.LINE) == self.TOLD
        talk.acknowledge(talk.server)
        assert talk.client.acked == talk.client.sent
        assert talk.host.engine.expectations.created == 1

    def test_a_retransmission_that_says_something_else_is_not_heeded(self) -> None:
        talk = self.begun()
        place = talk.client.sent
        talk.says(talk.client, self.LINE, acknowledged=False)
        _, out = talk.host.cross("lan", talk.client.segment(24, b"PORT 10,0,0,5,19,200\r\n", at=place))
        assert out.endswith(b"PORT 203,0,113,1,19,200\r\n")
        assert talk.host.engine.expectations.created == 1
        assert talk.host.arrive("wan", "tcp 198.51.100.9:20 > 203.0.113.1:5064 SYN seq=1") == "drop no-rule"

    def test_in_other_pieces(self) -> None:
        talk = self.begun()
        place = talk.client.sent
        talk.says(talk.client, self.LINE, acknowledged=False)
        assert talk.again(talk.client, place, self.LINE[:8]) == b"PORT "
        assert talk.again(talk.client, place + 8, self.LINE[8:]) == self.TOLD[5:]
        talk.acknowledge(talk.server)
        assert talk.client.acked == talk.client.sent

    def test_together_with_what_comes_next(self) -> None:
        talk = self.begun()
        place = talk.client.sent
        talk.says(talk.client, self.LINE, acknowledged=False)
        more = b"PORT 10,0,0,5,19,200\r\n"
        talk.client.sent += len(more)
        assert talk.again(talk.client, place, self.LINE + more) == self.TOLD + b"PORT 203,0,113,1,19,200\r\n"
        talk.acknowledge(talk.server)
        assert talk.client.acked == talk.client.sent

    def test_several_commands_that_wait_for_their_acknowledgement(self) -> None:
        talk = self.begun()
        places = []
        for _ in range(4):
            places.append(talk.client.sent)
            assert talk.says(talk.client, self.LINE, acknowledged=False) == self.TOLD
        for place in reversed(places):
            assert talk.again(talk.client, place, self.LINE) == self.TOLD
        talk.acknowledge(talk.server)
        assert talk.client.acked == talk.client.sent

    def test_more_than_may_wait_pass_as_they_came(self) -> None:
        talk = self.begun()
        heard = [talk.says(talk.client, self.LINE, acknowledged=False) for _ in range(10)]
        assert heard == [self.TOLD] * 8 + [self.LINE] * 2
        talk.acknowledge(talk.server)
        assert talk.client.acked == talk.client.sent

    def test_selective_acknowledgements_are_in_the_clients_numbers(self) -> None:
        talk = self.begun()
        talk.says(talk.client, self.LINE)
        start = talk.client.sent
        edge = talk.server.peer_first + talk.server.got
        talk.client.sent += 30
        raw = talk.client.segment(24, b"NOOP\r\n", at=start + 10)
        _, out = talk.host.cross("lan", raw)
        assert out
        talk.deliver(talk.server, talk.server.segment(16, sacks=[(edge + 10, edge + 16)]))
        [(left, right)] = talk.client.sacked
        assert (left - talk.client.first, right - talk.client.first) == (start + 10, start + 16)

    def test_an_end_is_numbered_right(self) -> None:
        talk = self.begun()
        talk.says(talk.client, self.LINE)
        talk.deliver(talk.client, talk.client.segment(17))
        talk.acknowledge(talk.server)
        assert talk.client.acked == talk.client.sent

    def test_a_packet_may_not_outgrow_its_path(self) -> None:
        talk = self.begun()
        for interface in talk.host.engine.topology.interfaces():
            interface.mtu = 64
        assert talk.says(talk.client, self.LINE) == self.LINE
        assert talk.host.engine.expectations.count == 0
        assert [use.used for use in talk.host.engine.ports.uses()] == [1]


class TestNewRules:
    GUEST = "zones:\n  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}"

    def test_an_expectation_keeps_its_zones_where_they_get_other_numbers(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n")
        host.reload(RULES.replace("zones:", self.GUEST))
        [waiting] = host.engine.expectations.all()
        zones = host.engine.policy.zones
        assert (zones[waiting.zone].name, zones[waiting.zone_inside].name) == ("wan", "lan")

    def test_an_expectation_of_a_zone_that_is_gone_admits_nobody(self) -> None:
        host = Host(RULES)
        talk = login(host)
        talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n")
        host.reload(RULES.replace("wan", "internet"))
        [waiting] = host.engine.expectations.all()
        assert not waiting.admits(bytes((198, 51, 100, 9)), 20, waiting.zone, host.now)
        host.wait(301)
        assert host.engine.expectations.count == 0


class TestHairpin:
    def test_passive_to_a_server_beside_the_client_by_the_outside_address(self) -> None:
        host = Host(RULES.replace("at: wan, to: 192.168.10.21}", "at: wan, to: 192.168.10.21, hairpin: [lan]}"))
        talk = login(host, CLIENT, ("203.0.113.1", 21))
        assert (talk.server.own, talk.server.peer) == (("192.168.10.21", 21), ("203.0.113.1", 40000))
        talk.says(talk.client, b"PASV\r\n")
        told = talk.says(talk.server, b"227 Entering Passive Mode (192,168,10,21,200,10).\r\n")
        assert told == b"227 Entering Passive Mode (203,0,113,1,200,10).\r\n"
        assert talk.says(talk.client, b"RETR file\r\n") == b"RETR file\r\n"
        data = Talk(host, "lan", ("192.168.10.5", 40001), ("203.0.113.1", 51210)).connect()
        assert (data.server.own, data.server.peer) == (("192.168.10.21", 51210), ("203.0.113.1", 40001))
        assert data.says(data.server, b"file") == b"file"

    def test_active_the_other_way(self) -> None:
        host = Host(RULES.replace("at: wan, to: 192.168.10.21}", "at: wan, to: 192.168.10.21, hairpin: [lan]}"))
        talk = login(host, CLIENT, ("203.0.113.1", 21))
        assert talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n") == b"PORT 203,0,113,1,19,136\r\n"
        data = Talk(host, "lan", ("192.168.10.21", 20), ("203.0.113.1", 5000)).connect()
        assert (data.server.own, data.server.peer) == (("192.168.10.5", 5000), ("203.0.113.1", 20))


class TestPools:
    def test_the_data_port_lies_in_the_range_of_the_rule(self) -> None:
        host = Host(RULES.replace("from: lan}", "from: lan, ports: 30000-30099}"))
        talk = login(host)
        words = talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n").decode().removeprefix("PORT ").split(",")
        port = int(words[4]) << 8 | int(words[5])
        assert 30000 <= port <= 30099
        data = Talk(host, "wan", ("198.51.100.9", 20), ("203.0.113.1", port)).connect()
        assert data.server.own == ("192.168.10.5", 5000)

    def test_it_lies_in_the_subscribers_block(self) -> None:
        host = Host(RULES.replace("from: lan}", "from: lan, ports: 20000-29999, port-blocks: {size: 100}}"))
        talk = login(host)
        [block] = [block for one in host.engine.ports.blocks.subscribers.values() for block in one.blocks]
        words = talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n").decode().removeprefix("PORT ").split(",")
        port = int(words[4]) << 8 | int(words[5])
        assert block.low <= port <= block.high
        assert block.holders == 2
        data = Talk(host, "wan", ("198.51.100.9", 20), ("203.0.113.1", port)).connect()
        assert data.server.own == ("192.168.10.5", 5000)
        host.wait(1e7)
        assert block.holders == 0

    def test_a_one_to_one_host_keeps_its_port(self) -> None:
        rules = RULES.replace("nat:\n", "nat:\n  - {name: own, one-to-one: 203.0.113.5, at: wan, to: 192.168.10.5}\n")
        host = Host(rules)
        talk = login(host)
        assert talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n") == b"PORT 203,0,113,5,19,136\r\n"
        data = Talk(host, "wan", ("198.51.100.9", 20), ("203.0.113.5", 5000)).connect()
        assert data.server.own == ("192.168.10.5", 5000)


def test_a_forward_to_another_port_keeps_its_helper() -> None:
    host = Host(RULES.replace("at: wan, to: 192.168.10.21}", 'at: wan, to: "192.168.10.21:2121"}'))
    talk = login(host, ("198.51.100.77", 40000), ("203.0.113.1", 21), "wan")
    assert talk.server.own == ("192.168.10.21", 2121)
    talk.says(talk.client, b"EPSV\r\n")
    assert talk.says(talk.server, b"229 Extended (|||51210|)\r\n") == b"229 Extended (|||51210|)\r\n"
    data = Talk(host, "wan", ("198.51.100.77", 40001), ("203.0.113.1", 51210)).connect()
    assert data.server.own == ("192.168.10.21", 51210)


class TestTheGatewayItself:
    """As a server, and as a client: what it announces is opened at its own address, to the other side."""

    def segment(self, talk: tuple[tuple[str, int], tuple[str, int]], seq: int, ack: int, data: bytes) -> bytes:
        source, target = talk
        return tcp_packet(source, target, segments.tcp((source[1], target[1]), seq, ack, 24, data=data))

    def test_as_a_server(self) -> None:
        host = Host(RULES + "  lan -> self: [{accept: ftp}]\n")
        client, own = ("192.168.10.5", 40000), ("192.168.10.1", 21)
        assert host.arrive("lan", "tcp 192.168.10.5:40000 > 192.168.10.1:21 SYN seq=1000").startswith("self ")
        assert host.send("tcp 192.168.10.1:21 > 192.168.10.5:40000 SYN+ACK seq=9000 ack=1001").startswith("lan ")
        host.arrive("lan", "tcp 192.168.10.5:40000 > 192.168.10.1:21 ACK seq=1001 ack=9001")
        host.cross("lan", self.segment((client, own), 1001, 9001, b"EPSV\r\n"))
        said = self.segment((own, client), 9001, 1007, b"229 ok (|||51210|)\r\n")
        assert host.engine.packet(said, OUTPUT, 0, 2, 0, host.now)[1] in (None, said)
        assert host.arrive("guest", "tcp 192.168.10.5:40001 > 192.168.10.1:51210 SYN seq=1") == "drop no-zone"
        assert host.arrive("wan", "tcp 192.168.10.5:40001 > 192.168.10.1:51210 SYN seq=1") == "drop no-rule"
        assert host.arrive("lan", "tcp 192.168.10.5:40001 > 192.168.10.1:51210 SYN seq=1").startswith("self ")
        host.cross("lan", self.segment((client, own), 1007, 9021, b"PORT 192,168,10,5,19,136\r\n"))
        assert host.send("tcp 192.168.10.1:20 > 192.168.10.5:5000 SYN seq=1").startswith("lan ")

    def test_as_a_client(self) -> None:
        host = Host(RULES + "  self -> wan: [{accept: ftp}]\n")
        own, server = ("203.0.113.1", 40000), ("198.51.100.9", 21)
        assert host.send("tcp 203.0.113.1:40000 > 198.51.100.9:21 SYN seq=1000").startswith("wan ")
        host.arrive("wan", "tcp 198.51.100.9:21 > 203.0.113.1:40000 SYN+ACK seq=9000 ack=1001")
        host.send("tcp 203.0.113.1:40000 > 198.51.100.9:21 ACK seq=1001 ack=9001")
        said = self.segment((own, server), 1001, 9001, b"PORT 203,0,113,1,19,136\r\n")
        assert host.engine.packet(said, OUTPUT, 0, 1, 0, host.now)[1] in (None, said)
        assert host.arrive("wan", "tcp 198.51.100.8:20 > 203.0.113.1:5000 SYN seq=1") == "drop no-rule"
        assert host.arrive("wan", "tcp 198.51.100.9:20 > 203.0.113.1:5000 SYN seq=1").startswith("self ")
