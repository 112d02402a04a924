"""The TCP state machine as a page of documentation (`make docs`), made from the data that packets are judged by.

Lives here: Markdown and Mermaid. May not live here: any fact that table.py or timers.py does not say.
"""

from __future__ import annotations

from typing import Final

from conntrack.tracker.tcp.table import CLASS_NAMES, IGNORED, INVALID, LEGAL, RST, STATES, step
from conntrack.tracker.tcp.timers import DEFAULTS

_FLAG_NAMES: Final = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")

_HEAD: Final = """# TCP states

The gateway stands between two hosts and sees what they send, not what arrives. A state therefore says what was *seen*.
*original* is the direction of the packet that began the connection, *reply* the other one. An **ignored** packet is
passed and translated but not believed: no state, window or timer changes. An **invalid** one is dropped and counted.
"""

_TAIL: Final = """
The table is not all: an RST must be credible (`reset.py`), every packet must fit the window (`examine.py`), and some
SYNs and ACKs mean something else than their flags say (`around.py`).
"""


def page() -> str:
    """The whole page, docs/reference/tcp-states.md."""
    parts = [
        _HEAD,
        "## Diagram\n",
        "A label with an asterisk stands for packets of either direction. RSTs, which lead to CLOSE, are left out.\n",
        f"```mermaid\n{diagram()}```\n",
        "## Packets in original direction\n",
        transition_table(True),
        "## Packets in reply direction\n",
        transition_table(False),
        "## Flags\n",
        "Every other set of flags is invalid; PSH, ECE and CWR may always be there.\n",
        flag_table(),
        "## Timeouts\n",
        "Seconds without a packet, by default; `settings: timeouts: tcp:` of a rules file sets them.\n",
        timeout_table(),
    ]
    return "\n".join(parts) + _TAIL


def diagram() -> str:
    """A Mermaid state diagram: one arrow for each pair of states, with all that leads along it."""
    arrows: dict[tuple[int, int], list[str]] = {}
    for original in (True, False):
        for kind in range(RST):
            for state in range(len(STATES)):
                new = step(original, kind, state)
                if new != state and new not in (IGNORED, INVALID):
                    word = CLASS_NAMES[kind] if original else f"{CLASS_NAMES[kind]} (reply)"
                    arrows.setdefault((state, new), []).append(word)
    lines = ["stateDiagram-v2"]
    for (state, new), words in sorted(arrows.items()):
        start = "[*]" if state == 0 else STATES[state]
        lines.append(f"    {start} --> {STATES[new]}: {both_ways(words)}")
    return "\n".join(lines) + "\n"


def both_ways(words: list[str]) -> str:
    """Joins the labels of an arrow; what leads along it in both directions is named once, with an asterisk."""
    joined = []
    for word in words:
        plain = word.removesuffix(" (reply)")
        if word == plain:
            joined.append(f"{word}*" if f"{word} (reply)" in words else word)
        elif plain not in words:
            joined.append(word)
    return ", ".join(joined)


def transition_table(original: bool) -> str:
    """One direction as a Markdown table: a row for each flag class, a column for each state."""
    rows = [["", *STATES]]
    for kind in range(len(CLASS_NAMES)):
        cells = [cell(step(original, kind, state)) for state in range(len(STATES))]
        rows.append([f"**{CLASS_NAMES[kind]}**", *cells])
    return markdown(rows)


def cell(new: int) -> str:
    """A table entry in words."""
    if new == INVALID:
        return "–"
    return "*ignored*" if new == IGNORED else STATES[new]


def flag_table() -> str:
    """The legal sets of flags and their classes."""
    rows = [["flags", "class"]]
    for flags, kind in LEGAL.items():
        names = [_FLAG_NAMES[bit] for bit in range(len(_FLAG_NAMES)) if flags >> bit & 1]
        rows.append([" ".join(names), CLASS_NAMES[kind]])
    return markdown(rows)


def timeout_table() -> str:
    """The default timeouts."""
    return markdown([["timeout", "seconds"], *[[f"`{name}`", f"{seconds:g}"] for name, seconds in DEFAULTS.items()]])


def markdown(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines) + "\n"
