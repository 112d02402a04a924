"""Numbers, addresses and host:port, as strictly as they are read."""

from __future__ import annotations

import pytest

from conntrack.helper.words import (
    Unreadable,
    address,
    host_port,
    is_host,
    number,
    port,
    show_address,
    show_endpoint,
    trim,
)

V4 = bytes((192, 0, 2, 7))
V6 = bytes.fromhex("20010db8" + "0" * 22 + "07")


@pytest.mark.parametrize("word", [b"", b"-1", b"+1", b" 1", b"1 ", b"0x1", b"1e3", b"12345678901", b"\xb2"])
def test_what_is_not_plainly_a_number_is_none(word: bytes) -> None:
    with pytest.raises(Unreadable):
        number(word, 0, len(word), 10**12)


def test_numbers_end_at_the_most_that_is_allowed() -> None:
    assert number(b"007", 0, 3, 7) == 7
    assert port(b"x65535", 1, 6) == 65535
    with pytest.raises(Unreadable):
        port(b"65536", 0, 5)


@pytest.mark.parametrize(
    ("word", "packed"),
    [
        (b"192.0.2.7", V4),
        (b"2001:db8::7", V6),
        (b"192.0.2", b""),
        (b"192.0.2.07", b""),  # octal for some readers
        (b"192.0.2.256", b""),
        (b"3221225991", b""),
        (b"0xC0000207", b""),
        (b"192.0.2.7\0", b""),
        (b"192.0.2.7/127", b""),
        (b"phone.example", b""),
        (b"\xff\xfe", b""),
        (b"::" + b"0" * 60, b""),
        (b"fe80::1%eth0", b""),
    ],
)
def test_only_one_spelling_of_an_address_is_one(word: bytes, packed: bytes) -> None:
    assert address(word) == packed


@pytest.mark.parametrize(
    ("word", "packed", "number"),
    [
        (b"192.0.2.7", V4, 0),
        (b"192.0.2.7:5060", V4, 5060),
        (b"[2001:db8::7]", V6, 0),
        (b"[2001:db8::7]:5060", V6, 5060),
        (b"phone.example:5060", b"", 5060),
    ],
)
def test_an_endpoint_is_read_and_written_alike(word: bytes, packed: bytes, number: int) -> None:
    found = host_port(b"<" + word + b">", 1, 1 + len(word))
    assert (found.address, found.port, found.start, found.end) == (packed, number, 1, 1 + len(word))
    if packed:
        assert show_endpoint(packed, number) == word
        assert show_address(packed) == word.partition(b"]")[0].strip(b"[") if len(packed) == 16 else True


@pytest.mark.parametrize(
    "word",
    [
        b"",
        b":5060",
        b"192.0.2.7:",
        b"192.0.2.7:0",
        b"192.0.2.7:65536",
        b"192.0.2.7:5060:5061",
        b"2001:db8::7",
        b"[192.0.2.7]",
        b"[2001:db8::7",
        b"[2001:db8::7]5060",
        b"a b",
        b"a\r\nb",
        b"a/b",
        b"x" * 256,
    ],
)
def test_what_is_not_an_endpoint(word: bytes) -> None:
    with pytest.raises(Unreadable):
        host_port(word, 0, len(word))


def test_hosts_and_blanks() -> None:
    assert is_host(b"A-b_9.example", 0, 13)
    assert not is_host(b"a@b", 0, 3)
    assert trim(b" \ta b\t ", 0, 7) == (2, 5)
    assert trim(b"   ", 0, 3) == (3, 3)
