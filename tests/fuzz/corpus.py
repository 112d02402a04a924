"""What a target's corpus begins with: real packets, requests and words.

Lives here: files of a folder that libFuzzer adds to. May not live here: the targets, how bytes become packets.
"""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.packets import REPAIRED, SEEDS
from tests.fuzz.requests import lines
from tests.fuzz.talks import SAID


def seeds(name: str, folder: Path) -> None:
    """Gives a target's corpus something to begin with."""
    folder.mkdir(parents=True, exist_ok=True)
    if name.startswith(("helper", "talk")):
        for number in range(len(SAID)):
            for way in (0, 1):
                said = bytes((1 - way, 2, (number + way) % len(SAID), 0))
                (folder / f"said-{number}-{way}").write_bytes(bytes((way, 2, number, 0)) + said)
        return
    if name == "control":
        for number, line in enumerate(lines()):
            (folder / f"asked-{number}").write_bytes(line)
        return
    for number, raw in enumerate(SEEDS):
        (folder / f"seed-{number}").write_bytes(seed(name, raw))
    if name == "rules":
        for path in Path("config/examples").glob("*.yaml"):
            (folder / path.name).write_bytes(path.read_bytes())
    if name == "engine":
        numbers = range(len(SEEDS))
        story = [bytes((number % 4 << 4, 2, 0, number | REPAIRED)) for number in numbers]
        changes = [bytes((kind << 4, 1, number)) for kind in (11, 12, 13, 14, 14) for number in range(4)]
        (folder / "all").write_bytes(b"".join(story))
        for number, change in enumerate(changes):
            (folder / f"change-{number}").write_bytes(b"".join([*story[:5], change, *story[5:], *story[:5]]))


def seed(name: str, raw: bytes) -> bytes:
    """A packet as a decoder, or a tracker's script, would have it."""
    if name.startswith("decoder-ip"):
        return raw
    if name.startswith("decoder"):
        return raw[20:]
    return b"\1" + bytes((len(raw) - 24,)) + raw[24:]
