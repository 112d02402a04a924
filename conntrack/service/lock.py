"""One daemon for one control socket.

Lives here: the lock file beside the socket. May not live here: the socket (control.py).
The kernel drops a file lock with its owner, so a crash leaves nothing to clean up, and a stale pid in the file
is only text.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from conntrack.service.exits import Failure


class InstanceLock:
    """Held from start to exit. The file stays: removing it would let two daemons lock two files of one name."""

    def __init__(self, control: Path) -> None:
        self.path = control.with_name(control.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Takes the lock and writes our pid. Failure: it is held, or the folder cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise Failure(f"{self.path}: {error.strerror}. Choose another place with --control") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise Failure(
                f"pairwall already runs here (pid {owner}, lock {self.path}). "
                "Stop it first, or give this one its own --control"
            ) from None
        self._file = file
        self._write_pid(file)

    def release(self) -> None:
        """Gives the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write_pid(self, file: int) -> None:
        try:
            os.ftruncate(file, os.pwrite(file, f"{os.getpid()}\n".encode(), 0))
        except OSError as error:
            self.release()
            raise Failure(f"{self.path}: cannot write: {error.strerror}") from None
