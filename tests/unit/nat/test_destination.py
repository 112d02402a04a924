"""Where forwards, redirects and one-to-one rules send a connection."""

from socket import AF_INET6, inet_aton, inet_pton

import pytest

from conntrack.nat.destination import fitting, target
from conntrack.policy.nat_rule import FORWARD, ONE_TO_ONE, REDIRECT, NatRule

CLIENT = inet_aton("198.51.100.9")
WEB = [inet_aton(f"192.168.10.{host}") for host in (20, 21, 22)]
ASKED = inet_aton("203.0.113.5")
HERE = inet_aton("192.168.10.1")


def rule(kind: int, addresses: list[bytes], low: int = 0, high: int = 0, first: int = 0) -> NatRule:
    made = NatRule(0, "r", kind, "f", 1)
    made.addresses, made.port_low, made.port_high, made.first_port = addresses, low, high, first
    return made


@pytest.mark.parametrize(
    ("low", "high", "first", "asked", "given"),
    [(0, 0, 0, 443, 443), (8443, 8443, 443, 443, 8443), (9000, 9010, 8000, 8003, 9003), (8080, 8080, 80, 85, 8080)],
)
def test_a_forward_keeps_moves_or_offsets_the_port(low: int, high: int, first: int, asked: int, given: int) -> None:
    assert target(rule(FORWARD, WEB[:1], low, high, first), CLIENT, ASKED, asked, HERE) == (WEB[0], given)


def test_a_client_stays_with_its_server_and_clients_spread_over_all() -> None:
    forward = rule(FORWARD, WEB)
    chosen = [target(forward, inet_aton(f"198.51.100.{host}"), ASKED, 443, HERE)[0] for host in range(1, 200)]
    assert chosen == [target(forward, inet_aton(f"198.51.100.{host}"), ASKED, 443, HERE)[0] for host in range(1, 200)]
    assert {member: chosen.count(member) > 40 for member in WEB} == dict.fromkeys(WEB, True)


def test_only_a_member_of_the_clients_family_fits() -> None:
    six = inet_pton(AF_INET6, "fd10::20")
    assert fitting(CLIENT, [six, WEB[0]]) == WEB[0]
    assert fitting(six, WEB) == b""
    assert target(rule(ONE_TO_ONE, [six, six]), CLIENT, ASKED, 80, HERE) == (b"", 80)


def test_a_redirect_goes_to_the_gateway() -> None:
    assert target(rule(REDIRECT, [], 3128, 3128, 80), CLIENT, ASKED, 80, HERE) == (HERE, 3128)


def test_one_to_one_keeps_every_port() -> None:
    assert target(rule(ONE_TO_ONE, [ASKED, WEB[1]]), CLIENT, ASKED, 1234, HERE) == (WEB[1], 1234)
