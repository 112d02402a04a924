"""Service words and what they stand for."""

from __future__ import annotations

import re

import pytest

from conntrack.policy import services, wellknown
from conntrack.policy.problems import Wrong, Wrongs
from conntrack.policy.raw import Row
from conntrack.policy.services import direct, resolve
from conntrack.policy.values import ANY_PROTOCOL, Traffic

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


@pytest.mark.parametrize(
    ("word", "traffic"),
    [
        ("any", Traffic(ANY_PROTOCOL)),
        ("tcp", Traffic(TCP)),
        ("tcp/443", Traffic(TCP, 443, 443)),
        ("udp/5000-5010", Traffic(UDP, 5000, 5010)),
        ("sctp/3868", Traffic(132, 3868, 3868)),
        ("dccp/5004", Traffic(33, 5004, 5004)),
        ("udplite/5004", Traffic(136, 5004, 5004)),
        ("icmp", Traffic(ICMP)),
        ("icmpv6", Traffic(ICMPV6)),
        ("icmp/echo-request", Traffic(ICMP, icmp_type=8)),
        ("icmp/8", Traffic(ICMP, icmp_type=8)),
        ("icmp/3/4", Traffic(ICMP, icmp_type=3, icmp_code=4)),
        ("icmp/fragmentation-needed", Traffic(ICMP, icmp_type=3, icmp_code=4)),
        ("icmpv6/echo-request", Traffic(ICMPV6, icmp_type=128)),
        ("icmpv6/packet-too-big", Traffic(ICMPV6, icmp_type=2)),
        ("gre", Traffic(47)),
        ("esp", Traffic(50)),
        ("ospf", Traffic(89)),
        ("proto/47", Traffic(47)),
        ("proto/0", Traffic(0)),
        ("proto/255", Traffic(255)),
    ],
)
def test_words_that_say_it_themselves(word: str, traffic: Traffic) -> None:
    assert direct(word) == traffic


@pytest.mark.parametrize(
    "word",
    [
        "tcp/",
        "tcp/0",
        "tcp/65536",
        "tcp/90-80",
        "tcp/http",
        "443/tcp",
        "tpc/443",
        "gre/47",
        "icmp/echo",
        "icmp/256",
        "icmp/3/",
        "icmp/3/256",
        "icmp/echo-request/0",
        "proto/256",
        "proto/gre",
        "proto/047",
        "tcp/0x50",
        "/80",
        "TCP/80",
    ],
)
def test_words_that_say_it_wrongly(word: str) -> None:
    with pytest.raises(Wrong):
        direct(word)


def test_a_name_says_nothing_itself() -> None:
    assert direct("https") is None


@pytest.mark.parametrize(
    ("name", "traffic"),
    [
        ("https", [Traffic(TCP, 443, 443)]),
        ("dns", [Traffic(UDP, 53, 53), Traffic(TCP, 53, 53)]),
        ("quic", [Traffic(UDP, 443, 443)]),
        ("ntp", [Traffic(UDP, 123, 123)]),
        ("dhcp", [Traffic(UDP, 67, 67)]),
        ("dhcpv6", [Traffic(UDP, 547, 547)]),
        ("ssh", [Traffic(TCP, 22, 22)]),
        ("ping", [Traffic(ICMP, icmp_type=8), Traffic(ICMPV6, icmp_type=128)]),
        ("ftp", [Traffic(TCP, 21, 21, helper="ftp")]),
        ("sip", [Traffic(UDP, 5060, 5060, helper="sip"), Traffic(TCP, 5060, 5060, helper="sip")]),
        ("ipsec", [Traffic(UDP, 500, 500), Traffic(UDP, 4500, 4500), Traffic(50), Traffic(51)]),
        ("wireguard", [Traffic(UDP, 51820, 51820)]),
        ("bgp", [Traffic(TCP, 179, 179)]),
        ("vnc", [Traffic(TCP, 5900, 5909)]),
    ],
)
def test_names_of_the_table(name: str, traffic: list[Traffic]) -> None:
    assert resolve([name], {}) == tuple(traffic)


