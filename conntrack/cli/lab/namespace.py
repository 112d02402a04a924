"""One network namespace: commands, processes and sockets inside it, and its end.

Lives here: a single namespace. May not live here: how several are wired (network.py).
Names are `pairwall-PID-NAME`, PID being the process that made it: two runs never collide, and `sweep` can tell what a
run that was killed has left behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PREFIX: Final = "pairwall"
_NAMES: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x4000_0000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab cannot be built or a command in it failed; the text is for the user."""


class Namespace:
    """A named network namespace, made here and removed by `close`."""

    def __init__(self, label: str) -> None:
        """Makes it, with its loopback up. LabError: not root, or the kernel refuses."""
        self.label = label
        self.name = f"{PREFIX}-{os.getpid()}-{label}"
        command("ip", "netns", "add", self.name)
        self.ip("link set lo up")

    def ip(self, *lines: str) -> None:
        """Runs iproute2 commands (`link …`, `address …`, `route …`) inside, in one process. LabError: one failed."""
        command("ip", "-n", self.name, "-batch", "-", text="\n".join(lines) + "\n")

    def sysctl(self, **settings: int) -> None:
        """Sets net.* values inside; `__` stands for the dot: sysctl(ipv4__ip_forward=1)."""
        with self.entered():
            for name, value in settings.items():
                Path("/proc/sys/net", *name.split("__")).write_text(f"{value}\n")

    def run(self, *words: str, text: str | None = None, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Runs a command inside to its end, whatever its exit code; stdout holds both of its outputs.

        subprocess.TimeoutExpired: it was still running after `timeout` seconds, and has been killed.
        """
        with self.entered():
            return _run(words, text, timeout)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread stands in the namespace meanwhile: what it opens or starts belongs there for good."""
        with (
            open("/proc/thread-self/ns/net", "rb") as home,
            (_NAMES / self.name).open("rb") as there,
        ):
            _set_namespace(there.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())

    def socket(self, family: int, kind: int, protocol: int = 0, timeout: float = 5) -> socket.socket:
        """A socket of this namespace, usable from anywhere in this process; operations give up after `timeout` s."""
        with self.entered():
            made = socket.socket(family, kind, protocol)
        made.settimeout(timeout)
        return made

    def close(self) -> None:
        """Kills what still runs inside, and removes the namespace with its links. Never raises."""
        remove(self.name)


def command(*words: str, text: str | None = None) -> str:
    """Runs a command of the host; returns what it printed. LabError: it failed."""
    done = _run(words, text, 30)
    if done.returncode:
        raise LabError(f"{' '.join(words)}: {done.stdout.strip()}")
    return done.stdout


def remove(name: str) -> None:
    """Removes a namespace by name, and kills the processes inside."""
    for pid in _run(("ip", "netns", "pids", name), None, 30).stdout.split():
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(pid), signal.SIGKILL)
    _run(("ip", "netns", "delete", name), None, 30)


def sweep() -> list[str]:
    """Removes the namespaces of runs whose process is gone; returns their names."""
    removed = []
    for path in sorted(_NAMES.glob(f"{PREFIX}-*")):
        owner = re.fullmatch(rf"{PREFIX}-(\d+)-\w+", path.name)
        if owner and not Path("/proc", owner[1]).exists():
            remove(path.name)
            removed.append(path.name)
    return removed


def _run(words: tuple[str, ...], text: str | None, timeout: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{words[0]} is not installed") from error


def _set_namespace(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        raise LabError(f"setns: {os.strerror(ctypes.get_errno())}: the lab needs root")
