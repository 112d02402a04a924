"""Hosts in SIP's headers: URIs, Via, Contact."""

from __future__ import annotations

import pytest

from conntrack.helper.sip.values import read_contacts, read_via, uri_host
from conntrack.helper.words import HostPort, Unreadable

PHONE = bytes((192, 168, 1, 2))


def text(data: bytes, found: HostPort | None) -> bytes:
    assert found is not None
    return data[found.start : found.end]


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        (b"sip:192.168.1.2", b"192.168.1.2"),
        (b"SIP:alice@192.168.1.2:5062", b"192.168.1.2:5062"),
        (b"sips:alice:secret@192.168.1.2;transport=tcp", b"192.168.1.2"),
        (b"sip:a;phone-context=b?c@192.168.1.2:1?subject=x", b"192.168.1.2:1"),
        (b"sip:[2001:db8::7]:5060;lr", b"[2001:db8::7]:5060"),
        (b"sip:alice@example.org", b"example.org"),
    ],
)
def test_the_host_of_a_uri(uri: bytes, host: bytes) -> None:
    assert text(uri, uri_host(uri, 0, len(uri))) == host


def test_other_uris_have_no_host_for_us() -> None:
    assert uri_host(b"tel:+4930123", 0, 12) is None
    assert uri_host(b"urn:service:sos", 0, 15) is None


@pytest.mark.parametrize("uri", [b"sip:", b"sip:@", b"sip:a@b@192.168.1.2", b"sip:a@192.168.1.2:x", b"sip:a@b c"])
def test_a_uri_that_two_would_read_differently_is_refused(uri: bytes) -> None:
    with pytest.raises(Unreadable):
        uri_host(uri, 0, len(uri))


class TestVia:
    def test_with_what_the_receiver_added(self) -> None:
        value = b"SIP/2.0/UDP 192.168.1.2:5060 ;branch=z9hG4bK;received=203.0.113.1;rport=40000"
        via = read_via(value, 0, len(value))
        assert (via.transport, via.sent_by.address, via.sent_by.port) == (b"UDP", PHONE, 5060)
        assert text(value, via.sent_by) == b"192.168.1.2:5060"
        assert text(value, via.received) == b"203.0.113.1"
        assert text(value, via.rport) == b"40000"
        assert via.rport is not None and via.rport.port == 40000

    def test_rport_may_be_asked_for_without_a_value(self) -> None:
        value = b"SIP/2.0/tcp 192.168.1.2;rport;branch=1"
        via = read_via(value, 0, len(value))
        assert (via.transport, via.rport, via.received) == (b"TCP", None, None)

    def test_only_the_first_of_a_list_is_read(self) -> None:
        value = b"SIP/2.0/UDP 192.0.2.1, SIP/2.0/UDP 192.168.1.2;received=1.2.3.4"
        via = read_via(value, 0, len(value))
        assert (text(value, via.sent_by), via.received) == (b"192.0.2.1", None)

    def test_received_of_ipv6_with_brackets_and_without(self) -> None:
        for written in (b"2001:db8::7", b"[2001:db8::7]"):
            value = b"SIP/2.0/UDP [fd00::2];received=" + written
            via = read_via(value, 0, len(value))
            assert text(value, via.received) == written
            assert via.received is not None and via.received.address == bytes.fromhex("20010db8" + "0" * 22 + "07")

    @pytest.mark.parametrize(
        "value",
        [
            b"HTTP/1.1/UDP h",
            b"SIP/2.0/ h",
            b"SIP/2.0/UDP",
            b"SIP/2.0/UDP h x",
            b"SIP/2.0/UDP h;rport=70000",
            b"SIP/2.0/UDP h;received=:",
            b"SIP/2.0/UDP h" + b";x" * 40,
            b'SIP/2.0/UDP h;x="',
        ],
    )
    def test_what_is_no_via(self, value: bytes) -> None:
        with pytest.raises(Unreadable):
            read_via(value, 0, len(value))


class TestContact:
    def test_forms(self) -> None:
        value = (
            b'"A, \\"<sip:x@1.1.1.1>\\" B" <sip:alice@192.168.1.2:5062;transport=udp>;expires=600;q=0.5,'
            b"sip:alice@192.168.1.2;expires=60, <mailto:a@b>, Bob <sips:b@example.org>"
        )
        found = read_contacts(value, 0, len(value))
        assert [(text(value, contact.host), contact.expires) for contact in found] == [
            (b"192.168.1.2:5062", 600),
            (b"192.168.1.2", 60),
            (b"example.org", -1),
        ]

    def test_a_star_names_nobody(self) -> None:
        assert read_contacts(b"*", 0, 1) == []

    @pytest.mark.parametrize(
        "value",
        [
            b"<sip:a@h",
            b'"a <sip:a@h>',
            b"<sip:a@h> x",
            b"<sip:a@h>;expires=99999999999",
            b"<sip:a@h>;expires=-1",
            b",".join([b"<sip:a@h>"] * 17),
        ],
    )
    def test_what_is_no_contact(self, value: bytes) -> None:
        with pytest.raises(Unreadable):
            read_contacts(value, 0, len(value))
