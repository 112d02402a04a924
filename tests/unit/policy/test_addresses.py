"""Addresses, networks, ranges, selections, targets."""

from __future__ import annotations

import ipaddress
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntrack.policy import addresses
from conntrack.policy.addresses import parse, show, show_span
from conntrack.policy.problems import Wrong, Wrongs
from conntrack.policy.raw import Row
from conntrack.policy.values import Addresses, Listen, Span, Target


def packed(word: str) -> bytes:
    return inet_pton(AF_INET6 if ":" in word else AF_INET, word)


def span(low: str, high: str | None = None) -> Span:
    return Span(packed(low), packed(high or low))


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("192.0.2.1", span("192.0.2.1")),
        ("192.0.2.0/24", span("192.0.2.0", "192.0.2.255")),
        ("0.0.0.0/0", span("0.0.0.0", "255.255.255.255")),
        ("192.0.2.1/32", span("192.0.2.1")),
        ("192.0.2.7-192.0.2.9", span("192.0.2.7", "192.0.2.9")),
        ("192.0.2.7 - 192.0.2.9", span("192.0.2.7", "192.0.2.9")),
        ("2001:db8::1", span("2001:db8::1")),
        ("fd10::/64", span("fd10::", "fd10::ffff:ffff:ffff:ffff")),
        ("::/0", span("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
        ("2001:db8::1-2001:db8::9", span("2001:db8::1", "2001:db8::9")),
        ("::ffff:192.0.2.1", span("::ffff:192.0.2.1")),
    ],
)
def test_spans(word: str, found: Span) -> None:
    assert parse(word) == found


