"""The control socket's commands about flows: list, get, delete, watch.

Lives here: these four. May not live here: filters (filters.py), a flow's shape (views.py), pace (control.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from conntrack.engine.core import Engine
from conntrack.flow.connection import Connection
from conntrack.flow.ending import DELETED
from conntrack.service.arguments import whole_number
from conntrack.service.control import Command
from conntrack.service.events import END, NEW, Events
from conntrack.service.filters import Filter
from conntrack.service.protocol import MISSING, USAGE, Item, Refused
from conntrack.service.views import Flows


class FlowCommands:
    """Work on the keys that the table has at first: packets go on between turns, and flows that end are left out."""

    def __init__(self, engine: Engine, flows: Flows, events: Events, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._flows = flows
        self._events = events
        self._clock = clock

    def table(self) -> Mapping[str, Command]:
        """The commands by name."""
        return {
            "flows list": Command(self._list),
            "flows get": Command(self._get),
            "flows delete": Command(self._delete, changes=True),
            "flows watch": Command(self._watch),
        }

    def _list(self, arguments: Item) -> Iterator[Item | None]:
        wanted = self._filter(arguments)
        limit = whole_number(arguments, "limit")
        count = 0
        for connection in self._living():
            found = connection is not None and wanted.matches(connection)
            if connection is None or not found:
                yield None
                continue
            yield self._view(connection)
            count += 1
            if limit is not None and count >= limit:
                return

    def _get(self, arguments: Item) -> Iterator[Item | None]:
        identity = whole_number(arguments, "id")
        if identity is None:
            raise Refused(USAGE, "which flow? give its `id`")
        for connection in self._living():
            if connection is None or connection.identity != identity:
                yield None
                continue
            yield self._view(connection)
            return
        raise Refused(MISSING, f"no flow has the ID {identity}: it may have ended")

    def _delete(self, arguments: Item) -> Iterator[Item | None]:
        identities = arguments.get("ids")
        if identities is not None and not (
            isinstance(identities, list) and all(isinstance(x, int) for x in identities)
        ):
            raise Refused(USAGE, "`ids` is a list of numbers")
        chosen = None if identities is None else frozenset(identities)
        wanted = self._filter(arguments)
        deleted = 0
        for connection in self._living():
            chosen_too = connection is not None and (chosen is None or connection.identity in chosen)
            if connection is not None and chosen_too and wanted.matches(connection):
                self._engine.end(connection, DELETED, self._clock())
                deleted += 1
            yield None
        yield {"deleted": deleted}

    def _watch(self, arguments: Item) -> AsyncIterator[Item]:
        kind = arguments.get("event")
        if kind not in (None, NEW, END):
            raise Refused(USAGE, f"`event` is {NEW} or {END}")
        return self._events.watch(self._filter(arguments), frozenset((NEW, END) if kind is None else (kind,)))

    def _view(self, connection: Connection) -> Item:
        """As it is this moment, also where its packets pass elsewhere."""
        now = self._clock()
        self._engine.refresh(connection, now)
        return self._flows.view(connection, now)

    def _living(self) -> Iterator[Connection | None]:
        """The connections that were there and still are; None for what is to be skipped, so that there is a pause.

        Only the keys are copied at once: 30 ms for a million flows; the connections would take several times that.
        """
        directions = self._engine.table.directions
        for key in list(directions):
            direction = directions.get(key)
            yield direction.connection if direction is not None and direction.original else None

    def _filter(self, arguments: Item) -> Filter:
        filters = arguments.get("filters", {})
        if not isinstance(filters, dict):
            raise Refused(USAGE, "`filters` is a JSON object")
        return Filter(filters, self._flows.state, self._flows.rule, self._flows.zone)