@pytest.mark.parametrize("name", wellknown.SERVICES)
def test_every_entry_of_the_table_is_well_formed(name: str) -> None:
    words, meaning = wellknown.SERVICES[name]
    assert services.NAME.fullmatch(name)
    assert name not in services.RESERVED
    assert meaning
    assert all(direct(word) is not None for word in words.split())
    assert resolve([name], {})


def test_the_table_is_large_enough_to_be_useful() -> None:
    wanted = """http https dns quic ntp dhcp dhcpv6 ping ssh smtp submission imap imaps smb rdp ipsec wireguard openvpn
        sip mdns ssdp snmp syslog tftp ftp bgp ldap kerberos mysql postgresql vnc"""
    assert set(wanted.split()) <= set(wellknown.SERVICES)
    assert len(wellknown.SERVICES) >= 80
    assert set(wellknown.HELPERS) <= set(wellknown.SERVICES)


def test_words_are_united_in_their_order_and_without_repetition() -> None:
    found = resolve(["https", "dns", "tcp/443", "udp/53"], {})
    assert found == (Traffic(TCP, 443, 443), Traffic(UDP, 53, 53), Traffic(TCP, 53, 53))


def test_own_services_are_followed() -> None:
    own = {"web": ("http", "shop"), "shop": ("tcp/8443",)}
    assert resolve(["web"], own) == (Traffic(TCP, 80, 80), Traffic(TCP, 8443, 8443))


def test_an_own_service_may_extend_the_one_of_the_table() -> None:
    assert resolve(["ssh"], {"ssh": ("ssh", "tcp/2222")}) == (Traffic(TCP, 22, 22), Traffic(TCP, 2222, 2222))


def test_going_round_in_circles_is_told_with_the_way() -> None:
    own = {"a": ("b",), "b": ("c", "tcp/1"), "c": ("a",)}
    with pytest.raises(Wrong) as caught:
        resolve(["a"], own)
    assert caught.value.message == 'the service "a" leads back to itself'
    assert caught.value.hint == "the way is a → b → c → a"


def test_a_circle_behind_another_service_is_found_too() -> None:
    with pytest.raises(Wrong, match="leads back"):
        resolve(["x"], {"x": ("a",), "a": ("b",), "b": ("a",)})


def test_redefining_two_names_of_the_table_by_each_other_is_a_circle() -> None:
    with pytest.raises(Wrong, match="leads back"):
        resolve(["http"], {"http": ("https",), "https": ("http",)})


@pytest.mark.parametrize(
    ("word", "hint"), [("htps", 'did you mean "https"?'), ("wireguad", 'did you mean "wireguard"?')]
)
def test_an_unknown_name_is_told_with_the_likely_one(word: str, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        resolve([word], {})
    assert (caught.value.message, caught.value.hint) == (f'unknown service "{word}"', hint)


def test_own_names_are_suggested_first() -> None:
    with pytest.raises(Wrong) as caught:
        resolve(["wbshop"], {"webshop": ("https",)})
    assert caught.value.hint == 'did you mean "webshop"?'


def test_words_may_be_one_or_a_list() -> None:
    assert services.words("https") == ("https",)
    assert services.words(Row(["https", "tcp/80"])) == ("https", "tcp/80")


def test_every_wrong_word_is_told_by_its_place() -> None:
    with pytest.raises(Wrongs) as caught:
        services.words(Row(["tcp/0", "https", "http, dns", ""]))
    assert [wrong.path for wrong in caught.value.wrongs] == [(0,), (2,), (3,)]
    assert caught.value.wrongs[1].hint == "write a list: [http, dns]"


def test_an_empty_list_is_not_a_way_to_write_nothing() -> None:
    with pytest.raises(Wrong, match="empty list"):
        services.words(Row())


def test_ports_of_the_table_are_in_the_language() -> None:
    for words, _ in wellknown.SERVICES.values():
        for word in words.split():
            assert re.fullmatch(r"(tcp|udp)/\d+(-\d+)?|icmp(v6)?/[a-z-]+|proto/\d+|[a-z]+", word)
