"""The program in the kernel and the interfaces that it stands at.

Lives here: loading, attaching, following interfaces that come and go, leaving. May not live here: flows (manager.py).
Everything here may take tens of milliseconds: it has no place in the thread that judges packets.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from conntrack.gateway.fastpath import attach, loader, pins
from conntrack.gateway.fastpath.attach import Attachment
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.links.snapshot import Snapshot

logger = logging.getLogger("pairwall.fastpath")


class Stand:
    """One loaded program. `refusals`: interface name → why the program is not there."""

    def __init__(self, loaded: loader.Loaded, here: Path) -> None:
        self.maps = loaded.maps
        self.adopted = loaded.adopted
        self.refusals: dict[str, str] = {}
        self._program = loaded.tc
        self._here = here
        self._attached: dict[int, Attachment] = {}

    def tag(self) -> str:
        """The program's version, as the kernel knows it."""
        return self._program.tag()

    def kinds(self) -> list[str]:
        """How it is attached: "tcx", "clsact"."""
        return sorted({one.kind for one in self._attached.values()})

    def attached(self) -> frozenset[int]:
        """The interfaces where it stands."""
        return frozenset(self._attached)

    def take_over(self) -> None:
        """Puts this program in the place of an earlier process's, without a gap."""
        for interface, pin in pins.links(self._here):
            try:
                found = attach.adopt(pin)
                if found.interface != interface:
                    raise FastPathError("the interface is gone", "")
                found.replace(self._program)
            except (FastPathError, FileNotFoundError) as error:
                logger.info("the fast path's link to interface %d is of no use: %s", interface, error)
                pin.unlink(missing_ok=True)
                continue
            self._attached[interface] = found

    def follow(self, snapshot: Snapshot, names: set[str]) -> frozenset[int]:
        """Stands at the interfaces of these names and at no others; returns which."""
        wanted = {link.interface: link for link in snapshot.links if link.name in names}
        for interface in set(self._attached) - set(wanted):
            self._leave(interface)
        self.refusals = {}
        for interface, link in wanted.items():
            if not link.ethernet:
                self.refusals[link.name] = "its packets have no Ethernet header"
            elif interface not in self._attached:
                self._attach(interface, link.name)
        return self.attached()

    def leave(self) -> None:
        """Takes the program off everywhere, and forgets the maps."""
        for interface in list(self._attached):
            self._leave(interface)
        pins.remove(self._here)
        self.close()

    def close(self) -> None:
        """Lets go; what is pinned goes on."""
        for one in self._attached.values():
            one.close()
        self._attached = {}
        self.maps.close()
        self._program.close()

    def _attach(self, interface: int, name: str) -> None:
        try:
            self._attached[interface] = attach.attach(self._program, interface, pins.link(self._here, interface))
        except FastPathError as error:
            self.refusals[name] = str(error)

    def _leave(self, interface: int) -> None:
        try:
            self._attached.pop(interface).detach()
        except FastPathError as error:
            logger.warning("interface %d: %s", interface, error)
        pins.link(self._here, interface).unlink(missing_ok=True)


def open_stand(capacity: int, root: Path = pins.ROOT) -> Stand:
    """Loads the program, with the maps of an earlier process if it left any. FastPathError: it cannot be had."""
    found = loader.find_object()
    here = pins.made(root)
    try:
        stand = Stand(loader.load(found, capacity, here), here)
    except FastPathError:
        if not any(pins.links(here)):
            pins.remove(here)
        raise
    stand.take_over()
    return stand


def unload(everywhere: bool = False, root: Path = pins.ROOT) -> list[Path]:
    """Takes the program off in this network namespace, or in all of them; returns the folders that were removed."""
    removed = []
    mine = f"net{pins.namespace()}"
    for here in pins.folders(root):
        if not everywhere and here.name != mine:
            continue
        for _, pin in pins.links(here):
            with contextlib.suppress(FastPathError, FileNotFoundError):
                attach.adopt(pin).detach()
        pins.remove(here)
        removed.append(here)
    return removed
