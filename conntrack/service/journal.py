"""Log records to systemd-journald in its native protocol (systemd.journal-fields(7), "Native Journal Protocol").

Lives here: the encoding and the socket. May not live here: what is logged, and the other formats (logs.py).
Fields keep their names: `journalctl PAIRWALL_RULE=blocked` finds what a rule logged.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
from collections.abc import Mapping
from typing import Final

SOCKET: Final = "/run/systemd/journal/socket"
PREFIX: Final = "PAIRWALL_"

#: logging level → syslog priority
_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class JournalHandler(logging.Handler):
    """Sends one datagram a record. Never blocks: when the journal cannot keep up, records are lost and counted."""

    def __init__(self, path: str = SOCKET) -> None:
        super().__init__()
        self.lost = 0
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging; handlers may not raise."""
        try:
            self._send(encode(entry(record, self.format(record))))
        except Exception:
            self.lost += 1

    def close(self) -> None:
        """Gives the socket back."""
        self._socket.close()
        super().close()

    def _send(self, message: bytes) -> None:
        try:
            self._socket.sendto(message, self._path)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self._send_as_file(message)

    def _send_as_file(self, message: bytes) -> None:
        """What exceeds a datagram goes as a sealed memory file's descriptor."""
        file = os.memfd_create("pairwall-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.write(file, message)
            _seal(file)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file))]
            self._socket.sendmsg([b""], rights, 0, self._path)  # send_fds of Python 3.11 ignores the address
        finally:
            os.close(file)


def _seal(file: int) -> None:
    import fcntl  # here: one record in thousands needs it

    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)


def entry(record: logging.LogRecord, message: str) -> dict[str, str]:
    """The journal fields of a record; `fields` in its `extra=` become PAIRWALL_… ones."""
    found = {
        "MESSAGE": message,
        "PRIORITY": str(priority(record.levelno)),
        "SYSLOG_IDENTIFIER": "pairwall",
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName,
    }
    fields = getattr(record, "fields", None)
    if isinstance(fields, Mapping):
        found.update({PREFIX + str(key).upper(): str(value) for key, value in fields.items()})
    return found


def priority(level: int) -> int:
    """The syslog priority of a logging level."""
    for least, number in _PRIORITIES:
        if level >= least:
            return number
    return 7


def encode(fields: Mapping[str, str]) -> bytes:
    """A journal datagram: KEY=value lines, and values with newlines behind their length."""
    parts: list[bytes] = []
    for key, value in fields.items():
        data = value.encode(errors="surrogateescape")
        if b"\n" in data:
            parts += [key.encode(), b"\n", len(data).to_bytes(8, "little"), data, b"\n"]
        else:
            parts += [key.encode(), b"=", data, b"\n"]
    return b"".join(parts)
