"""From the compiled object to a loaded program with its maps, through libbpf.

Lives here: ELF, map sizes, taking over maps that are there. May not live here: system calls (syscalls.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.gateway.fastpath.program import Program


class Loaded(NamedTuple):
    """One load: the programs, and the maps that they share."""

    tc: Program
    maps: FlowMaps


def find_object() -> Path:
    """The object that the build put beside this module. FastPathError: this package was built without clang."""
    raise NotImplementedError


def load(path: Path, capacity: int, pins: Path | None = None) -> Loaded:
    """Loads the programs. capacity: connections that the maps have room for.

    pins: a folder in a bpffs: maps pinned there are taken over if their layout is ours (adopt their flows with
    FlowMaps.readings), and new maps are pinned there. FastPathError: with what is missing and the remedy.
    """
    raise NotImplementedError
