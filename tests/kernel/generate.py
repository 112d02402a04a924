"""Random connections for the comparison: mostly honest, and often just at an edge.

A sequence is lines of tests/traces.py with every number absolute, so that it plays the same when lines are left out.
"""

from __future__ import annotations

import random

START = (7000, 90000)
HANDSHAKE = ("lan syn", "wan synack", "lan ack")
KINDS = ("syn", "synack", "ack", "ack", "ack", "data", "data", "data", "fin", "fin", "rst", "rst", "rstack")
WINDOWS = (0, 1, 100, 512, 8192, 65535)
LENGTHS = (0, 0, 0, 1, 100, 1400)


class Host:
    """What one side has sent and offered, as the generator sees it."""

    def __init__(self, isn: int) -> None:
        self.isn = isn
        self.next = isn
        self.window = 1000
        self.scale = 0


def sequence(chance: random.Random, longest: int = 14) -> tuple[list[str], int]:
    """Lines of one connection, and the IP version to play them in."""
    isns = START if chance.random() < 0.7 else (chance.choice((0, 2**32 - 50, 2**31 - 20)), chance.randrange(2**32))
    hosts = {"lan": Host(isns[0]), "wan": Host(isns[1])}
    lines = []
    if chance.random() < 0.8:
        whole = chance.choice((1, 2, 3, 3, 3, 3))
        for step in HANDSHAKE[:whole]:
            name, kind = step.split()
            lines.append(packet(chance, hosts, name, kind, honest=True))
    for _ in range(chance.randint(1, longest)):
        name = chance.choice(("lan", "wan"))
        lines.append(packet(chance, hosts, name, chance.choice(KINDS), honest=chance.random() < 0.6))
    return lines, chance.choice((4, 4, 6))


def packet(chance: random.Random, hosts: dict[str, Host], name: str, kind: str, honest: bool) -> str:
    """One line; an honest packet continues where the last one ended."""
    sender, receiver = hosts[name], hosts["wan" if name == "lan" else "lan"]
    begins = kind in ("syn", "synack")
    seq = sender.isn if begins else sender.next
    ack = receiver.next
    if kind == "rst":
        ack = chance.choice((0, 0, 0, receiver.next, 1))
    if not honest:
        seq = chance.choice((seq, near(chance, seq_edges(sender, receiver))))
        ack = chance.choice((ack, near(chance, ack_edges(sender, receiver))))
    window = chance.choice(WINDOWS)
    length = 0 if begins or kind.startswith("rst") else chance.choice(LENGTHS)
    length = length or int(kind == "data")
    sender.window = window << (0 if begins else sender.scale)
    end = (seq + length + (begins or kind == "fin")) % 2**32
    if 0 < (end - sender.next) % 2**32 < 2**31 and (honest or begins):
        sender.next = end
    words = [name, ">" if name == "lan" else "<", kind, f"seq=@{seq}", f"ack=@{ack}", f"win={window}", f"len={length}"]
    words += syn_options(chance, sender) if begins else other_options(chance, sender, receiver)
    return " ".join(words)


def seq_edges(sender: Host, receiver: Host) -> list[int]:
    """Numbers around which a sequence number is judged otherwise."""
    right = sender.next + receiver.window
    return [sender.next, sender.isn, right, right + receiver.window, sender.next - receiver.window, 0, 2**31]


def ack_edges(sender: Host, receiver: Host) -> list[int]:
    """Numbers around which an acknowledgement is judged otherwise."""
    return [receiver.next, receiver.isn, receiver.next - 66000, receiver.next - sender.window, 0, 2**31]


def near(chance: random.Random, edges: list[int]) -> int:
    """An edge, or the number beside it."""
    return (chance.choice(edges) + chance.choice((-2, -1, 0, 0, 1, 2))) % 2**32


def syn_options(chance: random.Random, sender: Host) -> list[str]:
    """What a SYN offers."""
    if chance.random() < 0.1:
        return ["bare"]
    words = []
    sender.scale = 0
    if chance.random() < 0.6:
        sender.scale = chance.choice((0, 2, 7, 14, 15))
        words.append(f"ws={sender.scale}")
    if chance.random() < 0.6:
        words.append("sackok")
    return words


def other_options(chance: random.Random, sender: Host, receiver: Host) -> list[str]:
    """Timestamps, and blocks of what the other side has sent."""
    words = ["ts"] if chance.random() < 0.3 else []
    if chance.random() < 0.15:
        right = near(chance, [receiver.next, receiver.next + 500])
        words.append(f"sack=@{(right - 10) % 2**32}-@{right}")
    return words
