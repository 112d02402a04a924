"""The host's links as the daemon uses them: a Topology now, and a new one whenever something changed.

Lives here: joining the watched snapshot with the zones of the rules file in force. May not live here: netlink, threads.
"""

from __future__ import annotations

from collections.abc import Callable

from conntrack.engine.topology import Topology
from conntrack.gateway.links.snapshot import Snapshot, ZoneOf, topology
from conntrack.gateway.links.watch import Watch


class Links:
    """Follows the network namespace that `start` is called in."""

    def __init__(self, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
        """changed: called in another thread when `topology` would answer differently: pass it on to your own, as by
        `loop.call_soon_threadsafe`; failed: called there with the reason when links cannot be read for now.
        """
        self._tell = changed
        self._watch = Watch(self._changed, failed)
        self._snapshot = Snapshot()

    def start(self) -> None:
        """Reads everything and follows it from now on. LinksError: it cannot be read."""
        self._snapshot = self._watch.start()

    def stop(self) -> None:
        """Ends following."""
        self._watch.stop()

    def topology(self, zone_of: ZoneOf) -> Topology:
        """What there is now, with these zones."""
        return topology(self._snapshot, zone_of)

    def snapshot(self) -> Snapshot:
        """What there is now."""
        return self._snapshot

    def names(self) -> list[str]:
        """The interfaces that exist."""
        return [link.name for link in self._snapshot.links]

    def _changed(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot  # one reference: whoever reads it meanwhile has the old or the new one whole
        self._tell()
