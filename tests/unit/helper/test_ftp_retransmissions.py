"""A line that grew on its way, sent again, in pieces, acknowledged selectively."""

from __future__ import annotations

from tests.host import LINKS, Host
from tests.talk import Talk
from tests.unit.helper.ftp_scene import RULES, login


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
