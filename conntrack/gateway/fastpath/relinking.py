"""Connections that are carried already, when XDP comes, goes, or can send where it could not.

Lives here: which of their entries get another number of their way (hops.py). May not live here: the numbers, when
(service/xdp.py), writing into entries that packets count in (connections.py).
Entries must have no number that Hops has not given: another way may have it by now. So all are taken away before there
are Hops, and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conntrack.gateway.fastpath.carried import Carried
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.hops import NONE, Hops
from conntrack.gateway.fastpath.invalidate import parts
from conntrack.gateway.fastpath.manager import Manager
from conntrack.gateway.fastpath.maps import FlowMaps, Relink

_NEITHER: Final = (NONE, NONE)


def relink(manager: Manager, maps: FlowMaps, hops: Hops | None, now: float) -> Iterator[None]:
    """Gives carried connections the numbers that they lack; without hops, takes away those that they have.

    Rests after every part. Those whose entries cannot be written to come back, and are offered again.
    """
    for part in parts(manager):
        orders: list[Relink] = []
        changed: list[Carried] = []
        for record in part:
            links = _NEITHER if hops is None else hops.both(record)
            if links != record.links:
                orders += _orders(record, links)
                record.links = links
                changed.append(record)
        try:
            maps.relink(orders)
        except FastPathError as error:
            manager.figures.failed(error)
            manager.recall_many([record.connection for record in changed], now)
        yield


def _orders(record: Carried, links: tuple[int, int]) -> Iterator[Relink]:
    """Of the entries that change."""
    connection = record.connection
    for direction, before, after in zip((connection.original, connection.reply), record.links, links, strict=True):
        if before != after:
            yield Relink(direction.key, int(record.owner), after)
