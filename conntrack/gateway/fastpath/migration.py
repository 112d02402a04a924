"""The maps of an earlier process in another size: `settings: connections:` was changed, and nothing may be lost by it.

Lives here: recognising them, and moving what they hold. May not live here: loading (loader.py), what connections are
(adoption.py).
TCP states are frozen before they are read: from there on packets of those connections wait for the daemon, until the
new program stands. The old entries stay until all is over: if this process dies meanwhile, the next one finds them.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from conntrack.flow.pair import invert
from conntrack.gateway.fastpath import layout, loader, syscalls
from conntrack.gateway.fastpath.connections import Offer
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.kernelmap import KernelMap
from conntrack.gateway.fastpath.layout import Flow
from conntrack.gateway.fastpath.loader import Loaded
from conntrack.gateway.fastpath.maps import FlowMaps
from conntrack.packet.header import TCP

#: where the control bits of a TCP state are
_CONTROL: Final = layout.packed(layout.TCP_FIELDS[: [name for name, _ in layout.TCP_FIELDS].index("control")]).size

logger = logging.getLogger("pairwall.fastpath")


def load(path: Path, capacity: int, pins: Path, xdp: bool) -> Loaded:
    """loader.load, for maps that may be pinned there in another size."""
    before = pinned_capacity(pins)
    if before in (0, capacity):
        return loader.load(path, capacity, pins, xdp)
    old = loader.load(path, before, pins)
    try:
        new = loader.load(path, capacity, None, xdp)
        moved = move(old.maps, new.maps)
        loader.pin(new.maps, pins)
    finally:
        old.maps.close()
        old.tc.close()
    logger.info("the maps have another size now", extra={"fields": {"from": before, "to": capacity, "moved": moved}})
    return new._replace(adopted=2 * moved)


def pinned_capacity(pins: Path) -> int:
    """For how many connections the maps are that are pinned there; 0: there are none, or not such as ours."""
    found = {}
    for name in loader.expected(1):
        with contextlib.suppress(FileNotFoundError, FastPathError):
            one = KernelMap(syscalls.pinned(pins / name))
            found[name] = one.shape
            one.close()
    capacity = found["tcp"].capacity if "tcp" in found else 0
    return capacity if capacity and found == loader.expected(capacity) else 0


def move(old: FlowMaps, new: FlowMaps) -> int:
    """Copies all connections, as far as there is room; how many."""
    entries = {key: flow for batch in old.entries() for key, flow in batch}
    moved = 0
    for offers in _offers(old, entries):
        moved += new.insert_many(offers)
    new.set_generation(old.generation())
    return moved


def _offers(old: FlowMaps, entries: dict[bytes, Flow]) -> Iterator[list[Offer]]:
    """The connections, many at a time, each as it was when it was frozen."""
    begun = [(key, invert(key[:2] + flow.pair)) for key, flow in entries.items() if not flow.flags & layout.REPLY]
    for at in range(0, len(begun), layout.BULK_STATES):
        pairs = [pair for pair in begun[at : at + layout.BULK_STATES] if pair[1] in entries]
        old.freeze([(entries[key].slot, entries[key].owner) for key, _ in pairs if key[0] == TCP])
        offers = []
        for key, other in pairs:
            there, back = old.look(key), old.look(other)
            if there is not None and back is not None:
                offers.append(Offer(key, there, other, back, thawed(old.state(there.slot)) if key[0] == TCP else b""))
        yield offers


def thawed(state: bytes) -> bytes:
    """A TCP state without layout.FROZEN."""
    control = state[_CONTROL] & ~layout.FROZEN
    return bytes(4) + state[4:_CONTROL] + bytes((control,)) + state[_CONTROL + 1 :]
