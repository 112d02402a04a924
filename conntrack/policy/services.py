"""Service words → kinds of traffic: `https`, `tcp/443`, `udp/5000-5010`, `icmp/echo-request`, `proto/47`, `any`.

Lives here: how a word is read and how names are followed, own services (`services:`) before the table. May not live
here: the table itself (wellknown.py), YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from conntrack.policy import units, wellknown
from conntrack.policy.lists import each
from conntrack.policy.problems import Wrong, did_you_mean
from conntrack.policy.raw import Row
from conntrack.policy.values import ANY_PROTOCOL, Traffic

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
#: words that `services:` may not define
RESERVED: Final = frozenset({"any", "self", *wellknown.PROTOCOLS})


def direct(word: str) -> Traffic | None:
    """The traffic of a word that says it itself; None for a name that stands for something else."""
    if word == "any":
        return Traffic(ANY_PROTOCOL)
    protocol, slash, rest = word.partition("/")
    if not slash:
        return Traffic(wellknown.PROTOCOLS[word]) if word in wellknown.PROTOCOLS else None
    if protocol in wellknown.WITH_PORTS:
        ports = units.ports(rest)
        return Traffic(wellknown.PROTOCOLS[protocol], ports.low, ports.high)
    if protocol in ("icmp", "icmpv6"):
        return _icmp(protocol, rest)
    if protocol == "proto":
        return Traffic(units.number(rest, 0, 255, "a protocol number"))
    raise _no_protocol(word, protocol)


def _no_protocol(word: str, protocol: str) -> Wrong:
    if protocol in wellknown.PROTOCOLS:
        return Wrong(f"{protocol} has no ports", f'write "{protocol}" alone')
    if protocol.isdigit():
        hint = f'the protocol comes first: "{word.partition("/")[2] or "tcp"}/{protocol}"'
        return Wrong(f'"{word}" does not begin with a protocol', hint)
    return Wrong(
        f'unknown protocol "{protocol}"', did_you_mean(protocol, [*wellknown.WITH_PORTS, "icmp", "icmpv6", "proto"])
    )


def _icmp(protocol: str, rest: str) -> Traffic:
    """`echo-request`, `8`, `3/4`."""
    names = wellknown.ICMP_TYPES if protocol == "icmp" else wellknown.ICMPV6_TYPES
    kind, slash, code = rest.partition("/")
    if kind in names and not slash:
        number, its_code = names[kind]
    elif kind[:1].isdigit():
        number = units.number(kind, 0, 255, "an ICMP type")
        its_code = units.number(code, 0, 255, "an ICMP code") if slash else -1
    else:
        raise Wrong(f'unknown {protocol} type "{rest}"', did_you_mean(rest, names))
    return Traffic(wellknown.PROTOCOLS[protocol], icmp_type=number, icmp_code=its_code)


def words(raw: Any) -> tuple[str, ...]:
    """A word or a list of words, each well formed; whether names exist is for check.py."""
    if isinstance(raw, Row) and not raw:
        raise Wrong("an empty list matches nothing", 'write "any" to match all traffic')
    return tuple(each(raw, _well_formed))


def _well_formed(raw: Any) -> str:
    word = units.text(raw, "a service")
    if direct(word) is None and not NAME.fullmatch(word):
        separated = re.split(r"[,\s]+", word)
        hint = f"write a list: [{', '.join(separated)}]" if len(separated) > 1 else "https, tcp/443, udp/5000-5010 …"
        raise Wrong(f'"{word}" is not a service', hint)
    return word


def resolve(names: Iterable[str], own: Mapping[str, tuple[str, ...]]) -> tuple[Traffic, ...]:
    """What words stand for, without repetition, in their order.

    A name is looked up in `own` first; inside its own definition it means the table's entry. Raises Wrong
    for a name that is not known, or that leads back to itself.
    """
    found: dict[Traffic, None] = {}
    for word in names:
        found.update(dict.fromkeys(_follow(word, own, ())))
    return tuple(found)


def _follow(word: str, own: Mapping[str, tuple[str, ...]], trail: tuple[str, ...]) -> tuple[Traffic, ...]:
    said = direct(word)
    if said is not None:
        return (said,)
    if word in own and word not in trail:
        return tuple(kind for inner in own[word] for kind in _follow(inner, own, (*trail, word)))
    if word in trail[:-1] or (word in trail and word not in wellknown.SERVICES):
        raise Wrong(f'the service "{word}" leads back to itself', f"the way is {' → '.join((*trail, word))}")
    return _from_table(word, own)


def _from_table(word: str, own: Mapping[str, tuple[str, ...]]) -> tuple[Traffic, ...]:
    entry = wellknown.SERVICES.get(word)
    if entry is None:
        raise Wrong(f'unknown service "{word}"', did_you_mean(word, [*own, *wellknown.SERVICES, *wellknown.PROTOCOLS]))
    said = [kind for kind in map(direct, entry[0].split()) if kind is not None]
    helper = wellknown.HELPERS.get(word, "")
    return tuple(kind._replace(helper=helper) if kind.protocol in (6, 17) else kind for kind in said)