@pytest.mark.parametrize(
    "word",
    [
        "192.0.2",
        "192.0.2.256",
        "192.0.2.1.1",
        "010.0.0.1",
        "0x7f.0.0.1",
        "2130706433",
        "192.0.2.1/33",
        "192.0.2.0/024",
        "192.0.2.0/255.255.255.0",
        "192.0.2.1/24",
        "192.0.2.0/",
        "192.0.2.0/-1",
        "/24",
        "fd10::/129",
        "fd10::1/64",
        "fe80::1%eth0",
        ":::1",
        "1:2:3:4:5:6:7:8:9",
        "a-b",
        "192.0.2.9-192.0.2.1",
        "192.0.2.1-",
        "-192.0.2.1",
        "192.0.2.1-2001:db8::1",
        "192.0.2.0/24-192.0.3.0/24",
        "example.com",
        "192.0.2.1\x00",
        "１92.0.2.1",
        "",
        " ",
    ],
)
def test_no_spans(word: str) -> None:
    with pytest.raises(Wrong):
        parse(word)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("192.0.2.77/28", "the network is 192.0.2.64/28, the address alone is 192.0.2.77"),
        ("fd10::1/64", "the network is fd10::/64, the address alone is fd10::1"),
        ("192.0.2.300", "each of the four numbers is from 0 to 255"),
        ("192.000.2.1", "leave out leading zeros"),
        ("fe80::1%eth0", "leave out the %interface"),
        ("gateway.example", "names are not looked up; write the address"),
        ("192.0.2.9-192.0.2.1", "write the lower address first: 192.0.2.1-192.0.2.9"),
        ("192.0.2.0/40", "it is from /0 to /32"),
    ],
)
def test_each_mistake_has_its_remedy(word: str, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        parse(word)
    assert caught.value.hint == hint


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks_agree_with_the_standard_library(address: Any, bits: int) -> None:
    network = ipaddress.ip_network((address, min(bits, address.max_prefixlen)), strict=False)
    assert parse(str(network)) == Span(network[0].packed, network[-1].packed)


@given(st.text(alphabet="0123456789abcdef.:/-% ", max_size=24))
def test_what_is_taken_is_what_the_standard_library_takes(word: str) -> None:
    try:
        found = parse(word)
    except Wrong:
        return
    if "-" not in word:
        network = ipaddress.ip_network(word)
        assert found == Span(network[0].packed, network[-1].packed)


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_network_is_shown_as_it_would_be_written(address: Any, bits: int) -> None:
    network = ipaddress.ip_network((address, min(bits, address.max_prefixlen)), strict=False)
    assert parse(show_span(parse(str(network)))) == parse(str(network))


def test_shown() -> None:
    assert show(packed("192.0.2.1")) == "192.0.2.1"
    assert show_span(span("192.0.2.1")) == "192.0.2.1"
    assert show_span(span("192.0.2.0", "192.0.2.255")) == "192.0.2.0/24"
    assert show_span(span("192.0.2.1", "192.0.2.2")) == "192.0.2.1-192.0.2.2"
    assert show_span(span("192.0.2.0", "192.0.2.2")) == "192.0.2.0-192.0.2.2"
    assert show_span(span("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) == "::/0"


def test_a_selection_sorts_addresses_from_sets_and_the_wanted_from_the_excepted() -> None:
    words = Row(["192.0.2.0/24", "admins", "!192.0.2.7", "!guests", "! fd00::/8"])
    assert addresses.selection(words) == Addresses(
        spans=(parse("192.0.2.0/24"),),
        sets=("admins",),
        except_spans=(parse("192.0.2.7"), parse("fd00::/8")),
        except_sets=("guests",),
    )


@pytest.mark.parametrize("name", ["admins", "a", "dead.beef", "fe-80", "face_b00c"])
def test_a_word_that_begins_with_a_letter_and_has_no_colon_is_a_set(name: str) -> None:
    assert addresses.selection(name) == Addresses(sets=(name,))


@pytest.mark.parametrize("word", ["fe80::1", "dead:beef::", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"])
def test_an_address_that_begins_with_a_letter_is_an_address(word: str) -> None:
    assert addresses.selection(word).spans == (parse(word),)


def test_any_alone_is_everything() -> None:
    assert addresses.selection("any") == Addresses()


@pytest.mark.parametrize("words", [Row(["any", "10.0.0.1"]), "!any", Row(), "", Row([""])])
def test_no_selections(words: Any) -> None:
    with pytest.raises((Wrong, Wrongs)):
        addresses.selection(words)


def test_every_wrong_word_of_a_selection_is_told_by_its_place() -> None:
    with pytest.raises(Wrongs) as caught:
        addresses.selection(Row(["10.0.0.1", "10.0.0.300", "set", "!1.2.3"]))
    assert [wrong.path for wrong in caught.value.wrongs] == [(1,), (3,)]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("192.0.2.1", Target(span("192.0.2.1"))),
        ("192.0.2.1:8443", Target(span("192.0.2.1"), 8443)),
        ("192.0.2.1-192.0.2.3", Target(span("192.0.2.1", "192.0.2.3"))),
        ("192.0.2.1-192.0.2.3:80", Target(span("192.0.2.1", "192.0.2.3"), 80)),
        ("fd00::20", Target(span("fd00::20"))),
        ("[fd00::20]", Target(span("fd00::20"))),
        ("[fd00::20]:443", Target(span("fd00::20"), 443)),
    ],
)
def test_targets(word: str, found: Target) -> None:
    assert addresses.target(word) == found


@pytest.mark.parametrize(
    "word", ["192.0.2.0/24", "192.0.2.1:0", "192.0.2.1:", "[fd00::20]:", "[fd00::20]443", "host:80", ":80"]
)
def test_no_targets(word: str) -> None:
    with pytest.raises(Wrong):
        addresses.target(word)


@pytest.mark.parametrize(
    ("word", "found"),
    [("127.0.0.1:9469", Listen("127.0.0.1", 9469)), ("[::1]:9469", Listen("::1", 9469)), ("off", Listen("", 0))],
)
def test_listening_sockets(word: str, found: Listen) -> None:
    assert addresses.listen(word) == found


@pytest.mark.parametrize(
    "word", ["9469", "::1", "127.0.0.1", "localhost:9469", "127.0.0.1:99999", "on", "10.0.0.1-10.0.0.2:80"]
)
def test_no_listening_sockets(word: str) -> None:
    with pytest.raises(Wrong):
        addresses.listen(word)


def test_a_single_address_is_no_network() -> None:
    assert addresses.address("192.0.2.1") == span("192.0.2.1")
    with pytest.raises(Wrong, match="more than one address"):
        addresses.address("192.0.2.0/31")
