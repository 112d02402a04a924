"""What waits for a data connection: how long, and under which rules."""

from __future__ import annotations

from conntrack.flow.connection import HELPED
from tests.host import Host
from tests.talk import Talk
from tests.unit.helper.ftp_scene import RULES, login


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
