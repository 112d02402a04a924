from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Iterator

import pytest

from conntrack.service import logs
from conntrack.service.logs import BACKLOG, JsonFormatter, LineHandler, Seldom, TextFormatter, timestamp


@pytest.fixture(autouse=True)
def root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def record(message: str, fields: object = None) -> logging.LogRecord:
    made = logging.LogRecord("pairwall", logging.WARNING, "x.py", 1, message, (), None)
    made.created = 1700000000.25
    if fields is not None:
        made.fields = fields
    return made


def test_json_is_one_object_a_record() -> None:
    line = JsonFormatter().format(record("drop\nx", {"rule": "blocked", "level": "not this one"}))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "message": "drop\nx",
        "rule": "blocked",
    }


def test_text_is_for_people() -> None:
    assert TextFormatter().format(record("drop: blocked", {"port": 25})) == "warning: drop: blocked port=25"


def test_a_traceback_is_part_of_the_message() -> None:
    try:
        raise KeyError("lost")
    except KeyError:
        made = logging.LogRecord("p", logging.ERROR, "x", 1, "failed", (), sys.exc_info())
    assert "KeyError: 'lost'" in json.loads(JsonFormatter().format(made))["message"]


def test_lines_are_written_and_flushed_at_close() -> None:
    reading, writing = os.pipe()
    handler = LineHandler(writing, TextFormatter())
    for number in range(100):
        handler.emit(record(f"line {number}"))
    handler.close()
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert [line.split()[-1] for line in pipe] == [str(number) for number in range(100)]
    assert handler.lost == 0


def test_a_stalled_pipe_does_not_stall_the_loop() -> None:
    reading, writing = os.pipe()
    handler = LineHandler(writing, TextFormatter())
    for _ in range(BACKLOG + 2000):  # the pipe holds 64 kB, the queue BACKLOG lines, the rest is lost
        handler.emit(record("x" * 200))
    assert handler.lost > 0
    os.close(reading)
    handler.close()
    os.close(writing)


def test_a_full_disk_costs_records_only() -> None:
    disk = os.open("/dev/full", os.O_WRONLY)
    handler = LineHandler(disk, TextFormatter())
    handler.emit(record("one"))
    handler.emit(record("two"))
    handler.close()
    os.close(disk)
    assert handler.lost == 2


def test_set_up_takes_the_form_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(os.fdopen(writing, "wb"), line_buffering=True))
    handler = logs.set_up("json")
    logging.getLogger("pairwall.test").warning("here", extra={"fields": {"n": 1}})
    logs.tear_down(handler)
    sys.stderr.close()
    with os.fdopen(reading) as pipe:
        (line,) = pipe
    assert (json.loads(line)["message"], json.loads(line)["n"]) == ("here", 1)
    assert handler not in logging.getLogger().handlers


def test_a_journal_that_is_not_there_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(os.fdopen(writing, "wb"), line_buffering=True))
    monkeypatch.setattr(logs, "SOCKET", "/nowhere")
    logs.tear_down(logs.set_up("journal"))
    sys.stderr.close()
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "warning: no journal at /nowhere: logging to stderr\n"


def test_seldom_lets_one_through_and_counts_the_rest() -> None:
    seldom = Seldom(10.0)
    assert [seldom.now("a", moment) for moment in (0.0, 1.0, 9.9, 10.0, 30.0)] == [0, None, None, 2, 0]
    assert seldom.now("b", 10.0) == 0


def test_timestamps_are_utc_to_the_millisecond() -> None:
    assert timestamp(0.0) == "1970-01-01T00:00:00.000Z"
    assert timestamp(1.9999) == "1970-01-01T00:00:01.999Z"
