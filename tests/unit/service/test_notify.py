from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conntrack.service.notify import Notifier, one_line


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The service manager's end, and where it is."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(path)
        end.settimeout(2)
        yield end, path


def lines(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().splitlines()


def test_ready_says_so_with_status_and_pid(manager: tuple[socket.socket, str]) -> None:
    end, path = manager
    notifier = Notifier({"NOTIFY_SOCKET": path})
    notifier.ready("12 rules,\n2 zones")
    assert lines(end) == ["READY=1", "STATUS=12 rules, 2 zones", f"MAINPID={os.getpid()}"]
    notifier.close()


def test_reloading_tells_the_monotonic_time_in_microseconds(manager: tuple[socket.socket, str]) -> None:
    end, path = manager
    notifier = Notifier({"NOTIFY_SOCKET": path})
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    first, second = lines(end)
    name, _, value = second.partition("=")
    assert first == "RELOADING=1"
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= after
    notifier.close()


def test_watchdog_is_fed_only_if_it_is_ours(manager: tuple[socket.socket, str]) -> None:
    end, path = manager
    ours = Notifier({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())})
    others = Notifier({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"})
    assert (ours.watchdog_seconds, others.watchdog_seconds) == (20.0, 0.0)
    others.alive()
    ours.alive()
    ours.stopping()
    assert lines(end) == ["WATCHDOG=1"]
    assert lines(end) == ["STOPPING=1"]
    ours.close()
    others.close()


def test_abstract_sockets_are_written_with_an_at_sign() -> None:
    name = f"pairwall-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind("\0" + name)
        end.settimeout(2)
        notifier = Notifier({"NOTIFY_SOCKET": "@" + name})
        notifier.status("here")
        assert lines(end) == ["STATUS=here"]
        notifier.close()


def test_children_do_not_inherit_the_socket(manager: tuple[socket.socket, str]) -> None:
    environment = {"NOTIFY_SOCKET": manager[1], "WATCHDOG_USEC": "1", "PATH": "/bin"}
    Notifier(environment).close()
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize("address", ["", "relative/path", "vsock:2:1234", "/nowhere/at/all"])
def test_without_a_manager_nothing_happens(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address} if address else {})
    notifier.ready("x")
    notifier.close()
    notifier.ready("after close")
    assert notifier.watchdog_seconds == 0.0


def test_a_value_has_no_line_break() -> None:
    assert one_line(" a\n b\tc ") == "a b c"
