"""Which settings a reload cannot change.

Lives here: saying so. May not live here: the settings (policy/document_settings.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from conntrack.policy.document_settings import Settings


def unchangeable(before: Settings, after: Settings) -> Iterator[str]:
    """A sentence for every difference that waits for a restart."""
    for name in ("number", "length", "backend"):
        if getattr(before.queue, name) != getattr(after.queue, name):
            yield f"`settings: queue: {name}:` changes with a restart only"
    if before.log.format != after.log.format:
        yield "`settings: log: format:` changes with a restart only"
    if before.fastpath != after.fastpath:
        yield "`settings: fastpath:` changes with a restart only"
    if before.connections != after.connections and after.fastpath != "off":
        yield "`settings: connections:` holds for the table from now on, for the fast path from a restart on"
    if before.on_failure != after.on_failure:
        yield "`settings: on-failure:` holds from now on if the daemon dies; for a full queue, from a restart on"
