"""Socket pairs as keys: layout, inversion, what must differ."""

from socket import AF_INET6, inet_aton, inet_pton

import pytest

from conntrack.flow.pair import build, invert, prefixes, readable
from conntrack.packet.header import ICMP, ICMPV6, TCP, UDP

CLIENT = inet_aton("192.168.10.5")
SERVER = inet_aton("1.1.1.1")


def test_a_reply_comes_from_the_destination_to_the_source() -> None:
    key = build(TCP, CLIENT, SERVER, 40000, 443)
    assert invert(key) == build(TCP, SERVER, CLIENT, 443, 40000)


@pytest.mark.parametrize("protocol", [TCP, UDP, ICMP, ICMPV6, 47, 89])
def test_inverting_twice_gives_the_key_again(protocol: int) -> None:
    key = build(protocol, CLIENT, SERVER, 7, 8 << 8 if protocol == ICMP else 128 << 8)
    assert invert(invert(key)) == key


def test_tcp_53_and_udp_53_are_different_socket_pairs() -> None:
    assert build(TCP, CLIENT, SERVER, 5000, 53) != build(UDP, CLIENT, SERVER, 5000, 53)


def test_the_same_addresses_in_two_spaces_are_different_socket_pairs() -> None:
    assert build(TCP, CLIENT, SERVER, 1, 2, space=0) != build(TCP, CLIENT, SERVER, 1, 2, space=3)
    assert prefixes(3)[TCP] == bytes((TCP, 3))


@pytest.mark.parametrize(
    ("protocol", "request_type", "reply_type"), [(ICMP, 8, 0), (ICMP, 13, 14), (ICMP, 17, 18), (ICMPV6, 128, 129)]
)
def test_an_echo_reply_keeps_the_identifier_and_has_the_replys_type(
    protocol: int, request_type: int, reply_type: int
) -> None:
    request = build(protocol, CLIENT, SERVER, 4711, request_type << 8)
    assert readable(invert(request))[2:] == ("1.1.1.1", 4711, "192.168.10.5", reply_type << 8)


def test_a_readable_pair_says_what_was_built() -> None:
    inside, outside = inet_pton(AF_INET6, "fd10::5"), inet_pton(AF_INET6, "2001:db8::1")
    key = build(UDP, inside, outside, 5353, 53, space=2)
    assert len(key) == 38
    assert readable(key) == (UDP, 2, "fd10::5", 5353, "2001:db8::1", 53)
