"""The programs in the kernel and the interfaces that they stand at.

Lives here: following interfaces that come and go, leaving. May not live here: loading (opening.py), flows (manager.py),
attaching (posts.py), which interfaces are any good (drivers.py).
Everything here may take tens of milliseconds: it has no place in the thread that judges packets.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from conntrack.gateway.fastpath import attach, drivers, loader, pins, posts
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.posts import Posts
from conntrack.gateway.links.snapshot import Link, Snapshot

_NOT_ASKED_FOR: Final = "no zone has asked for XDP"


class Stand:
    """One loaded object; several threads may use it.

    refusals: interface name → why the tc program is not there. not_by_xdp: the same of XDP, for what comes in.
    not_sent: why XDP leaves what is to leave by that interface to tc.
    held: a descriptor that is closed at the end (pins.claimed). virtual: XDP on veth, for tests. without_xdp: why there
    is none.
    """

    def __init__(
        self, loaded: loader.Loaded, here: Path, held: int, virtual: bool = False, without_xdp: str = ""
    ) -> None:
        self.maps = loaded.maps
        self.adopted = loaded.adopted
        self.refusals: dict[str, str] = {}
        self.not_by_xdp: dict[str, str] = {}
        self.not_sent: dict[str, str] = {}
        self._here = here
        self._held = held
        self._virtual = virtual
        self._without_xdp = without_xdp or _NOT_ASKED_FOR
        self._tc = Posts(loaded.tc, here, pins.TC, attach.attach)
        self._xdp = None if loaded.xdp is None else Posts(loaded.xdp, here, pins.XDP, attach.attach_xdp)
        self._senders: frozenset[int] = frozenset()
        self._seen = Snapshot()
        self._lock = threading.RLock()
        self._over = False  # a thread that comes late must not stand anywhere again

    def tag(self) -> str:
        """The tc program's version, as the kernel knows it."""
        return self._tc.program.tag()

    def kinds(self) -> list[str]:
        """How they are attached: "tcx", "clsact", "xdp"."""
        xdp = self._xdp
        return sorted(self._tc.kinds() | (set() if xdp is None else xdp.kinds()))

    def attached(self) -> frozenset[int]:
        """The interfaces where the tc program stands."""
        return self._tc.attached()

    def has_xdp(self) -> bool:
        """Whether the program for XDP is loaded."""
        return self._xdp is not None

    def at_driver(self) -> frozenset[int]:
        """The interfaces where XDP stands."""
        xdp = self._xdp
        return frozenset() if xdp is None else xdp.attached()

    def senders(self) -> frozenset[int]:
        """The interfaces that XDP can send on by."""
        return self._senders

    def take_over(self) -> None:
        """Puts these programs in the place of an earlier process's, without a gap."""
        self._tc.take_over()
        if self._xdp is not None:
            self._xdp.take_over()
        else:
            posts.take_off(self._here, pins.XDP)  # the rules of today do not ask for it

    def follow(self, snapshot: Snapshot, names: set[str], by_xdp: frozenset[str] = frozenset()) -> frozenset[int]:
        """Stands at the interfaces of these names and at no others; returns which. by_xdp: names that want XDP too."""
        wanted = [link for link in snapshot.links if link.name in names]
        refused = {link.name: drivers.unfit(link) for link in wanted}
        fit = {link.interface: link.name for link in wanted if not refused[link.name]}
        with self._lock:
            if not self._over:
                self.refusals = {name: why for name, why in refused.items() if why} | self._tc.stand_at(fit)
                self._follow_xdp(snapshot, [link for link in wanted if link.name in by_xdp])
                self._seen = snapshot
                self.look_again()
            return self.attached()

    def look_again(self) -> bool:
        """Asks the drivers what XDP can be sent by, which may change at any time; whether it has."""
        with self._lock:
            links = self._seen.links if self.at_driver() else ()
            standing = [link for link in links if link.interface in self.attached()]
            answers = {link: drivers.transmission(link, self._seen, self._virtual) for link in standing}
            self.not_sent = {link.name: why for link, why in answers.items() if why}
            before, self._senders = self._senders, frozenset(link.interface for link, why in answers.items() if not why)
            return before != self._senders

    def load_xdp(self) -> None:
        """Loads XDP's program over the maps in use, if it is not; it stands where the next `follow` says.

        FastPathError: it cannot be had. All stays as it is, and not_by_xdp will say why.
        """
        with self._lock:
            if self._xdp is not None or self._over:
                return
            try:
                program = loader.load_xdp(loader.find_object(), self.maps)
            except FastPathError as error:
                self.without_xdp(str(error).partition("\n")[0])
                raise
            self._xdp = Posts(program, self._here, pins.XDP, attach.attach_xdp)

    def without_xdp(self, why: str = _NOT_ASKED_FOR) -> None:
        """Takes XDP off everywhere, if it is anywhere."""
        with self._lock:
            self._without_xdp = why
            xdp, self._xdp = self._xdp, None
            if xdp is not None:
                xdp.leave()
                xdp.close()
            self.look_again()

    def is_gone(self) -> bool:
        """Whether somebody has taken all of it out of the kernel (`pairwall unload`)."""
        with self._lock:
            return not self._over and os.fstat(self._held).st_nlink == 0

    def leave(self) -> None:
        """Takes the programs off everywhere, and forgets the maps."""
        with self._lock:
            self._tc.leave()
            if self._xdp is not None:
                self._xdp.leave()
            pins.remove(self._here)
            self.close()

    def close(self) -> None:
        """Lets go; what is pinned goes on."""
        with self._lock:
            self._over = True
            self._tc.close()
            if self._xdp is not None:
                self._xdp.close()
            self.maps.close()
            os.close(self._held)

    def _follow_xdp(self, snapshot: Snapshot, wanted: list[Link]) -> None:
        if self._xdp is None:
            self.not_by_xdp = {link.name: self._without_xdp for link in wanted}
            return
        refused = {link.name: drivers.refusal(link, snapshot, self._virtual) for link in wanted}
        fit = {link.interface: link.name for link in wanted if not refused[link.name]}
        self.not_by_xdp = {name: why for name, why in refused.items() if why} | self._xdp.stand_at(fit)
