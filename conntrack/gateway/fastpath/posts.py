"""The interfaces that one program stands at, and the pins that let it stand there without a daemon.

Lives here: taking over, attaching, leaving, for the tc program and for that of XDP alike. May not live here: which
interfaces those are (stand.py, drivers.py), how it is done (attach.py).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from conntrack.gateway.fastpath import attach, pins
from conntrack.gateway.fastpath.attach import Attachment
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.program import Program

logger = logging.getLogger("pairwall.fastpath")

#: puts a program at an interface, with a pin
Attach = Callable[[Program, int, Path], Attachment]


class Posts:
    """Of one program. hook: the pins' own name (pins.TC, pins.XDP)."""

    def __init__(self, program: Program, here: Path, hook: str, attach: Attach) -> None:
        self.program = program
        self._here = here
        self._hook = hook
        self._attach = attach
        self._attached: dict[int, Attachment] = {}

    def kinds(self) -> set[str]:
        """How it is attached: "tcx", "clsact", "xdp"."""
        return {one.kind for one in list(self._attached.values())}

    def attached(self) -> frozenset[int]:
        """The interfaces where it stands."""
        return frozenset(self._attached)

    def take_over(self) -> None:
        """Puts this program in the place of an earlier process's, without a gap."""
        for interface, pin in pins.links(self._here, self._hook):
            try:
                found = attach.adopt(pin)
                if found.interface != interface:
                    raise FastPathError("the interface is gone", "")
                found.replace(self.program)
            except (FastPathError, FileNotFoundError) as error:
                logger.info("the fast path's link to interface %d is of no use: %s", interface, error)
                pin.unlink(missing_ok=True)
                continue
            self._attached[interface] = found

    def stand_at(self, wanted: dict[int, str]) -> dict[str, str]:
        """Stands at these interfaces (index → name) and at no others; returns the refusals, name → why."""
        for interface in set(self._attached) - set(wanted):
            self._leave(interface)
        refusals = {}
        for interface, name in wanted.items():
            if interface not in self._attached:
                try:
                    pin = pins.link(self._here, interface, self._hook)
                    self._attached[interface] = self._attach(self.program, interface, pin)
                except FastPathError as error:
                    refusals[name] = str(error)
        return refusals

    def leave(self) -> None:
        """Takes the program off everywhere."""
        for interface in list(self._attached):
            self._leave(interface)

    def close(self) -> None:
        """Lets go; what is pinned goes on."""
        for one in self._attached.values():
            one.close()
        self._attached = {}
        self.program.close()

    def _leave(self, interface: int) -> None:
        try:
            self._attached.pop(interface).detach()
        except FastPathError as error:
            logger.warning("interface %d: %s", interface, error)
        pins.link(self._here, interface, self._hook).unlink(missing_ok=True)


def take_off(here: Path, *hooks: str) -> None:
    """Takes off whatever programs a folder's pins hold at interfaces by these hooks."""
    for hook in hooks:
        for _, pin in pins.links(here, hook):
            with contextlib.suppress(FastPathError, FileNotFoundError):
                attach.adopt(pin).detach()
            pin.unlink(missing_ok=True)
