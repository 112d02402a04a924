"""Timeouts by name, as rules files set them.

Lives here: setting some of them. May not live here: which there are, and what they are for (the trackers).
"""

from __future__ import annotations


def change(timeouts: dict[str, float], changed: dict[str, float]) -> None:
    """Sets some of the timeouts, in seconds; all or none. KeyError: no such name."""
    for name in changed:
        if name not in timeouts:
            raise KeyError(name)
    timeouts.update(changed)
