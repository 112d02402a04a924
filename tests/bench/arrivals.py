"""Counts the packets that arrive at a link, by the link's own statistics.

Lives here: reading them. May not live here: what was sent.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from conntrack.cli.lab.namespace import Namespace
from tests.bench.figure import BenchError


class Arrivals:
    """The received packets of one link of a namespace; a context manager."""

    def __init__(self, host: Namespace, link: str) -> None:
        self._link = f"{link}:"
        with host.entered():
            self._file = open("/proc/thread-self/net/dev", "rb", buffering=0)  # noqa: SIM115 — stays with that namespace

    def count(self) -> int:
        """Packets received since the link was made."""
        self._file.seek(0)
        for line in self._file.read().decode().splitlines():
            words = line.split()
            if words and words[0] == self._link:
                return int(words[2])
        raise BenchError(f"the link {self._link} is gone")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
