"""The fast path's maps, typed: connections, what they did, settings, counters.

Lives here: what is read and set for all connections together. May not live here: how one comes and goes
(connections.py), bytes (layout.py), operations on one map (kernelmap.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from conntrack.gateway.fastpath import layout, punts
from conntrack.gateway.fastpath.bulk import Bulk
from conntrack.gateway.fastpath.connections import INDEX, Connections, Offer, Relink, Seen
from conntrack.gateway.fastpath.kernelmap import KernelMap
from conntrack.gateway.fastpath.layout import Flow, flow_key, unpack_flow

__all__ = ["FlowMaps", "Offer", "Relink", "Seen"]


class FlowMaps(Connections):
    """All maps of one loaded program. Every method raises FastPathError where the kernel refuses."""

    def __init__(
        self,
        flows4: KernelMap,
        flows6: KernelMap,
        tcp: KernelMap,
        settings: KernelMap,
        links: KernelMap,
        punts: KernelMap,
        bulk: Bulk,
    ) -> None:
        super().__init__(flows4, flows6, tcp, bulk)
        self._settings = settings
        self._links = links
        self._punts = punts

    def readings(self, chunk: int = 1024) -> Iterator[tuple[bytes, int]]:
        """All entries, about `chunk` at a time: for readings.py, one after the other, and the size of each."""
        for flows in (self._flows4, self._flows6):
            for _, values in flows.batches(chunk):
                yield values, flows.shape.value_size

    def entries(self, chunk: int = 2048) -> Iterator[list[tuple[bytes, Flow]]]:
        """All entries in full, as (flow key, entry): for a process that takes over the maps of an earlier one."""
        for flows in (self._flows4, self._flows6):
            key_size, value_size = flows.shape.key_size, flows.shape.value_size
            for keys, values in flows.batches(chunk):
                count = len(keys) // key_size
                yield [
                    (
                        flow_key(keys[at * key_size : (at + 1) * key_size]),
                        unpack_flow(values[at * value_size : (at + 1) * value_size]),
                    )
                    for at in range(count)
                ]

    def adopt(self) -> int:
        """Notes which slots the entries of an earlier process use, so that none is given twice; counts entries."""
        count = 0
        for batch in self.entries():
            count += len(batch)
            for _, flow in batch:
                self._slots.claim(flow.slot)
        return count

    def punts(self) -> list[int]:
        """Packets by punts.py's numbers, summed over CPUs; [0] are those forwarded, by XDP as well."""
        counts = []
        for punt in range(punts.SLOTS):
            raw = self._punts.look(INDEX.pack(punt)) or b""
            counts.append(sum(count for (count,) in layout.COUNTER.iter_unpack(raw)))
        counts[punts.FORWARDED] += counts[punts.AT_DRIVER]
        return counts

    def generation(self) -> int:
        """The generation in force."""
        raw = self._settings.look(INDEX.pack(0))
        return int(layout.SETTINGS.unpack(raw)[0]) if raw else 0

    def set_generation(self, generation: int) -> None:
        """Makes entries of every other generation (1–65535) stale at once; 0 switches the fast path off."""
        self._settings.put(INDEX.pack(0), layout.SETTINGS.pack(generation))

    def set_link(self, link: int, destination: bytes, source: bytes, ours: bytes) -> None:
        """Tells XDP a way (Flow.link, 1 to layout.LINKS − 1): hardware addresses as layout.LINK_FIELDS says."""
        self._links.put(INDEX.pack(link), layout.LINK.pack(destination, source, ours, 1))

    def forget_link(self, link: int) -> None:
        """XDP leaves packets of this way to tc from now on."""
        self._links.put(INDEX.pack(link), bytes(layout.LINK.size))

    def all(self) -> tuple[KernelMap, ...]:
        """Every map, in the order of the constructor."""
        return self._flows4, self._flows6, self._tcp, self._settings, self._links, self._punts

    def close(self) -> None:
        """Gives all descriptors back; what is pinned or attached stays."""
        for one in self.all():
            one.close()
        self._bulk.close()
