"""What FTP announces and must not be opened, or not for everybody."""

from __future__ import annotations

import pytest

from conntrack.flow.connection import HELPED
from tests.host import Host
from tests.talk import Talk
from tests.unit.helper.ftp_scene import CLIENT, RULES, SERVER, login


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
