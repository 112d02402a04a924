from __future__ import annotations

import os
from pathlib import Path

import pytest

from conntrack.service.exits import FAILED, Failure
from conntrack.service.lock import InstanceLock


def test_a_second_daemon_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path / "control.sock"), InstanceLock(tmp_path / "control.sock")
    first.acquire()
    with pytest.raises(Failure) as refused:
        second.acquire()
    assert f"already runs here (pid {os.getpid()}" in str(refused.value)
    assert "--control" in str(refused.value)
    assert refused.value.code == FAILED
    first.release()


def test_after_release_the_next_one_may(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path / "control.sock"), InstanceLock(tmp_path / "control.sock")
    first.acquire()
    first.release()
    second.acquire()
    assert second.path.read_text() == f"{os.getpid()}\n"
    second.release()


def test_two_sockets_two_daemons(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path / "one.sock"), InstanceLock(tmp_path / "two.sock")
    first.acquire()
    second.acquire()
    first.release()
    second.release()


def test_a_stale_pid_is_only_text(tmp_path: Path) -> None:
    (tmp_path / "control.sock.lock").write_text("123456789012345\n")
    lock = InstanceLock(tmp_path / "control.sock")
    lock.acquire()
    assert lock.path.read_text() == f"{os.getpid()}\n"
    lock.release()


def test_the_folder_is_made(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path / "run" / "pairwall" / "control.sock")
    lock.acquire()
    assert lock.path.exists()
    lock.release()


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match=r"file/control\.sock\.lock.*--control"):
        InstanceLock(tmp_path / "file" / "control.sock").acquire()


def test_a_full_disk_is_named() -> None:
    """/dev/full stands for the disk: opening works, writing does not."""
    lock = InstanceLock(Path("/dev/x"))
    lock.path = Path("/dev/full")
    with pytest.raises(Failure, match="No space left on device"):
        lock.acquire()
