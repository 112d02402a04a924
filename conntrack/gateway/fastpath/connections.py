"""Connections in the maps: two entries each, and for TCP a state that both share.

Lives here: the order in which they come and go. May not live here: bytes (layout.py), operations on one map
(kernelmap.py), which connections are offered (manager.py), reading them all (maps.py).
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from mypy_extensions import mypyc_attr

from conntrack.gateway.fastpath import layout
from conntrack.gateway.fastpath.bulk import Bulk
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.kernelmap import KernelMap
from conntrack.gateway.fastpath.layout import Flow, Usage, map_key, unpack_flow
from conntrack.gateway.fastpath.slots import NONE, Slots
from conntrack.packet.header import TCP

#: the key of an array
INDEX: Final = Struct("=I")
#: bytes of an IPv4 flow key
_KEY4: Final = 14


class Offer(NamedTuple):
    """A connection for the fast path: both flow keys (flow/pair.py), both entries, and its TCP state."""

    original_key: bytes
    original: Flow
    reply_key: bytes
    reply: Flow
    state: bytes  # handover.state_of(connection); b"" where packets need no judgement (UDP, ICMP)


class Relink(NamedTuple):
    """What Flow.link of one entry is to be; not where the entry is another connection's by now."""

    key: bytes
    owner: int
    link: int

    def pack(self) -> bytes:
        """As the relinking program takes it."""
        return layout.RELINK.pack(map_key(self.key), self.owner, self.link, len(self.key) != _KEY4)


class Held(NamedTuple):
    """A connection that is in the maps: both flow keys, and what its entries say besides (layout.Flow)."""

    original_key: bytes
    reply_key: bytes
    slot: int
    owner: int


class Seen(NamedTuple):
    """What a connection has done in the fast path."""

    original: Usage
    reply: Usage
    state: bytes  # for handover.restore; b"" where there was none


@mypyc_attr(allow_interpreted_subclasses=True)
class Connections:
    """The maps of flows and TCP states. Every method raises FastPathError where the kernel refuses."""

    def __init__(self, flows4: KernelMap, flows6: KernelMap, tcp: KernelMap, bulk: Bulk) -> None:
        self._flows4 = flows4
        self._flows6 = flows6
        self._tcp = tcp
        self._bulk = bulk
        self._slots = Slots(tcp.shape.capacity)

    def insert(self, offer: Offer) -> None:
        """Puts a connection in: state, then reply, then original. FastPathError: full; then nothing is left behind."""
        flows = self._of(offer.original_key)
        original, reply = offer.original, offer.reply
        slot = self._begin(offer)
        try:
            flows.put(map_key(offer.reply_key), reply.pack())
            flows.put(map_key(offer.original_key), original.pack())
        except FastPathError:
            flows.remove(map_key(offer.reply_key))
            self._slots.give(slot)
            raise

    def insert_many(self, offers: list[Offer]) -> int:
        """The same for many, in few system calls; returns how many, from the first on, went in."""
        done = 0
        while done < len(offers):
            flows = self._of(offers[done].original_key)
            end = done + 1
            while end < len(offers) and self._of(offers[end].original_key) is flows:
                end += 1
            count = self._insert_family(flows, offers[done:end])
            if count < end - done:
                return done + count
            done = end
        return done

    def look(self, key: bytes) -> Flow | None:
        """The entry of a flow key."""
        raw = self._of(key).look(map_key(key))
        return None if raw is None else unpack_flow(raw)

    def state(self, slot: int) -> bytes:
        """A TCP state, read as one piece; it goes on changing."""
        return self._tcp.look(INDEX.pack(slot), locked=True) or b""

    def recall(self, original_key: bytes, reply_key: bytes) -> Seen | None:
        """Takes a connection out: freezes its TCP state, removes both entries, returns what they held.

        None: it was not in. What is returned for TCP is exact: no packet passes between reading and removing. Of UDP
        and ICMP a packet that another CPU is just forwarding may go uncounted.
        """
        flow = self.look(original_key)
        return None if flow is None else self.recall_many([Held(original_key, reply_key, flow.slot, flow.owner)])[0]

    def recall_many(self, connections: list[Held]) -> list[Seen | None]:
        """The same for many, in few system calls; their slots are free afterwards."""
        found = self._ask(connections, True)
        for one in connections:
            self._slots.give(one.slot)
        return found

    def read(self, connections: list[Held]) -> list[Seen | None]:
        """What many have done; they stay in, and go on."""
        return self._ask(connections, False)

    def freeze(self, states: list[tuple[int, int]]) -> None:
        """Stops packets of these (slot, owner): from now on they are left to the slow path."""
        self._bulk.states(states, True)

    def _ask(self, connections: list[Held], take: bool) -> list[Seen | None]:
        """States come first: of those taken nothing passes any more when their entries are read."""
        tcp = [(one.slot, one.owner) for one in connections if one.original_key[0] == TCP]
        states = iter(self._bulk.states(tcp, take) if tcp else ())
        usages = {
            size: iter(self._bulk.usage(_keys(connections, size), take))
            for size in (layout.KEY4_SIZE, layout.KEY6_SIZE)
        }
        found: list[Seen | None] = []
        for one in connections:
            usage = usages[len(one.original_key) + 2]
            original, reply = next(usage), next(usage)
            state = next(states) if one.original_key[0] == TCP else b""
            found.append(None if original is None or reply is None else Seen(original, reply, state))
        return found

    def relink(self, orders: list[Relink]) -> None:
        """Has XDP send entries' packets by other ways, or (link 0) leave them to tc, while they go on counting."""
        self._bulk.relink([order.pack() for order in orders])

    def _of(self, key: bytes) -> KernelMap:
        return self._flows4 if len(key) == _KEY4 else self._flows6

    def _insert_family(self, flows: KernelMap, offers: list[Offer]) -> int:
        """insert_many for connections of one family."""
        room = self._begin_many(offers)
        replies = flows.put_many(
            b"".join([map_key(offer.reply_key) for offer in offers[:room]]),
            b"".join([offer.reply.pack() for offer in offers[:room]]),
        )
        whole = flows.put_many(
            b"".join([map_key(offer.original_key) for offer in offers[:replies]]),
            b"".join([offer.original.pack() for offer in offers[:replies]]),
        )
        for offer in offers[whole:room]:
            flows.remove(map_key(offer.reply_key))
            self._slots.give(offer.original.slot)
        return whole

    def _begin(self, offer: Offer) -> int:
        """Tells both entries their slot, and puts the TCP state there."""
        slot = self._slots.take()
        if slot == NONE:
            raise FastPathError("no room for another connection", "raise the number of connections it is made for")
        offer.original.slot = offer.reply.slot = slot
        if offer.state:
            self._tcp.put(INDEX.pack(slot), offer.state, locked=True)
        return slot

    def _begin_many(self, offers: list[Offer]) -> int:
        """The same for many; returns for how many there was room."""
        keys: list[bytes] = []
        states: list[bytes] = []
        count = len(offers)
        for at, offer in enumerate(offers):
            slot = self._slots.take()
            if slot == NONE:
                count = at
                break
            offer.original.slot = offer.reply.slot = slot
            if offer.state:
                keys.append(INDEX.pack(slot))
                states.append(offer.state)
        self._tcp.put_many(b"".join(keys), b"".join(states), locked=True)
        return count


def _keys(connections: list[Held], size: int) -> list[bytes]:
    """Map keys of one size, original and reply in turn."""
    return [map_key(key) for one in connections if len(one[0]) + 2 == size for key in (one[0], one[1])]
