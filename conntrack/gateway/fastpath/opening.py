"""From the folder of pins to a stand, or to nothing.

Lives here: whose the folder is, and that no program goes on of which no daemon knows. May not live here: what a stand
does (stand.py), maps (loader.py, migration.py).
Everything here may take tens of milliseconds: it has no place in the thread that judges packets.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from conntrack.gateway import privileges
from conntrack.gateway.fastpath import loader, migration, pins, posts
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.stand import Stand

#: where the unit does without
_RIGHTS: Final = "systemd/pairwall.service.d/fastpath.conf gives the service both"

logger = logging.getLogger("pairwall.fastpath")


def open_stand(capacity: int, root: Path = pins.ROOT, xdp: bool = False, virtual: bool = False) -> Stand:
    """Loads the programs, with the maps of an earlier process if it left any. FastPathError: they cannot be had; then
    nothing of an earlier process goes on either, for nobody would know what it does.

    xdp: the one for XDP as well. virtual: see Stand.
    """
    try:
        found = _object()
    except FastPathError:
        _clear(root)
        raise
    here = pins.made(root)
    held = pins.claimed(here)
    try:
        stand = _stand(found, capacity, here, held, xdp, virtual)
    except FastPathError:
        os.close(held)
        _clear(root)
        raise
    stand.take_over()
    return stand


def unload(everywhere: bool = False, root: Path = pins.ROOT, living: bool = False) -> list[Path]:
    """Takes the programs off in this network namespace, or in all of them; returns the folders that were removed.

    living: even those that another daemon works with. OSError: they are somebody else's.
    """
    removed = []
    mine = f"net{pins.namespace()}"
    for here in pins.folders(root):
        if (everywhere or here.name == mine) and (living or not pins.is_claimed(here)):
            posts.take_off(here, *pins.HOOKS)
            pins.remove(here)
            removed.append(here)
    return removed


def _object() -> Path:
    """The compiled object, where it can be loaded. FastPathError: it cannot, whatever is pinned."""
    if not privileges.may_load_programs():
        raise FastPathError("CAP_BPF and CAP_PERFMON are missing", _RIGHTS)
    return loader.find_object()


def _stand(found: Path, capacity: int, here: Path, held: int, xdp: bool, virtual: bool) -> Stand:
    """Loaded, without XDP where that alone is refused."""
    try:
        return Stand(migration.load(found, capacity, here, xdp), here, held, virtual)
    except FastPathError as error:
        if not xdp:
            raise
        why = str(error).partition("\n")[0]
    logger.warning("no XDP: %s", why)
    return Stand(migration.load(found, capacity, here, False), here, held, virtual, why)


def _clear(root: Path) -> None:
    """Takes off what an earlier process left: whoever owns the folder can remove pins, without any capability."""
    try:
        for here in unload(root=root):
            logger.warning("an earlier process's fast path ends", extra={"fields": {"removed": str(here)}})
    except OSError as error:
        logger.error("an earlier process's fast path may go on: `pairwall unload`, as root, ends it (%s)", error)
