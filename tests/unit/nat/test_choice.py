"""Choosing an outside port: keep it, reuse it, search it, give up."""

from random import Random
from socket import inet_aton

import pytest

from conntrack.flow.connection import Connection
from conntrack.flow.pair import build, invert, readable
from conntrack.flow.table import Table
from conntrack.nat.choice import Choice, Chooser, port_class
from conntrack.nat.endpoint import inside_of, outside_port
from conntrack.nat.ports import Ports
from conntrack.packet.header import GRE, ICMP, TCP, UDP
from conntrack.policy.nat_rule import CONTIGUITY, EXCLUSIVE, PARITY

OUTSIDE = inet_aton("203.0.113.1")
SERVER = inet_aton("198.51.100.80")
OTHER = inet_aton("198.51.100.81")


class Nat:
    """A table and its ports, with a client's packets going out through one outside address."""

    def __init__(self) -> None:
        self.table = Table()
        self.ports = Ports()
        self.chooser = Chooser(self.table.directions, self.ports, Random(7))

    def choose(
        self,
        host: int,
        port: int,
        to: bytes = SERVER,
        protocol: int = UDP,
        ranged: tuple[int, int] = (0, 0),
        exclusive: bool = False,
        manner: int = 0,
    ) -> tuple[Choice, bytes]:
        client = inet_aton(f"192.168.10.{host}")
        second = 8 << 8 if protocol == ICMP else 53
        key = build(protocol, client, to, port, second)
        return self.chooser.choose(key, OUTSIDE, *ranged, manner or ((EXCLUSIVE | PARITY) if exclusive else 0)), key

    def connect(
        self,
        host: int,
        port: int,
        to: bytes = SERVER,
        protocol: int = UDP,
        ranged: tuple[int, int] = (0, 0),
        exclusive: bool = False,
        manner: int = 0,
    ) -> Connection | None:
        """Chooses and, where a port was free, opens the connection; None where none was."""
        choice, key = self.choose(host, port, to, protocol, ranged, exclusive, manner)
        if not choice.reply:
            return None
        connection = Connection(1, key, choice.reply, 0.0)
        assert self.table.insert(connection)
        if choice.mapped:
            self.ports.map(connection, inside_of(key), choice, exclusive or manner != 0, None, 0.0)
        else:
            self.ports.hold(connection, choice, 0.0)
        return connection

    def close(self, connection: Connection) -> None:
        self.ports.release(connection)
        self.table.remove(connection)


def port_of(connection: Connection | None) -> int:
    assert connection is not None
    return int(outside_port(connection.reply.key))


def test_a_free_port_is_kept_and_replies_come_to_the_outside_address() -> None:
    connection = Nat().connect(5, 40000)
    assert connection is not None
    assert readable(connection.reply.key)[2:] == ("198.51.100.80", 53, "203.0.113.1", 40000)


def test_a_second_host_with_the_same_port_and_peer_gets_another_port() -> None:
    nat = Nat()
    assert port_of(nat.connect(5, 40000)) == 40000
    other = port_of(nat.connect(6, 40000))
    assert other != 40000
    assert 1024 <= other <= 65535


def test_a_second_host_with_the_same_port_but_another_peer_keeps_it_as_the_kernel_does() -> None:
    nat = Nat()
    assert port_of(nat.connect(5, 40000, SERVER)) == 40000
    assert port_of(nat.connect(6, 40000, OTHER)) == 40000
    [use] = nat.ports.uses()
    assert (use.used, use.holders(40000)) == (1, 2)


def test_tcp_and_udp_ports_do_not_meet() -> None:
    nat = Nat()
    assert port_of(nat.connect(5, 40000, protocol=UDP)) == 40000
    assert port_of(nat.connect(6, 40000, protocol=TCP)) == 40000


def test_a_changed_port_is_reused_for_the_same_endpoints_next_peer() -> None:
    nat = Nat()
    nat.connect(5, 40000, SERVER)
    changed = port_of(nat.connect(6, 40000, SERVER))
    assert port_of(nat.connect(6, 40000, OTHER)) == changed


@pytest.mark.parametrize(
    ("port", "low", "high"), [(80, 1, 511), (600, 600, 1023), (513, 600, 1023), (5000, 1024, 65535)]
)
def test_a_search_stays_in_the_source_ports_class(port: int, low: int, high: int) -> None:
    nat = Nat()
    nat.connect(5, port)
    assert low <= port_of(nat.connect(6, port)) <= high
    assert port_class(UDP, port) == (low, high)


def test_a_configured_range_is_obeyed_even_if_the_port_was_free() -> None:
    assert 20000 <= port_of(Nat().connect(5, 40000, ranged=(20000, 20009))) <= 20009
    assert port_of(Nat().connect(5, 20003, ranged=(20000, 20009))) == 20003


def test_when_every_port_of_the_range_is_taken_there_is_none() -> None:
    nat = Nat()
    given = {port_of(nat.connect(host, 40000, ranged=(20000, 20009))) for host in range(1, 11)}
    assert given == set(range(20000, 20010))
    assert nat.connect(11, 40000, ranged=(20000, 20009)) is None
    assert port_of(nat.connect(11, 40000, OTHER, ranged=(20000, 20009))) in given


