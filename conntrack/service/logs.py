"""Where log records go: the journal, JSON lines, or text for people.

Lives here: formats and the writer that never blocks the packet loop. May not live here: journald's protocol
(journal.py), or what is worth logging.
A record's own data travels as `extra={"fields": {…}}`, and every format keeps it apart from the message.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from conntrack.service.journal import SOCKET, JournalHandler

FORMATS: Final = ("journal", "json", "text")
BACKLOG: Final = 10_000

logger = logging.getLogger("pairwall")


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time (RFC 3339, UTC), level, message, then its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Called by the handler."""
        line: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "message": message_of(record),
        }
        line.update({key: value for key, value in fields_of(record).items() if key not in line})
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """`LEVEL message key=value …`, after the time if asked for (journald and terminals' users know it)."""

    def format(self, record: logging.LogRecord) -> str:
        """Called by the handler."""
        fields = "".join(f" {key}={value}" for key, value in fields_of(record).items())
        return f"{record.levelname.lower()}: {message_of(record)}{fields}"


class LineHandler(logging.Handler):
    """Writes lines to a descriptor from a thread: a stalled pipe or a full disk costs records, not packets."""

    def __init__(self, descriptor: int, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lost = 0
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | None] = queue.Queue(BACKLOG)
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging; handlers may not raise."""
        try:
            self._lines.put_nowait(self.format(record).encode(errors="backslashreplace") + b"\n")
        except Exception:
            self.lost += 1

    def close(self) -> None:
        """Writes what is waiting, for two seconds at most."""
        if self._writer.is_alive():
            try:
                self._lines.put_nowait(None)
            except queue.Full:
                self.lost += self._lines.qsize()
            self._writer.join(2.0)
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                self.lost += 1


def set_up(kind: str, level: int = logging.INFO) -> JournalHandler | LineHandler:
    """Makes the root logger write in one of FORMATS; "" chooses: the journal under systemd, else text."""
    under_systemd = "JOURNAL_STREAM" in os.environ
    handler: JournalHandler | LineHandler
    wanted = kind or ("journal" if under_systemd else "text")
    if wanted == "journal" and os.path.exists(SOCKET):
        handler = JournalHandler()
    else:
        formatter = JsonFormatter() if wanted == "json" else TextFormatter()
        handler = LineHandler(sys.stderr.fileno(), formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    if kind == "journal" and isinstance(handler, LineHandler):
        logger.warning("no journal at %s: logging to stderr", SOCKET)
    return handler


def chosen(setting: str) -> str:
    """A rules file's `settings: log: format:` as one of FORMATS; "auto": the journal, text on a terminal, else JSON."""
    if setting == "auto":
        return "" if "JOURNAL_STREAM" in os.environ or sys.stderr.isatty() else "json"
    return "journal" if setting == "journald" else setting


def tear_down(handler: logging.Handler) -> None:
    """Writes out what is waiting and lets go."""
    logging.getLogger().removeHandler(handler)
    handler.close()


def timestamp(seconds: float) -> str:
    """Unix time as RFC 3339 in UTC, to the millisecond."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """The record's own data."""
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, Mapping) else {}


def message_of(record: logging.LogRecord) -> str:
    """The message, and below it the traceback if there is one."""
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + logging.Formatter().formatException(record.exc_info)
    return message


class Seldom:
    """Lets one message of a kind through every so many seconds; says how many it kept back."""

    def __init__(self, seconds: float = 10.0) -> None:
        self._seconds = seconds
        self._next: dict[str, float] = {}
        self._kept_back: dict[str, int] = {}

    def now(self, kind: str, moment: float) -> int | None:
        """None: keep quiet. Else how many of this kind were kept back since the last one that was let through."""
        if moment < self._next.get(kind, -1e300):
            self._kept_back[kind] = self._kept_back.get(kind, 0) + 1
            return None
        self._next[kind] = moment + self._seconds
        return self._kept_back.pop(kind, 0)
