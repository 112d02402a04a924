"""From a line of `tests:` to queries: zones, kinds of traffic, what is left out."""

from __future__ import annotations

import pytest

from conntrack.policy.cases import question
from conntrack.policy.problems import Wrong
from conntrack.policy.questions import NOON, SOURCE_PORT, queries
from conntrack.policy.runtime import ANY_ADDRESS, NO_ZONE, Query
from tests.unit.policy_runtime.rulebook import GUEST, LAN, WAN, policy

RULES = policy(
    "services: {all: any, web: [http, https], mine: tcp, high: [udp/5000-5010], errors: [icmp/3/4, icmpv6/2]}"
)


def lines(line: str, wall: float | None = None) -> list[Query]:
    return queries(RULES, question(line), wall)


def kinds(line: str) -> list[tuple[int, int]]:
    """(protocol, port) of each query."""
    return [(int(query.protocol), int(query.destination_port)) for query in lines(line)]


def test_addresses_and_zones() -> None:
    (query,) = lines("lan 192.168.10.5:40000 -> 1.1.1.1 tcp/443")

    assert (query.zone_in, query.zone_out, query.address_zone, query.version) == (LAN, WAN, NO_ZONE, 4)
    assert (query.source, query.destination) == (bytes((192, 168, 10, 5)), bytes((1, 1, 1, 1)))
    assert (query.protocol, query.source_port, query.destination_port) == (6, 40000, 443)


def test_the_destination_s_zone_may_be_named() -> None:
    assert lines("lan 192.168.10.5 -> guest 1.1.1.1 tcp/443")[0].zone_out == GUEST


def test_the_destination_s_zone_is_that_of_its_network() -> None:
    assert lines("wan 2001:db8::1 -> fd10::9 tcp/443")[0].zone_out == LAN


@pytest.mark.parametrize("address", ["", "198.51.100.2 "])
def test_self_is_any_of_its_addresses_even_where_one_is_named(address: str) -> None:
    (query,) = lines(f"wan 1.1.1.1 -> self {address}tcp/22")

    assert (query.zone_out, query.address_zone) == (0, ANY_ADDRESS)
    assert query.destination == (bytes((198, 51, 100, 2)) if address else b"")


def test_self_as_the_source_has_the_version_of_the_destination() -> None:
    assert [lines(f"self -> {target} tcp/22")[0].version for target in ("1.1.1.1", "2001:db8::1")] == [4, 6]


def test_a_source_port_that_was_not_named_is_a_dynamic_one() -> None:
    assert lines("lan 192.168.10.5 -> 1.1.1.1 udp/53")[0].source_port == SOURCE_PORT


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        ("tcp/443", [(6, 443)]),
        ("dns", [(17, 53), (6, 53)]),
        ("web", [(6, 80), (6, 443)]),
        ("high", [(17, 5000), (17, 5010)]),
        ("mine", [(6, 1), (6, 65535)]),
        ("all", [(6, 1), (17, 1)]),
        ("gre", [(47, 0)]),
        ("ping", [(1, 8 << 8)]),
        ("icmp", [(1, 8 << 8)]),
        ("icmp/3/4", [(1, 0x0304)]),
        ("errors", [(1, 0x0304)]),
    ],
)
def test_every_kind_of_traffic_is_asked_for(service: str, asked: list[tuple[int, int]]) -> None:
    assert kinds(f"lan 192.168.10.5 -> 1.1.1.1 {service}") == asked


def test_only_kinds_of_the_line_s_ip_version() -> None:
    assert kinds("lan fd10::5 -> 2001:db8::1 ping") == [(58, 128 << 8)]
    assert kinds("lan fd10::5 -> 2001:db8::1 errors") == [(58, 2 << 8)]
    with pytest.raises(Wrong, match=r"icmp/8 does not exist in IPv6"):
        kinds("lan fd10::5 -> 2001:db8::1 icmp/8")


def test_icmp_has_a_type_and_a_code() -> None:
    (query,) = lines("lan 192.168.10.5 -> 1.1.1.1 icmp/3/4")

    assert (query.icmp_type, query.icmp_code, query.source_port) == (3, 4, 0)
    assert lines("lan 192.168.10.5 -> 1.1.1.1 tcp/1")[0].icmp_type == -1


def test_without_a_time_tests_are_on_monday_noon_and_explain_is_now() -> None:
    line = "lan 192.168.10.5 -> 1.1.1.1 tcp/443"

    assert lines(line)[0].minute == NOON
    assert (lines(line, 1e9)[0].minute, lines(line, 1e9)[0].wall) == (-1, 1e9)


def test_a_named_time_goes_before_both() -> None:
    line = "lan 192.168.10.5 -> 1.1.1.1 tcp/443 at tue 01:02"

    assert [lines(line, wall)[0].minute for wall in (None, 1e9)] == [1440 + 62] * 2


@pytest.mark.parametrize("line", ["lna 10.0.0.1 -> 1.1.1.1 tcp/1", "wan 10.0.0.1 -> lna 1.1.1.1 tcp/1"])
def test_an_unknown_zone(line: str) -> None:
    with pytest.raises(Wrong, match='unknown zone "lna"') as caught:
        lines(line)

    assert "lan" in caught.value.hint


def test_an_unknown_service() -> None:
    with pytest.raises(Wrong, match='unknown service "htps"'):
        lines("lan 192.168.10.5 -> 1.1.1.1 htps")
