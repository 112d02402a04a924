"""Which packets are queued where, and what the marks of engine/verdict.py make the kernel do.

Lives here: the rules, without a tool's syntax (nft.py and iptables.py write them down). May not live here: commands.

Loopback traffic is in no chain. A packet that comes in may carry a mark from an outer packet (a decapsulated tunnel
keeps it), so our bits are cleared first: only the queue may say that a packet is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple

from conntrack.engine.verdict import DONE, HALF, REJECT_MASK, REJECT_PORT, REJECT_PROHIBITED, REJECT_RESET

# Rule.chain: netfilter hook and order. Rules of UNTRACK_* stand before connection tracking, the rest after it.
UNTRACK_IN: Final = "untrack-in"
UNTRACK_OUT: Final = "untrack-out"
PREROUTING: Final = "prerouting"
GUARD: Final = "guard"
FORWARD: Final = "forward"
OUTPUT: Final = "output"
ANSWER_IN: Final = "answer-in"
ANSWER_FORWARD: Final = "answer-forward"
ANSWER_OUT: Final = "answer-out"
CHAINS: Final = (
    UNTRACK_IN,
    UNTRACK_OUT,
    PREROUTING,
    GUARD,
    FORWARD,
    OUTPUT,
    ANSWER_IN,
    ANSWER_FORWARD,
    ANSWER_OUT,
)

# Rule.action
QUEUE: Final = "queue"
LEAVE: Final = "leave"  # on with the next tool's rules
DROP: Final = "drop"
CLEAR: Final = "clear"  # our bits off the mark
BRAND: Final = "brand"  # a zone's mark into it (Rule.value)
SETTLE: Final = "settle"  # DONE into the mark
HALVE: Final = "halve"  # HALF into the mark
UNTRACK: Final = "untrack"
RESET: Final = "reset"
PORT_UNREACHABLE: Final = "port-unreachable"
PROHIBITED: Final = "prohibited"

#: every bit that is ours
OURS: Final = DONE | HALF | REJECT_MASK

_GROUPS4: Final = ("broadcast", "multicast")
_GROUPS6: Final = "ff00::/8"


class Mark(NamedTuple):
    """Holds where mark & mask == value; `unless` turns it round."""

    value: int
    mask: int
    unless: bool = False


class Rule(NamedTuple):
    """One rule: all that is given must hold."""

    chain: str
    action: str
    version: int = 0  # 4 or 6; 0: both
    interface: str = ""  # it came in by; a `*` at the end is any ending
    mark: Mark | None = None
    kinds: tuple[str, ...] = ()  # what the destination is to the routing tables: local, broadcast, multicast, anycast
    own_source: bool = False  # the source address is one of the host's
    network: str = ""  # of the destination
    protocol: int = -1
    ports: tuple[int, int] = (0, 0)  # of the destination, first and last
    value: int = 0  # of BRAND
    neighbour: bool = False  # router and neighbour solicitation and advertisement from this link (RFC 4861 §6, §7)


class Catch(NamedTuple):
    """What a redirect rule takes on its way to somewhere else."""

    interface: str  # a name, or a beginning followed by `+` or `*`
    protocol: int = -1  # -1: every protocol
    ports: tuple[int, int] = (0, 0)  # first and last; (0, 0): every port
    version: int = 0  # 4 or 6; 0: both
    network: IPv4Network | IPv6Network | None = None  # of the destination


class Wanted(NamedTuple):
    """What the gateway wants queued."""

    queue: int
    bypass: bool = False  # on-failure: bypass
    pool: Sequence[IPv4Network | IPv6Network] = ()  # outside addresses of NAT that no interface has
    catches: Sequence[Catch] = ()
    brands: Sequence[tuple[str, int]] = ()  # interface (as in Catch) and the mark of its zone, for address spaces
    tunnel: str = ""  # the link of the daemon's own by which NAT64's packets come in
    untrack: bool = False  # kernel connection tracking is present: keep it off our packets


class Plan(NamedTuple):
    """The rules in order, and what every `queue` among them means."""

    queue: int
    bypass: bool
    rules: tuple[Rule, ...]

    def of(self, chain: str, version: int = 0) -> list[Rule]:
        """A chain's rules, in order; for one IP version, or all."""
        return [rule for rule in self.rules if rule.chain == chain and (not version or rule.version in (0, version))]


