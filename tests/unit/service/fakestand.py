"""The fast path's stand without a kernel: fake maps, and interfaces that take the program at once."""

from __future__ import annotations

from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.stand import Stand
from conntrack.gateway.links.snapshot import Snapshot
from tests.unit.gateway.fakemaps import FakeMaps


class FakeStand(Stand):
    """`steps` is what became of it; `no_xdp`: why the program for XDP cannot be loaded."""

    def __init__(self, adopted: int = 0) -> None:
        self.maps = FakeMaps()
        self.adopted = adopted
        self.refusals: dict[str, str] = {}
        self.not_by_xdp: dict[str, str] = {}
        self.not_sent: dict[str, str] = {}
        self.steps: list[str] = []
        self.gone = False
        self.no_xdp = ""
        self._at: frozenset[int] = frozenset()
        self._xdp_at: frozenset[int] | None = None

    def tag(self) -> str:
        return "0123456789abcdef"

    def kinds(self) -> list[str]:
        return ["tcx"]

    def attached(self) -> frozenset[int]:
        return self._at

    def has_xdp(self) -> bool:
        return self._xdp_at is not None

    def at_driver(self) -> frozenset[int]:
        return self._xdp_at or frozenset()

    def senders(self) -> frozenset[int]:
        return self._at if self._xdp_at else frozenset()

    def look_again(self) -> bool:
        return False

    def load_xdp(self) -> None:
        self.steps.append("load XDP")
        if self.no_xdp:
            raise FastPathError(self.no_xdp, "in a test")
        self._xdp_at = frozenset()

    def without_xdp(self, why: str = "") -> None:
        self.steps.append(f"without XDP {why}".strip())
        self.no_xdp = why
        self._xdp_at = None

    def follow(self, snapshot: Snapshot, names: set[str], by_xdp: frozenset[str] = frozenset()) -> frozenset[int]:
        self.steps.append(f"follow {' '.join(sorted(names))}")
        self._at = frozenset(link.interface for link in snapshot.links if link.name in names and link.ethernet)
        if self._xdp_at is not None:
            self._xdp_at = frozenset(link.interface for link in snapshot.links if link.name in by_xdp)
        self.not_by_xdp = {} if self.has_xdp() else dict.fromkeys(by_xdp, self.no_xdp)
        self.refusals = {link.name: "no Ethernet" for link in snapshot.links if not link.ethernet}
        return self._at

    def is_gone(self) -> bool:
        return self.gone

    def leave(self) -> None:
        self.steps.append("leave")

    def close(self) -> None:
        self.steps.append("close")
