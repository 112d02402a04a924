"""FTP through the whole engine: both ends' stacks must agree with what reaches them, whatever was changed."""

from __future__ import annotations

from conntrack.flow.connection import HELPED, RELATED
from tests.host import LINKS, Host
from tests.talk import Talk
from tests.unit.helper.ftp_scene import CLIENT, RULES, SERVER, SIX, SIX_SERVER, login, told


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
        port = told(talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n"))
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
