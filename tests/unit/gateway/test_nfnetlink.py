"""Configuration messages, decoded by hand."""

from __future__ import annotations

import struct

import pytest

from conntrack.gateway.queue import nfnetlink
from conntrack.gateway.queue.netlink import refusal
from tests.unit.gateway import wire

REQUEST, ACK = 1, 4


def config(message: bytes) -> tuple[int, int, dict[int, bytes]]:
    """Flags, queue number and attributes of one configuration message."""
    ((kind, flags, body),) = wire.messages(message)
    assert kind == wire.CONFIG
    family, version, queue = struct.unpack_from(">BBH", body)
    assert (family, version) == (0, 0)
    return flags, queue, wire.attributes(body[4:])


@pytest.mark.parametrize(("message", "command"), [(nfnetlink.bind(513), 1), (nfnetlink.unbind(513), 2)])
def test_bind_and_unbind(message: bytes, command: int) -> None:
    assert config(message) == (REQUEST | ACK, 513, {1: bytes((command, 0, 0, 0))})


def test_whole_packets_are_asked_for() -> None:
    flags, queue, attributes = config(nfnetlink.configure(7, 4096, nfnetlink.FLAG_FAIL_OPEN))
    assert (flags, queue) == (REQUEST | ACK, 7)
    assert struct.unpack(">IB", attributes[2]) == (65531, 2)
    assert struct.unpack(">I", attributes[3]) == (4096,)
    assert struct.unpack(">I", attributes[5]) == (1,)
    assert struct.unpack(">I", attributes[4]) == (5,), "flags that are not wanted are cleared"


def test_flags_alone_ask_for_no_answer() -> None:
    flags, queue, attributes = config(nfnetlink.configure_flags(7, nfnetlink.FLAG_GSO))
    assert (flags, queue) == (REQUEST, 7)
    assert attributes == {5: struct.pack(">I", 4), 4: struct.pack(">I", 5)}


def test_answers_are_told_from_packets() -> None:
    assert nfnetlink.error_of(wire.error(0)) == 0
    assert nfnetlink.error_of(wire.error(16)) == 16
    assert nfnetlink.error_of(wire.packet(1, b"x")) == -1
    assert nfnetlink.error_of(b"") == -1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (16, "in use by another program: set `settings: queue: number:`"),
        (1, "CAP_NET_ADMIN is missing"),
        (22, "load the module nfnetlink_queue"),
        (12, "Cannot allocate memory"),
    ],
)
def test_refusals_name_the_remedy(number: int, text: str) -> None:
    assert text in refusal(7, number)
