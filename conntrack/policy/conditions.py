"""Demands that no table answers: sets that are replaced or large, and schedules.

Lives here: each as an object that is asked about a connection. May not live here: which rules need it (classifier.py).
"""

from __future__ import annotations

from conntrack.policy.match import Match, is_open
from conntrack.policy.runtime import Query
from conntrack.policy.schedules import Schedule
from conntrack.policy.selection import Selection


class Condition:
    """Something that many rules may share. Two conditions with equal `identity` are one."""

    def __init__(self, kind: str, about: object) -> None:
        self.identity = (kind, id(about))

    def holds(self, query: Query) -> bool:
        """Whether it holds for this connection."""
        raise NotImplementedError


class SourceIn(Condition):
    """The source is in a selection that asks sets."""

    def __init__(self, selection: Selection) -> None:
        super().__init__("source", selection)
        self._selection = selection

    def holds(self, query: Query) -> bool:
        """Whether it holds for this connection."""
        return self._selection.holds(query.source)


class DestinationIn(Condition):
    """The destination is in a selection that asks sets."""

    def __init__(self, selection: Selection) -> None:
        super().__init__("destination", selection)
        self._selection = selection

    def holds(self, query: Query) -> bool:
        """Whether it holds for this connection."""
        return self._selection.holds(query.destination)


class Open(Condition):
    """A schedule is open."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__("schedule", schedule)
        self._schedule = schedule

    def holds(self, query: Query) -> bool:
        """Whether it holds for this connection."""
        return is_open(self._schedule, query)


def conditions(match: Match) -> list[Condition]:
    """The conditions of a rule, the cheapest to ask first."""
    found: list[Condition] = []
    if match.schedule is not None:
        found.append(Open(match.schedule))
    if match.source is not None and match.source.is_asked():
        found.append(SourceIn(match.source))
    if match.destination is not None and match.destination.is_asked():
        found.append(DestinationIn(match.destination))
    return found