def test_a_released_port_is_free_again_and_nothing_stays_counted() -> None:
    nat = Nat()
    made = [nat.connect(host, 40000, ranged=(20000, 20003)) for host in range(1, 5)]
    assert nat.connect(9, 40000, ranged=(20000, 20003)) is None
    for one in made:
        assert one is not None
        nat.close(one)
    [use] = nat.ports.uses()
    assert use.used == 0
    assert nat.ports.mapping(inside_of(build(UDP, inet_aton("192.168.10.2"), SERVER, 40000, 53))) is None
    assert nat.connect(9, 40000, ranged=(20000, 20003)) is not None


def test_a_port_of_the_gateways_own_sockets_is_never_handed_out() -> None:
    nat = Nat()
    nat.ports.own = {UDP << 16 | 40000, *(UDP << 16 | port for port in range(20000, 20009))}
    assert port_of(nat.connect(5, 40000)) != 40000
    assert port_of(nat.connect(5, 40001, ranged=(20000, 20009))) == 20009
    assert port_of(nat.connect(5, 40000, protocol=TCP)) == 40000


def test_endpoint_independent_an_endpoint_has_one_port_for_every_peer() -> None:
    nat = Nat()
    first = port_of(nat.connect(5, 40000, SERVER, exclusive=True))
    assert port_of(nat.connect(5, 40000, OTHER, exclusive=True)) == first


def test_endpoint_independent_ports_are_not_overloaded() -> None:
    nat = Nat()
    assert port_of(nat.connect(5, 40000, SERVER, exclusive=True)) == 40000
    assert port_of(nat.connect(6, 40000, OTHER, exclusive=True)) != 40000
    assert port_of(nat.connect(7, 40000, OTHER)) != 40000  # not even for a rule that would share


def test_an_endpoint_independent_port_is_free_after_its_last_connection() -> None:
    nat = Nat()
    first = nat.connect(5, 40000, SERVER, exclusive=True)
    second = nat.connect(5, 40000, OTHER, exclusive=True)
    assert first is not None
    assert second is not None
    nat.close(first)
    assert port_of(nat.connect(6, 40000, SERVER, exclusive=True)) != 40000
    nat.close(second)
    assert port_of(nat.connect(7, 40000, OTHER, exclusive=True)) == 40000


def test_echo_requests_with_the_same_identifier_get_different_ones() -> None:
    nat = Nat()
    assert port_of(nat.connect(5, 4711, protocol=ICMP)) == 4711
    second = nat.connect(6, 4711, protocol=ICMP)
    assert port_of(second) != 4711
    assert second is not None
    assert readable(second.reply.key).destination_port == 0  # an echo reply


def test_a_protocol_without_ports_can_be_translated_once_a_peer() -> None:
    nat = Nat()
    assert nat.connect(5, 0, SERVER, protocol=GRE) is not None
    assert nat.connect(6, 0, SERVER, protocol=GRE) is None
    assert nat.connect(6, 0, OTHER, protocol=GRE) is not None


def test_a_key_that_is_built_for_any_port_is_the_inverse_of_the_translated_one() -> None:
    choice, key = Nat().choose(5, 40000, protocol=TCP)
    translated = key[:2] + OUTSIDE + key[6:]
    assert choice.reply == invert(translated)


def pair(nat: Nat, host: int, port: int, to: bytes = SERVER) -> tuple[int, int]:
    """The outside ports of an RTP port and of its RTCP port."""
    both = EXCLUSIVE | PARITY | CONTIGUITY
    return port_of(nat.connect(host, port, to, manner=both)), port_of(nat.connect(host, port + 1, to, manner=both))


def test_contiguity_keeps_rtp_and_rtcp_neighbours() -> None:
    nat = Nat()
    assert pair(nat, 5, 40000) == (40000, 40001)
    for host in range(6, 30):
        rtp, rtcp = pair(nat, host, 40000)
        assert (rtp % 2, rtcp) == (0, rtp + 1)


def test_contiguity_leaves_the_neighbour_of_a_port_to_its_own_host() -> None:
    nat = Nat()
    both = EXCLUSIVE | PARITY | CONTIGUITY
    first = port_of(nat.connect(5, 40000, manner=both))
    assert port_of(nat.connect(6, 40001, manner=both)) != first + 1
    assert port_of(nat.connect(5, 40001, manner=both)) == first + 1


def test_contiguity_works_from_the_odd_port_too() -> None:
    nat = Nat()
    both = EXCLUSIVE | PARITY | CONTIGUITY
    nat.connect(9, 40001, manner=both)
    odd = port_of(nat.connect(5, 40001, manner=both))
    assert odd != 40001
    assert port_of(nat.connect(5, 40000, manner=both)) == odd - 1


def test_contiguity_gives_way_before_the_connection_does() -> None:
    nat = Nat()
    both = EXCLUSIVE | PARITY | CONTIGUITY
    found = {port_of(nat.connect(host, 40000, ranged=(6000, 6003), manner=both)) for host in range(5, 9)}
    assert found == {6000, 6001, 6002, 6003}


def test_without_parity_any_port_will_do() -> None:
    nat = Nat()
    ports = {port_of(nat.connect(host, 40000, manner=EXCLUSIVE)) % 2 for host in range(5, 40)}
    assert ports == {0, 1}
