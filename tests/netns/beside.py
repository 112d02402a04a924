"""What a gateway knows of connections, in the text form of conntrack-tools, read back and compared.

Lives here: entries and when two are the same. May not live here: who makes the traffic (test_beside_the_kernel.py).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

#: seconds that a timer may differ: how long after the last packet a gateway is asked is a matter of the machine's load
SLACK = 8
#: how much must be the same: everything; counters about so, as acknowledgements are a matter of timing; or only the
#: tuples, replied and assured, as who closes first is one too
EXACTLY, ABOUT, BY_NAME = range(3)


@dataclass(frozen=True)
class Entry:
    """One line of `conntrack -L -o extended`: both tuples as key=value words, without the counters."""

    protocol: int
    state: str
    original: tuple[str, ...]
    reply: tuple[str, ...]
    replied: bool
    assured: bool
    timeout: int = 0
    packets: tuple[int, int] = (0, 0)
    octets: tuple[int, int] = (0, 0)

    def bare(self, how: int = EXACTLY) -> Entry:
        """Without what is compared otherwise, or not at all."""
        state = "" if how == BY_NAME else self.state
        return replace(self, state=state, timeout=0, packets=(0, 0), octets=(0, 0))


_COUNTED = re.compile(r"(packets|bytes)=(\d+)")


def entry(line: str) -> Entry:
    """A line of either program."""
    words = line.split()
    if words[0] in ("ipv4", "ipv6"):
        del words[:2]
    state = words[3] if "=" not in words[3] and "[" not in words[3] else ""
    pairs = [word for word in words if "=" in word]
    tuples = [word for word in pairs if word.split("=")[0] in ("src", "dst", "sport", "dport", "type", "code", "id")]
    half = len(tuples) // 2
    counts = [int(number) for _, number in _COUNTED.findall(line)]
    counts += [0] * (4 - len(counts))
    return Entry(
        int(words[1]),
        state,
        tuple(tuples[:half]),
        tuple(tuples[half:]),
        "[UNREPLIED]" not in words,
        "[ASSURED]" in words,
        int(words[2]),
        (counts[0], counts[2]),
        (counts[1], counts[3]),
    )


def entries(text: str, port: int) -> list[Entry]:
    """The entries whose original tuple has this port or identifier."""
    lines = [line for line in text.splitlines() if "src=" in line]
    wanted = {f"sport={port}", f"dport={port}", f"id={port}"}
    found = [one for one in map(entry, lines) if wanted & set(one.original)]
    return sorted(found, key=lambda one: (one.protocol, one.original))


def settled(read: Callable[[], list[Entry]], patience: float = 3.0) -> list[Entry]:
    """The entries once two looks a moment apart see the same: the last acknowledgement may be on its way."""
    until = time.monotonic() + patience
    before = read()
    while True:
        time.sleep(0.05)
        now = read()
        same = [one.bare() for one in now] == [one.bare() for one in before]
        if (same and [one.packets for one in now] == [one.packets for one in before]) or time.monotonic() > until:
            return now
        before = now


def differences(kernel: list[Entry], ours: list[Entry], how: int) -> list[str]:
    """What is not the same, in words; how: EXACTLY, ABOUT or BY_NAME."""
    if [one.bare(how) for one in kernel] != [one.bare(how) for one in ours]:
        return ["kernel:", *map(str, kernel), "ours:", *map(str, ours)]
    if how == BY_NAME:
        return []
    told = []
    for one, other in zip(kernel, ours, strict=True):
        if abs(one.timeout - other.timeout) > SLACK:
            told.append(f"timeouts: {one} {other}")
        pairs = zip((*one.packets, *one.octets), (*other.packets, *other.octets), strict=True)
        if not all(a == b or (how == ABOUT and abs(a - b) <= max(a, b) // 2) for a, b in pairs):
            told.append(f"counters: {one} {other}")
    return told
