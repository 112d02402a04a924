"""PPTP's control messages, written with struct after RFC 2637 §2."""

from __future__ import annotations

import struct

import pytest

from conntrack.helper.pptp import control
from conntrack.helper.pptp.control import LENGTHS, read_control
from conntrack.helper.words import Unreadable


def message(kind: int, body: bytes = b"") -> bytes:
    size = LENGTHS[kind]
    head = struct.pack("!HHIHH", size, 1, 0x1A2B3C4D, kind, 0)
    return (head + body).ljust(size, b"\0")


#: type → what stands after the header, and (own, peer, result) that must come out, -1 where there is none
IDENTIFIERS = {
    control.START_REQUEST: (b"\1\0", (-1, -1, 0)),
    control.ECHO_REPLY: (b"\0\0\0\7", (-1, -1, 0)),
    control.OUTGOING_REQUEST: (struct.pack("!H", 1001), (1001, -1, 0)),
    control.OUTGOING_REPLY: (struct.pack("!HHB", 2002, 1001, 1), (2002, 1001, 1)),
    control.INCOMING_REQUEST: (struct.pack("!H", 2003), (2003, -1, 0)),
    control.INCOMING_REPLY: (struct.pack("!HHB", 1002, 2003, 3), (1002, 2003, 3)),
    control.INCOMING_CONNECTED: (struct.pack("!H", 1002), (-1, 1002, 0)),
    control.CLEAR_REQUEST: (struct.pack("!H", 1001), (1001, -1, 0)),
    control.DISCONNECT_NOTIFY: (struct.pack("!H", 2002), (2002, -1, 0)),
    control.ERROR_NOTIFY: (struct.pack("!H", 1001), (-1, 1001, 0)),
    control.SET_LINK_INFO: (struct.pack("!H", 2002), (-1, 2002, 0)),
}


@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_identifiers_stand_where_the_rfc_puts_them(kind: int) -> None:
    body, (own, peer, result) = IDENTIFIERS[kind]
    data = b"xyz" + message(kind, body)
    found = read_control(data, 3, len(data))
    assert found is not None
    assert (found.own if found.own_at >= 0 else -1, found.peer if found.peer_at >= 0 else -1) == (own, peer)
    assert found.result == result
    for at, value in ((found.own_at, own), (found.peer_at, peer)):
        if at >= 0:
            assert data[at : at + 2] == value.to_bytes(2, "big")


@pytest.mark.parametrize("kind", LENGTHS)
def test_a_message_cut_anywhere_is_not_whole(kind: int) -> None:
    data = message(kind)
    assert all(read_control(data, 0, cut) is None for cut in range(len(data)))
    assert read_control(data, 0, len(data)) is not None


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0xFFFF), (0, 0), (2, 2), (4, 0), (8, 0), (8, 16), (8, 12)],
    ids=["longer", "no-length", "management", "magic", "kind-0", "kind-16", "length-of-another"],
)
def test_what_is_no_control_message(at: int, value: int) -> None:
    data = bytearray(message(control.OUTGOING_REPLY))
    data[at : at + 2] = value.to_bytes(2, "big")
    with pytest.raises(Unreadable):
        read_control(bytes(data), 0, len(data))
