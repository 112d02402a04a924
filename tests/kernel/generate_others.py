"""Random SCTP associations, UDP flows, ICMP and portless protocols for the comparison, as lines of tests/traces.py."""

from __future__ import annotations

import random

HANDSHAKE = (("lan", "init"), ("wan", "init-ack"), ("lan", "cookie-echo"), ("wan", "cookie-ack"))
CHUNKS = (
    "init",
    "init-ack",
    "cookie-echo",
    "cookie-ack",
    "data+sack",
    "sack",
    "heartbeat",
    "heartbeat-ack",
    "shutdown",
    "shutdown-ack",
    "shutdown-complete",
    "abort",
    "error",
    "heartbeat+data",
    "cookie-echo+data",
    "cookie-ack+data",
    "shutdown+sack",
    "error+abort",
    "data+init",
    "data+cookie-ack",
    "heartbeat+heartbeat",
)
#: kinds of one socket pair, by IP version
EXCHANGES = {
    4: (
        ("udp",),
        ("udplite",),
        ("echo", "echo-reply"),
        ("timestamp", "timestamp-reply"),
        ("mask", "mask-reply"),
        ("information", "information-reply"),
        ("esp",),
        ("gre",),
        ("pptp",),
        ("ospf",),
        ("igmp",),
    ),
    6: (
        ("udp",),
        ("udplite",),
        ("echo6", "echo6-reply"),
        ("node", "node-reply"),
        ("esp",),
        ("gre",),
        ("pptp",),
        ("ospf",),
    ),
}
#: ICMP types that are errors, by IP version: they quote a packet, errors.py makes them
ERRORS = {4: (3, 4, 5, 11, 12), 6: (1, 2, 3, 4)}


def association(chance: random.Random, longest: int = 12) -> tuple[list[str], int]:
    """Lines of one association, and the IP version to play them in. Tags are often right, and else each other's."""
    tags = {"lan": chance.randrange(1, 2**32), "wan": chance.randrange(1, 2**32)}
    steps = list(HANDSHAKE[: chance.choice((0, 1, 2, 3, 4, 4, 4, 4))])
    steps += [(chance.choice(("lan", "wan")), chance.choice(CHUNKS)) for _ in range(chance.randint(1, longest))]
    lines = []
    for place, (name, kind) in enumerate(steps):
        odd = place >= len(HANDSHAKE) and chance.random() < 0.3
        if odd and chance.random() < 0.3:
            tags[name] = chance.randrange(1, 2**32)
        tag = 0 if kind == "init" else tags["wan" if name == "lan" else "lan"]
        if odd:
            tag = chance.choice((0, tags[name], 12345, tag))
        reflected = " t" if chance.random() < 0.2 else ""
        lines.append(f"{name} {'>' if name == 'lan' else '<'} {kind} tag={tag} itag={tags[name]}{reflected}")
    return lines, chance.choice((4, 4, 6))


def exchange(chance: random.Random) -> tuple[list[str], int]:
    """Lines of one flow of a protocol without a handshake, and the IP version to play them in."""
    version = chance.choice((4, 6))
    return flow(chance, chance.choice(EXCHANGES[version])), version


def datagrams(chance: random.Random) -> tuple[list[str], int]:
    """The same of UDP."""
    return flow(chance, ("udp",)), chance.choice((4, 6))


def messages(chance: random.Random) -> tuple[list[str], int]:
    """ICMP of any type that is no error, known or not: neighbour discovery, MLD, replies that nobody asked for."""
    version = chance.choice((4, 6))
    types = [number for number in range(256) if number not in ERRORS[version]]
    names = [f"icmp{'' if version == 4 else '6'}-{chance.choice(types)}" for _ in range(chance.randint(1, 4))]
    return [chance.choice(("lan > ", "wan < ")) + name for name in names], version


def flow(chance: random.Random, kinds: tuple[str, ...], longest: int = 6) -> list[str]:
    """Packets of one socket pair: lan sends the first kind, wan the last."""
    lines = []
    for _ in range(chance.randint(1, longest)):
        name = chance.choice(("lan", "lan", "wan"))
        kind = kinds[0] if name == "lan" else kinds[-1]
        lines.append(f"{name} {'>' if name == 'lan' else '<'} {kind}")
    return lines
