"""Waiting for what another process will do.

Lives here: polling with an end. May not live here: what is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from conntrack.cli.lab.namespace import LabError


def until(condition: Callable[[], object], what: str, patience: float = 10) -> None:
    """Returns when the condition holds. LabError: it did not within `patience` seconds."""
    limit = time.monotonic() + patience
    while not condition():
        if time.monotonic() > limit:
            raise LabError(f"waited {patience:g} s in vain until {what}")
        time.sleep(0.02)
