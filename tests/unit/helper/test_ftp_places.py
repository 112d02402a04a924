"""FTP wherever an end may stand: beside the other, behind pools and forwards, on the gateway itself."""

from __future__ import annotations

from conntrack.engine.verdict import OUTPUT
from tests import segments
from tests.host import Host
from tests.talk import Talk, tcp_packet
from tests.unit.helper.ftp_scene import CLIENT, RULES, login, told


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
        port = told(talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n"))
        assert 30000 <= port <= 30099
        data = Talk(host, "wan", ("198.51.100.9", 20), ("203.0.113.1", port)).connect()
        assert data.server.own == ("192.168.10.5", 5000)

    def test_it_lies_in_the_subscribers_block(self) -> None:
        host = Host(RULES.replace("from: lan}", "from: lan, ports: 20000-29999, port-blocks: {size: 100}}"))
        talk = login(host)
        [block] = [block for one in host.engine.ports.blocks.subscribers.values() for block in one.blocks]
        port = told(talk.says(talk.client, b"PORT 192,168,10,5,19,136\r\n"))
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
