"""Netlink messages, written and read."""

from __future__ import annotations

import pytest

from conntrack.gateway.links.netlink import DONE, DUMP, REQUEST, attribute, attributes, message, messages

BODY = bytes(8) + attribute(1, b"\x0a\0\0\1") + attribute(2, b"odd")


def test_what_is_written_is_read() -> None:
    data = message(20, REQUEST | DUMP, BODY) + message(DONE, 0, b"")
    assert list(messages(data)) == [(20, BODY), (DONE, b"")]
    assert attributes(BODY, 8) == {1: b"\x0a\0\0\1", 2: b"odd"}


def test_flags_of_an_attributes_type_are_not_part_of_it() -> None:
    assert attributes(attribute(0x8000 | 5, b"nest") + attribute(0x4000 | 6, b"net!"), 0) == {5: b"nest", 6: b"net!"}


@pytest.mark.parametrize("rest", [b"\0", bytes(15), bytes(16)])
def test_what_is_no_message_ends_them(rest: bytes) -> None:
    assert list(messages(message(20, 0, b"body") + rest)) == [(20, b"body")]


@pytest.mark.parametrize("rest", [b"\0", b"\3\0\1\0"])
def test_what_is_no_attribute_ends_them(rest: bytes) -> None:
    assert attributes(attribute(1, b"1234") + rest, 0) == {1: b"1234"}
