"""Which carried connections must come back because something around them changed.

Lives here: new ways, new rules. May not live here: noticing either (gateway/links, service/).
Both are generators that rest after every STEP connections, so that packets are judged in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conntrack.engine.core import Engine
from conntrack.gateway.fastpath.carried import Carried, destination
from conntrack.gateway.fastpath.holds import FOREVER
from conntrack.gateway.fastpath.manager import Manager
from conntrack.gateway.fastpath.nexthops import Ways

STEP: Final = 200


def reroute(manager: Manager, ways: Ways, now: float) -> Iterator[None]:
    """Puts new ways in force: connections whose own way changed come back, and are offered again at their next packet;
    so do those one of whose interfaces is of another zone by now, for which nobody has asked the rules.

    Those that had no way are offered again as well.
    """
    manager.ways = ways
    manager.holds.release()
    for part in parts(manager):
        gone = [record.connection for record in part if has_moved(record, ways) or not manager.in_zones(record)]
        manager.figures.invalidated += len(gone)
        manager.recall_many(gone, now)
        yield


def has_moved(record: Carried, ways: Ways) -> bool:
    """Whether either direction goes another way now than when the connection was offered."""
    return any(ways.to(destination(side.direction)) != side.way for side in (record.original, record.reply))


def rejudge(manager: Manager, engine: Engine, now: float) -> Iterator[None]:
    """Takes back the connections that new rules would not let begin, and does not offer them any more.

    They go on as any established connection does, but under the eyes of the engine. Of those that are not carried just
    now the same is asked when they are offered.
    """
    manager.holds.release(barred=True)
    manager.renew(now)
    for part in parts(manager):
        for record in part:
            connection = record.connection
            if not engine.permitted(connection, now):
                manager.recall_many([connection], now)
                manager.holds.hold(connection, now, FOREVER)
        yield


def parts(manager: Manager) -> Iterator[list[Carried]]:
    """The connections carried now, a few at a time; those that came back meanwhile are left out."""
    records = list(manager.carried.values())
    for at in range(0, len(records), STEP):
        yield [one for one in records[at : at + STEP] if manager.carries(one)]
