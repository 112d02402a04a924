"""The real daemon in the lab's gateway: started with a rules file, waited for, asked, stopped.

Lives here: `pairwall run` as a process and `pairwall …` as its client. May not live here: what either answers.
The process runs the same package as this one does: the sources in a unit test, the installed one otherwise.
"""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from types import TracebackType
from typing import Final, Self

import conntrack
from conntrack.cli.lab.namespace import LabError, Namespace
from conntrack.cli.lab.process import Process

#: seconds that a daemon may take to start or to reload
PATIENCE: Final = 20.0
_PROGRAM: Final = (sys.executable, "-P", "-m", "conntrack.cli.main")


class Daemon:
    """A running gateway; a context manager that stops it. LabError from the constructor: it did not become ready.

    directory: where its rules file, control socket and log go; options: more of `pairwall run`; prefix: a command
    that starts it.
    """

    def __init__(
        self,
        host: Namespace,
        rules: str,
        directory: Path,
        *options: str,
        set_sysctls: bool = True,
        prefix: Sequence[str] = (),
    ) -> None:
        self.host = host
        self.rules = directory / "rules.yaml"
        self.control = directory / "control.sock"
        self._notices = _Notices(directory / "notify.sock")
        self.rules.write_text(rules)
        where = ["--rules", str(self.rules), "--control", str(self.control)]
        chosen = ["--set-sysctls", *options] if set_sysctls else list(options)
        words = [*prefix, *_PROGRAM, "run", *where, *chosen]
        environment = {**_environment(), "NOTIFY_SOCKET": str(self._notices.path)}
        self.process = Process(host, words, directory / "daemon.log", environment)
        try:
            self._expect("READY=1")
        except BaseException:
            self.stop()
            raise

    def ask(self, *words: str) -> CompletedProcess[str]:
        """Runs `pairwall …` in the gateway against this daemon; stdout holds both outputs."""
        return client(self.host, *words, control=self.control)

    def reload(self, rules: str | None = None) -> None:
        """Sends SIGHUP, with another text in the rules file if one is given, and waits until that is over."""
        if rules is not None:
            self.rules.write_text(rules)
        self._notices.drain()
        self.process.signal(signal.SIGHUP)
        self._expect("READY=1")

    def status(self) -> str:
        """The last STATUS that it told the service manager."""
        self._notices.drain()
        return self._notices.last_status

    def stop(self) -> int:
        """Ends it in order; returns its exit code."""
        code = self.process.stop()
        self._notices.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _expect(self, notice: str) -> None:
        if not self._notices.await_one(notice, self.process.exit_code):
            code = self.process.exit_code()
            how = f"ended with {code}" if code is not None else f"did not say {notice} within {PATIENCE:g} s"
            raise LabError(f"pairwall run {how}:\n{self.process.output().strip()}")


def client(host: Namespace, *words: str, control: Path | None = None) -> CompletedProcess[str]:
    """Runs the `pairwall` command with these words in a namespace."""
    chosen = [] if control is None else ["--control", str(control)]
    environment = [f"{name}={value}" for name, value in _environment().items()]
    return host.run("env", *environment, *_PROGRAM, *words, *chosen)


def _environment() -> dict[str, str]:
    """Makes another process import the package that this one did; with -P, its folder would not do."""
    return {"PYTHONPATH": str(Path(conntrack.__file__).parents[1]), "NO_COLOR": "1"}


class _Notices:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_status = ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o666)  # the daemon may run as another user
        self._socket.settimeout(0.05)

    def await_one(self, notice: str, ended: Callable[[], int | None]) -> bool:
        """Whether the notice came, before the process ended and within PATIENCE."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            if notice in self._receive():
                return True
            if ended() is not None:
                return notice in self._receive()
        return False

    def drain(self) -> None:
        """Reads what is there already."""
        while self._receive():
            pass

    def close(self) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def _receive(self) -> list[str]:
        try:
            lines = self._socket.recv(4096).decode(errors="replace").splitlines()
        except TimeoutError:
            return []
        for line in lines:
            if line.startswith("STATUS="):
                self.last_status = line.removeprefix("STATUS=")
        return lines
