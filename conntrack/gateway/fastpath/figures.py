"""What the manager counts, for metrics.

Lives here: the numbers, and telling of failures, seldom. May not live here: metric families (service/metrics).
"""

from __future__ import annotations

import logging

from conntrack.gateway.fastpath.errors import FastPathError

logger = logging.getLogger("pairwall.fastpath")


class Figures:
    """Since the daemon began."""

    def __init__(self) -> None:
        self.offered = 0
        self.recalled = 0
        self.no_way = 0  # offers without a route, or by an interface that the fast path does not stand at
        self.full = 0  # offers that the maps had no room for
        self.invalidated = 0  # recalled because their way changed
        self.failures = 0  # of system calls

    def failed(self, error: FastPathError) -> None:
        """A system call failed: counted, and logged now and then."""
        self.failures += 1
        if self.failures in (1, 10, 100) or self.failures % 1000 == 0:
            logger.error("%s", error, extra={"fields": {"failures": self.failures}})
