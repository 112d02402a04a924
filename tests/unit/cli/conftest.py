"""A daemon of which only the answers matter: a thread at a unix socket that plays a script."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from conntrack.cli.main import main
from conntrack.service.protocol import Item, encode

Answer = list[Item]


class Script:
    """Answers by command; `asked` has every request."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, Item]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def items(self, command: str, *items: Item) -> None:
        """Answers with these items."""
        self.answers[command] = [{"items": list(items)}, {"done": {}}]

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines, contextlib.suppress(ConnectionError):
                self._converse(connection, lines)

    def _converse(self, connection: socket.socket, lines: BinaryIO) -> None:
        for line in lines:
            request = json.loads(line)
            self.asked.append((request["command"], request["arguments"]))
            if request["command"] not in self.answers:
                return
            connection.sendall(b"".join(encode(message) for message in self.answers[request["command"]]))


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    made = Script(tmp_path / "control.sock")
    yield made
    made.stop()


class Ran:
    """What a command did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `pairwall …` in this process; usage errors have their exit code too."""

    def run_it(*words: object) -> Ran:
        try:
            code = main([str(word) for word in words])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run_it


@pytest.fixture
def ask(run: Run, script: Script) -> Run:
    """Runs a client command against the scripted daemon."""
    return lambda *words: run(*words, "--control", script.path)


def direction(source: str, destination: str, packets: int = 0, octets: int = 0, **more: int) -> Item:
    return {"source": source, "destination": destination, **more, "packets": packets, "bytes": octets}


@pytest.fixture
def web() -> Item:
    """A flow as the daemon sends it (service/views.py)."""
    return {
        "id": 7,
        "protocol": "tcp",
        "protocol_number": 6,
        "state": "ESTABLISHED",
        "timeout": 431999,
        "age": 3.0,
        "idle": 0.5,
        "original": direction("192.168.10.5", "1.1.1.1", 10, 1000, source_port=40000, destination_port=443),
        "reply": direction("1.1.1.1", "203.0.113.5", 8, 9000, source_port=443, destination_port=40001),
        "assured": True,
        "replied": True,
        "related": False,
        "nat": ["source"],
        "zone_in": "lan",
        "zone_out": "wan",
        "rule": "outbound (rules.yaml:12)",
        "mark": 0,
        "path": "slow",
    }


@pytest.fixture
def ping() -> Item:
    more = {"icmp_type": 8, "icmp_code": 0, "icmp_id": 77}
    back = {"icmp_type": 0, "icmp_code": 0, "icmp_id": 77}
    return {
        "id": 8,
        "protocol": "icmp",
        "protocol_number": 1,
        "state": "",
        "timeout": 29,
        "age": 1.0,
        "idle": 1.0,
        "original": direction("192.168.10.5", "192.168.10.1", 1, 84, **more),
        "reply": direction("192.168.10.1", "192.168.10.5", **back),
        "assured": False,
        "replied": False,
        "related": False,
        "nat": [],
        "zone_in": "lan",
        "zone_out": "self",
        "rule": "",
        "mark": 16,
        "path": "slow",
    }
