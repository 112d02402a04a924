"""Rules files for the benchmark.

Lives here: their text. May not live here: what is done with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

#: packets the kernel holds for whoever judges them
QUEUE_LENGTH: Final = 8192
#: a gateway that masquerades everything, with room for every connection a measurement makes
_PLAIN: Final = """\
version: 1
settings:
  connections: {connections}
  fastpath: {fastpath}
  queue: {{backend: {backend}, length: {length}}}
zones:
  wan: {{interfaces: [eth0]{zone}}}
  lan: {{interfaces: [eth1]{zone}}}
nat:
  - {{name: internet, masquerade: wan, from: [lan]}}
policy:
  lan -> wan: accept
"""


def plain(backend: str = "auto") -> str:
    """Masquerade and one rule, as the nftables opponent has them; every packet goes through the daemon."""
    return _PLAIN.format(backend=backend, length=QUEUE_LENGTH, fastpath="off", connections=2_000_000, zone="")


def carrying(at_driver: bool = False) -> str:
    """The same with the fast path, by XDP or by tc alone, and the table's usual limit: the maps are made for it."""
    zone = ", fastpath: xdp" if at_driver else ""
    return _PLAIN.format(backend="auto", length=QUEUE_LENGTH, fastpath="tc", connections=262_144, zone=zone)


def many(count: int, folder: Path, members: int = 0) -> str:
    """A gateway with `count` rules from lan to wan, all different, of four kinds in turn; the last accepts everything.

    A source network; a destination network with a port of its own; a set with a port; a port range with a source port
    range. `members` > 0 adds a set file of so many networks in `folder`, which the first rule drops.
    """
    rules = [_rule(number) for number in range(count - 2)]
    rules.insert(0, "    - {name: blocked, drop: any, source: blocklist}" if members else _rule(count))
    rules.append("    - {name: rest, accept: any}")
    sets = [f"  set{number}: {{members: [{', '.join(_networks(number))}]}}" for number in range(max(1, count // 100))]
    if members:
        (folder / "blocklist.txt").write_text("\n".join(_blocklist(members)) + "\n")
        sets.append("  blocklist: {file: blocklist.txt}")
    return _file(sets, rules)


def _file(sets: Sequence[str], rules: Sequence[str]) -> str:
    head, policy = plain().split("nat:")
    return "\n".join([head + "sets:", *sets, "nat:" + policy.replace(" accept", ""), *rules]) + "\n"


def _rule(number: int) -> str:
    high, low = divmod(number, 250)
    port = 1024 + number * 6
    name = f"rule{number}"
    kinds = (
        f"accept: [tcp/{port % 60000 + 1}], source: 172.{16 + high % 16}.{low}.{number % 256}",
        f"drop: [udp/{port % 60000 + 1}], destination: 192.{high % 100}.{low}.0/24",
        f"accept: [tcp/{(port + 7) % 60000 + 1}], source: set{number // 400}",
        f"drop: [tcp/{(port + 3) % 60000 + 1}-{(port + 3) % 60000 + 3}], destination: 100.{64 + high % 64}.{low}.0/25",
    )
    return f"    - {{name: {name}, {kinds[number % 4]}}}"


def _networks(number: int) -> list[str]:
    return [f"10.{128 + number % 100}.{4 * part}.0/23" for part in range(8)]


def _blocklist(members: int) -> list[str]:
    return [f"{16 + number // 65536}.{number // 256 % 256}.{number % 256}.0/25" for number in range(members)]
