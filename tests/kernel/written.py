"""The traces written by hand: traces/*.txt, in the notation of tests/traces.py and errors.py.

A block of lines is a sequence; its first line is `protocol version: what it shows`, where version is 4, 6 or both.
The client is called lan, whoever it is in a scene.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

TRACES = Path(__file__).parent / "traces"


def written() -> Iterator[tuple[list[str], int, str]]:
    """(lines, IP version, protocol) of every trace."""
    for path in sorted(TRACES.glob("*.txt")):
        for block in path.read_text().split("\n\n"):
            lines = [line for line in block.splitlines() if line and not line.startswith("#")]
            if not lines:
                continue
            protocol, versions = lines[0].partition(":")[0].split()
            for version in (4, 6) if versions == "both" else (int(versions),):
                yield lines[1:], version, protocol
