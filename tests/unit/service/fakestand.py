"""The fast path's stand without a kernel: fake maps, and interfaces that take the program at once."""

from __future__ import annotations

from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.links.snapshot import Snapshot
from tests.unit.gateway.fakemaps import FakeMaps


class FakeStand(Stand):
    """`steps` is what became of it."""

    def __init__(self, adopted: int = 0) -> None:
        self.maps = FakeMaps()
        self.adopted = adopted
        self.refusals: dict[str, str] = {}
        self.not_by_xdp: dict[str, str] = {}
        self.not_sent: dict[str, str] = {}
        self.steps: list[str] = []
        self._at: frozenset[int] = frozenset()

    def tag(self) -> str:
        return "0123456789abcdef"

    def kinds(self) -> list[str]:
        return ["tcx"]

    def attached(self) -> frozenset[int]:
        return self._at

    def has_xdp(self) -> bool:
        return False

    def at_driver(self) -> frozenset[int]:
        return frozenset()

    def senders(self) -> frozenset[int]:
        return frozenset()

    def follow(self, snapshot: Snapshot, names: set[str], by_xdp: frozenset[str] = frozenset()) -> frozenset[int]:
        self.steps.append(f"follow {' '.join(sorted(names))}")
        self._at = frozenset(link.interface for link in snapshot.links if link.name in names and link.ethernet)
        self.refusals = {link.name: "no Ethernet" for link in snapshot.links if not link.ethernet}
        return self._at

    def leave(self) -> None:
        self.steps.append("leave")

    def close(self) -> None:
        self.steps.append("close")
