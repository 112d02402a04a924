"""A process that runs inside a namespace until it is stopped, and what it printed.

Lives here: start, output, signals, end; always by its own pid. May not live here: what the process is for.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from conntrack.cli.lab.namespace import LabError, Namespace


class Process:
    """Started by the constructor, with both outputs appended to `log`; a context manager that stops it.

    It leads a session of its own, so that Ctrl-C at the terminal reaches the lab first, which then stops it in order.
    """

    def __init__(
        self, host: Namespace, words: list[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """LabError: there is no such program."""
        self.log = log
        self._words = words
        with log.open("ab") as output, host.entered():
            try:
                self._child = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {})},
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise LabError(f"{words[0]} is not installed") from error

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._child.pid

    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal); None while it runs."""
        return self._child.poll()

    def output(self) -> str:
        """All that it printed so far."""
        return self.log.read_text(errors="replace")

    def signal(self, number: int) -> None:
        """Sends it a signal, if it still runs."""
        self._child.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Its exit code, once it has ended. LabError: it has not, within `timeout` seconds."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self._words[0]} (pid {self.pid}) still runs after {timeout:g} s") from None

    def stop(self, grace: float = 5) -> int:
        """Asks it to end (SIGTERM), kills it after `grace` seconds; returns its exit code."""
        self._child.terminate()
        try:
            return self._child.wait(grace)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
