"""Lines of `tests:` and questions to `explain`."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton

import pytest

from conntrack.policy.cases import case, question
from conntrack.policy.problems import Wrong
from conntrack.policy.raw import word
from conntrack.policy.values import NOWHERE, Case, Position


def packed(address: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in address else AF_INET, address)


def test_a_line_with_everything() -> None:
    line = "guest 192.168.20.9:40000 -> wan 1.1.1.1 https at sat 23:30 = drop"
    assert case(word(line, Position("rules.yaml", 7, 5))) == Case(
        text=line,
        position=Position("rules.yaml", 7, 5),
        zone_in="guest",
        source=packed("192.168.20.9"),
        source_port=40000,
        zone_out="wan",
        destination=packed("1.1.1.1"),
        service="https",
        minute=5 * 1440 + 23 * 60 + 30,
        verdict="drop",
    )


def test_the_shortest_line() -> None:
    found = question("lan 192.168.1.5 -> 1.1.1.1 tcp/443")
    assert found == Case(
        text="lan 192.168.1.5 -> 1.1.1.1 tcp/443",
        position=NOWHERE,
        zone_in="lan",
        source=packed("192.168.1.5"),
        source_port=0,
        zone_out="",
        destination=packed("1.1.1.1"),
        service="tcp/443",
        minute=None,
        verdict="",
    )


def test_self_stands_alone_or_with_an_address() -> None:
    assert question("wan 198.51.100.9 -> self tcp/22")[5:8] == ("self", b"", "tcp/22")
    assert question("wan 198.51.100.9 -> self 203.0.113.1 tcp/22")[5:8] == ("self", packed("203.0.113.1"), "tcp/22")
    assert question("self -> wan 1.1.1.1 https")[2:4] == ("self", b"")
    assert question("self 203.0.113.1 -> 1.1.1.1 https")[2:4] == ("self", packed("203.0.113.1"))


def test_ipv6_with_and_without_ports() -> None:
    found = question("lan [fd10::5]:40000 -> 2001:db8::1 udp/53 = accept")
    assert (found.source, found.source_port, found.destination) == (packed("fd10::5"), 40000, packed("2001:db8::1"))
    assert question("lan fd10::5 -> wan 2001:db8::1 udp/53").source_port == 0


@pytest.mark.parametrize(("at", "minute"), [("at 22:30", 1350), ("at mon 00:00", 0), ("at sun 23:59", 10079)])
def test_a_time_is_a_minute_of_the_week(at: str, minute: int) -> None:
    assert question(f"lan 10.0.0.1 -> 1.1.1.1 https {at}").minute == minute


@pytest.mark.parametrize("service", ["ping", "dns", "icmp/echo-request", "icmp", "gre", "proto/47", "udp/53", "esp"])
def test_services(service: str) -> None:
    assert question(f"lan 10.0.0.1 -> 1.1.1.1 {service}").service == service


def test_spaces_do_not_matter() -> None:
    tight = question("lan 10.0.0.1->1.1.1.1 https=accept")
    wide = question("  lan   10.0.0.1  ->  1.1.1.1   https   =   accept  ")
    assert tight[2:] == wide[2:]
    assert tight.verdict == "accept"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lan 10.0.0.1 1.1.1.1 https", '"lan 10.0.0.1 1.1.1.1 https" has no "->"'),
        ("lan -> 1.1.1.1 https", '"lan" is not a zone and an address'),
        ("10.0.0.1 -> 1.1.1.1 https", '"10.0.0.1" is not a zone and an address'),
        ("lan 10.0.0.1 -> https", "the service is missing"),
        ("lan 10.0.0.1 ->", "the destination is missing"),
        ("lan 10.0.0.1 -> wan https", '"wan" is not an address'),
        ("lan 10.0.0.1 -> wan 1.1.1.1 2.2.2.2 https", '"wan 1.1.1.1 2.2.2.2" is more than a zone and an address'),
        ("lan 10.0.0.0/24 -> 1.1.1.1 https", "10.0.0.0/24 is more than one address"),
        ("lan 10.0.0.1 -> 1.1.1.1:443 https", "the destination's port belongs to the service"),
        ("lan 10.0.0.1 -> 2001:db8::1 https", "source and destination are not of the same IP version"),
        ("lan 10.0.0.1 -> 1.1.1.1 any", '"any" is more than one port'),
        ("lan 10.0.0.1 -> 1.1.1.1 tcp/80-90", '"tcp/80-90" is more than one port'),
        ("lan 10.0.0.1 -> 1.1.1.1 tcp", '"tcp" lacks a port'),
        ("lan 10.0.0.1 -> 1.1.1.1 tcp/0", "0 is out of range"),
        ("lan 10.0.0.1 -> 1.1.1.1 https at", '"at" lacks a time'),
        ("lan 10.0.0.1 -> 1.1.1.1 https at noon", '"noon" is not a time of day'),
        ("lan 10.0.0.1 -> 1.1.1.1 https at moo 22:30", '"moo 22:30" is not a time'),
        ("lan 10.0.0.1 -> 1.1.1.1 https = allow", '"allow" is not a verdict'),
        ("lan 10.0.0.1:99999 -> 1.1.1.1 https", "99999 is out of range"),
    ],
)
def test_what_is_no_question(line: str, message: str) -> None:
    with pytest.raises(Wrong) as caught:
        question(line)
    assert caught.value.message == message


def test_a_test_must_expect_something_and_explain_need_not() -> None:
    assert question("lan 10.0.0.1 -> 1.1.1.1 https").verdict == ""
    with pytest.raises(Wrong, match="expects nothing"):
        case("lan 10.0.0.1 -> 1.1.1.1 https")
