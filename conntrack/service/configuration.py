"""Which rules are in force, since when, and how the attempts to change them went.

Lives here: the record. May not live here: loading (reload.py), the policy itself (engine).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


class Configuration:
    """Kept by the daemon for `status` and metrics. Times are Unix seconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = ""  # Policy.digest: the same for the same content
        self.generation = 0
        self.loaded = 0.0
        self.failures = 0
        self.last_worked = True
        self.problems: list[str] = []  # of the last attempt
        self.set_failures: dict[str, int] = {}

    def worked(self, digest: str, wall: float, warnings: list[str]) -> None:
        """New rules are in force."""
        self.digest = digest
        self.generation += 1
        self.loaded = wall
        self.last_worked = True
        self.problems = warnings

    def failed(self, problems: list[str]) -> None:
        """An attempt failed; the old rules stay."""
        self.failures += 1
        self.last_worked = False
        self.problems = problems

    def set_failed(self, name: str) -> None:
        """A set's file could not be read again; its old members stay."""
        self.set_failures[name] = self.set_failures.get(name, 0) + 1

    def set_failure_rows(self) -> Iterator[tuple[tuple[str], float]]:
        """Failed refreshes by set, for metrics."""
        for name, count in self.set_failures.items():
            yield (name,), count