def plan(wanted: Wanted) -> Plan:
    """The rules that do what is wanted."""
    rules = [
        *(_untracked() if wanted.untrack else ()),
        *(_crossed(wanted.tunnel) if wanted.tunnel else ()),
        *_prerouting(wanted.brands),
        *(Rule(PREROUTING, QUEUE, network.version, network=str(network)) for network in wanted.pool),
        *(_caught(catch) for catch in wanted.catches),
        *(() if wanted.bypass else _guard()),
        Rule(FORWARD, QUEUE, mark=Mark(DONE, DONE | HALF, unless=True)),
        Rule(OUTPUT, LEAVE, 6, neighbour=True),
        Rule(OUTPUT, QUEUE),
        *(rule for chain in (ANSWER_IN, ANSWER_FORWARD, ANSWER_OUT) for rule in _answers(chain)),
        *_settled(),
    ]
    return Plan(wanted.queue, wanted.bypass, tuple(rules))


def _untracked() -> list[Rule]:
    return [Rule(UNTRACK_IN, UNTRACK), Rule(UNTRACK_OUT, UNTRACK)]


def _crossed(tunnel: str) -> list[Rule]:
    """What the daemon sends itself is judged already: IPv6 passes, and IPv4 is queued once more for its source."""
    return [
        Rule(PREROUTING, HALVE, 4, tunnel),
        Rule(PREROUTING, SETTLE, 6, tunnel),
        Rule(PREROUTING, LEAVE, interface=tunnel),
    ]


def _prerouting(brands: Sequence[tuple[str, int]]) -> list[Rule]:
    """What is addressed to the host is queued, except what the host sent to a group and now hears itself.

    What comes from a zone with a mark is given that: the kernel answers with the same (fwmark_reflect), so that its
    errors and resets are routed back into the zone.
    """
    return [
        Rule(PREROUTING, LEAVE, 4, mark=Mark(DONE, DONE), kinds=_GROUPS4, own_source=True),
        Rule(PREROUTING, LEAVE, 6, mark=Mark(DONE, DONE), network=_GROUPS6, own_source=True),
        Rule(PREROUTING, CLEAR, mark=Mark(0, OURS, unless=True)),
        *(Rule(PREROUTING, BRAND, interface=_pattern(name), value=value) for name, value in brands),
        Rule(PREROUTING, LEAVE, 6, neighbour=True),
        Rule(PREROUTING, QUEUE, 4, kinds=("local", *_GROUPS4)),
        Rule(PREROUTING, QUEUE, 6, kinds=("local", "anycast")),
        Rule(PREROUTING, QUEUE, 6, network=_GROUPS6),
    ]


def _caught(catch: Catch) -> Rule:
    version = catch.network.version if catch.network else catch.version
    network = str(catch.network) if catch.network else ""
    name = _pattern(catch.interface)
    return Rule(PREROUTING, QUEUE, version, name, network=network, protocol=catch.protocol, ports=catch.ports)


def _pattern(interface: str) -> str:
    """An interface as in Rule: a beginning is followed by `*`."""
    return interface[:-1] + "*" if interface.endswith("+") else interface


def _guard() -> list[Rule]:
    """Nothing is taken in unjudged, even if it reached the host by a way that PREROUTING does not know of.

    Such are local routes outside the local table (another tool's TPROXY set-up), and another tool's redirection.
    """
    return [
        Rule(GUARD, LEAVE, 6, neighbour=True),
        Rule(GUARD, DROP, mark=Mark(DONE, DONE, unless=True)),
    ]


def _answers(chain: str) -> list[Rule]:
    return [
        Rule(chain, RESET, mark=Mark(REJECT_RESET, REJECT_MASK), protocol=6),
        Rule(chain, PORT_UNREACHABLE, mark=Mark(REJECT_PORT, REJECT_MASK)),
        Rule(chain, PROHIBITED, mark=Mark(REJECT_PROHIBITED, REJECT_MASK)),
    ]


def _settled() -> list[Rule]:
    """What the host sends to a group may come back to it (the kernel loops a copy): it is judged already."""
    return [
        Rule(ANSWER_OUT, SETTLE, 4, kinds=_GROUPS4),
        Rule(ANSWER_OUT, SETTLE, 6, network=_GROUPS6),
    ]
