"""How the daemon fares, in one line and as a dictionary.

Lives here: both. May not live here: counters (stats.py), metrics (metrics/).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from conntrack import __version__
from conntrack.engine.core import Engine
from conntrack.gateway.queue.base import Queue
from conntrack.policy.document_settings import Settings
from conntrack.service.configuration import Configuration
from conntrack.service.protocol import Item


class Status:
    """Asked by clients and told to the service manager. `settings` are those in force."""

    def __init__(self, engine: Engine, queue: Queue, configuration: Configuration, settings: Settings) -> None:
        self.settings = settings
        self.fastpath: Callable[[], Item] = dict
        self._engine = engine
        self._queue = queue
        self._number = settings.queue.number  # a reload does not change it
        self._configuration = configuration
        self._started = time.monotonic()

    def line(self) -> str:
        """One line for `systemctl status` and the log."""
        configuration, policy = self._configuration, self._engine.policy
        said = sum(1 for rule in policy.rules if rule.line)
        failed = "" if configuration.last_worked else ", the last reload FAILED"
        return (
            f"{said} rules, {len(policy.zones) - 1} zones, generation {configuration.generation}, "
            f"queue {self._number} by {self._queue.name()}, {len(self._engine.table)} connections{failed}"
        )

    def view(self) -> Item:
        """What `pairwall status` shows. The keys are an interface."""
        table, configuration = self._engine.table, self._configuration
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime": round(time.monotonic() - self._started, 3),
            "configuration": {
                "file": str(configuration.path),
                "hash": configuration.digest,
                "generation": configuration.generation,
                "loaded": configuration.loaded,
                "last_load_ok": configuration.last_worked,
                "problems": configuration.problems,
            },
            "connections": {"count": len(table), "limit": table.limit},
            "queue": {"backend": self._queue.name(), "number": self._number},
            "fastpath": self.fastpath(),
            "on_failure": self.settings.on_failure,
        }
