from __future__ import annotations

import array
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from conntrack.service.journal import JournalHandler, encode, entry, priority


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[tuple[socket.socket, JournalHandler]]:
    path = str(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(path)
        end.settimeout(2)
        handler = JournalHandler(path)
        yield end, handler
        handler.close()


def record(message: str, level: int = logging.INFO, fields: object = None) -> logging.LogRecord:
    made = logging.LogRecord("pairwall", level, "/x/loop.py", 12, message, (), None, "turn")
    if fields is not None:
        made.fields = fields
    return made


def test_fields_keep_their_names(journal: tuple[socket.socket, JournalHandler]) -> None:
    end, handler = journal
    handler.emit(record("drop: blocked", fields={"rule": "blocked", "length": 60}))
    assert end.recv(4096).decode().splitlines() == [
        "MESSAGE=drop: blocked",
        "PRIORITY=6",
        "SYSLOG_IDENTIFIER=pairwall",
        "CODE_FILE=/x/loop.py",
        "CODE_LINE=12",
        "CODE_FUNC=turn",
        "PAIRWALL_RULE=blocked",
        "PAIRWALL_LENGTH=60",
    ]


def test_line_breaks_cannot_forge_a_field(journal: tuple[socket.socket, JournalHandler]) -> None:
    end, handler = journal
    handler.emit(record("harmless\nPRIORITY=0"))
    got = end.recv(4096)
    assert got.startswith(b"MESSAGE\n" + (19).to_bytes(8, "little") + b"harmless\nPRIORITY=0\nPRIORITY=6\n")


def test_long_records_go_as_a_sealed_file(journal: tuple[socket.socket, JournalHandler]) -> None:
    end, handler = journal
    handler.emit(record("x" * 1_000_000))
    descriptors = array.array("i")
    _data, ancillary, _flags, _address = end.recvmsg(16, socket.CMSG_SPACE(4))
    descriptors.frombytes(ancillary[0][2])
    with os.fdopen(descriptors[0], "rb") as file:
        file.seek(0)
        assert file.read().startswith(b"MESSAGE=" + b"x" * 1_000_000 + b"\nPRIORITY=6\n")
    assert handler.lost == 0


def test_a_full_journal_costs_records_not_time(journal: tuple[socket.socket, JournalHandler]) -> None:
    _end, handler = journal
    for _ in range(2000):  # nobody reads: the socket's queue is full after some hundred
        handler.emit(record("x" * 500))
    assert handler.lost > 0


def test_no_journal_is_no_error(tmp_path: Path) -> None:
    handler = JournalHandler(str(tmp_path / "nowhere"))
    handler.emit(record("hello"))
    assert handler.lost == 1
    handler.close()


@pytest.mark.parametrize(
    ("level", "expected"),
    [(logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7)],
)
def test_levels_are_syslog_priorities(level: int, expected: int) -> None:
    assert priority(level) == expected


def test_fields_that_are_no_mapping_are_left_out() -> None:
    assert not any(key.startswith("PAIRWALL_") for key in entry(record("m", fields="nonsense"), "m"))


def test_encoding_of_plain_and_long_values() -> None:
    assert encode({"A": "b", "C": "d\ne"}) == b"A=b\nC\n\x03\0\0\0\0\0\0\0d\ne\n"
