"""What happens without a rule: the table, and the built-in rules that are judged like others."""

from __future__ import annotations

import pytest

from conntrack.packet import reason
from conntrack.policy import builtins
from conntrack.policy.runtime import ACCEPT, DROP, Query
from tests.unit.policy_runtime.rulebook import GUEST, LAN, WAN, by, policy

NOTHING = policy("policy: {any -> any: drop}")


def test_the_table_s_numbers_are_places_in_the_policy() -> None:
    names = {
        builtins.ESTABLISHED: "established",
        builtins.RELATED: "related",
        builtins.INVALID: "invalid",
        builtins.LOOPBACK: "loopback",
        builtins.NEIGHBOUR: "neighbour",
        builtins.DHCP_CLIENT: "dhcp-client",
        builtins.ERRORS: "errors",
        builtins.NO_ZONE: "no-zone",
    }

    assert {number: NOTHING.rules[number].name for number in names} == names
    assert len(builtins.TABLE) == len(names)
    assert all(NOTHING.rules[number].pair == builtins.PAIR for number in names)
    assert NOTHING.rules[len(names)].pair == "any -> any"


def test_what_the_engine_asks_for_by_name_is_in_the_table() -> None:
    assert NOTHING.established is NOTHING.rules[builtins.ESTABLISHED]
    assert NOTHING.related is NOTHING.rules[builtins.RELATED]
    assert NOTHING.invalid is NOTHING.rules[builtins.INVALID]
    assert NOTHING.no_zone is NOTHING.rules[builtins.NO_ZONE]
    assert (NOTHING.invalid.action, NOTHING.no_zone.action) == (DROP, DROP)
    assert NOTHING.no_zone.reason == reason.NO_ZONE


def test_every_policy_counts_for_itself() -> None:
    first, second = builtins.rules(), builtins.rules()

    first[builtins.RELATED].hits += 1

    assert second[builtins.RELATED].hits == 0


def test_every_entry_says_what_it_is_for() -> None:
    assert all(action in (ACCEPT, DROP) and len(meaning) > 20 for _, action, _, meaning in builtins.TABLE)


def between(zone_in: int, zone_out: int, protocol: int, port: int, source_port: int = 0, version: int = 4) -> Query:
    query = Query()
    query.zone_in, query.zone_out = zone_in, zone_out
    query.version = version
    query.protocol = protocol
    query.source = query.destination = bytes(4 if version == 4 else 16)
    query.source_port, query.destination_port = source_port, port
    return query


def name(query: Query) -> str:
    return NOTHING.foresee(query, None).name


def test_loopback() -> None:
    assert name(between(0, 0, 6, 80)) == "loopback"


@pytest.mark.parametrize("kind", [*range(128, 138), 143, 144, *range(150, 155)])
def test_neighbours_speak_with_the_gateway_but_not_through_it(kind: int) -> None:
    neighbours = {*range(130, 137), 143, *range(151, 154)}
    expected = "neighbour" if kind in neighbours else "any -> any #1"

    assert name(between(LAN, 0, 58, kind << 8, version=6)) == expected
    assert name(between(0, WAN, 58, kind << 8 | 255, version=6)) == expected
    assert name(between(LAN, WAN, 58, kind << 8, version=6)) == "any -> any #1"
    assert name(between(LAN, 0, 17, kind << 8, version=6)) == "any -> any #1"


@pytest.mark.parametrize(
    ("protocol", "version", "errors"),
    [(1, 4, {3, 11, 12}), (58, 6, {1, 2, 3, 4, *range(130, 137), 143, *range(151, 154)})],
)
def test_the_gateway_s_own_icmp_errors_leave(protocol: int, version: int, errors: set[int]) -> None:
    leaving = {
        kind for kind in range(256) if name(between(0, LAN, protocol, kind << 8, version=version)) != "any -> any #1"
    }

    assert leaving == errors
    assert name(between(LAN, WAN, protocol, 3 << 8, version=version)) == "any -> any #1"


@pytest.mark.parametrize(
    ("query", "passes"),
    [
        (between(WAN, 0, 17, 68, 67), True),  # a server's answer
        (between(0, WAN, 17, 67, 68), True),  # our question
        (between(WAN, 0, 17, 546, 547, version=6), True),
        (between(0, WAN, 17, 547, 546, version=6), True),
        (between(WAN, 0, 17, 68, 68), False),
        (between(WAN, 0, 17, 67, 68), False),  # another client's question
        (between(WAN, 0, 17, 546, 547, version=4), False),
        (between(WAN, 0, 17, 68, 67, version=6), False),
        (between(WAN, 0, 6, 68, 67), False),
        (between(GUEST, 0, 17, 68, 67), False),  # no DHCP client there
        (between(WAN, LAN, 17, 68, 67), False),
    ],
)
def test_dhcp_clients(query: Query, passes: bool) -> None:
    assert (name(query) == "dhcp-client") is passes


def test_without_a_dhcp_client_no_rule_looks_at_source_ports() -> None:
    from conntrack.policy.zones import Zone

    zones = [Zone(0, "self", (), ()), Zone(1, "wan", ("eth0",), ())]

    assert not any(match.source_ports for match in builtins.matches(zones, builtins.rules()))


def test_built_in_rules_stand_before_those_of_the_file() -> None:
    assert by(NOTHING, "wan 192.0.2.1:67 -> self udp/68") == "dhcp-client"
    assert by(NOTHING, "wan 192.0.2.1 -> self udp/68") == "any -> any #1"
