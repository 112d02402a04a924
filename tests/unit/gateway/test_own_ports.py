"""Ports out of /proc/net's tables."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conntrack.gateway.own_ports import parse, read

HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = "   {}: {}:{:04X} 00000000:0000 {:02X} 00000000:00000000 00:00000000 00000000     0        0 9 1 0 100 0\n"
LISTEN, ESTABLISHED, TIME_WAIT = 10, 1, 6

little = pytest.mark.skipif(sys.byteorder != "little", reason="the addresses are written for a little-endian host")


def table(*sockets: tuple[str, int, int]) -> str:
    return HEADING + "".join(LINE.format(number, *socket) for number, socket in enumerate(sockets))


def test_listening_connected_and_closing_sockets_hold_their_port() -> None:
    text = table(("00000000", 22, LISTEN), ("026433C6", 40000, ESTABLISHED), ("026433C6", 40001, TIME_WAIT))
    assert parse(text, 6) == {6 << 16 | 22, 6 << 16 | 40000, 6 << 16 | 40001}


def test_a_port_is_of_its_protocol() -> None:
    assert parse(table(("00000000", 53, 7)), 17) == {17 << 16 | 53}


def test_sockets_without_a_port_hold_nothing() -> None:
    assert parse(table(("00000000", 0, 7)), 17) == set()


@little
@pytest.mark.parametrize("address", ["0100007F", "3500007F", "00000000000000000000000001000000"])
def test_loopback_is_left_out(address: str) -> None:
    assert parse(table((address, 53, LISTEN)), 6) == set()


@little
@pytest.mark.parametrize(
    "address",
    [
        pytest.param("0000007E", id="126.0.0.0"),
        pytest.param("7F00000A", id="10.0.0.127"),
        pytest.param("00000000000000000000000000000000", id="any"),
        pytest.param("0000000000000000FFFF00000100007F", id="IPv4-mapped"),
        pytest.param("B80D0120000000000000000001000000", id="2001:db8::1"),
    ],
)
def test_other_addresses_are_not(address: str) -> None:
    assert parse(table((address, 53, LISTEN)), 6) == {6 << 16 | 53}


def test_an_empty_table() -> None:
    assert parse(HEADING, 6) == set()


def test_all_tables_that_there_are_are_read(tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(table(("00000000", 22, LISTEN)))
    (tmp_path / "udp6").write_text(table(("0" * 32, 546, 7)))
    assert read(tmp_path) == {6 << 16 | 22, 17 << 16 | 546}
