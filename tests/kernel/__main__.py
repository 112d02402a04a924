"""How far we agree with the kernel, packet by packet: `make compare-kernel`. Needs root.

    python -m tests.kernel --packets 120000 --seed 7 --output build/compare-kernel.json

Plays crowds of connections (crowds.py), the written traces (traces/*.txt) in every scene that fits, then generated
sequences until there are enough packets. Every disagreement is made small, printed and kept in the output; one that
deliberate.py does not list makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path

from tests.kernel.crowds import Crowd, crowds, play
from tests.kernel.errors import some
from tests.kernel.generate import sequence
from tests.kernel.generate_others import association, datagrams, exchange, messages
from tests.kernel.oracle import oracle
from tests.kernel.passage import Sequence
from tests.kernel.scenes import SCENES, Scene
from tests.kernel.through import Crossing
from tests.kernel.translations import COMMANDS, kernel_rules
from tests.kernel.written import written

GENERATORS = {"tcp": sequence, "sctp": association, "others": exchange, "udp": datagrams, "alone": messages}
#: of fourteen generated sequences, so many are of each
SHARES = ("tcp",) * 7 + ("sctp",) * 2 + ("others",) * 3 + ("udp", "alone")


class Tally:
    """The figures of a run."""

    def __init__(self, crossing: Crossing, show: int) -> None:
        self._crossing = crossing
        self._show = show
        self.sequences = 0
        self.disagreed = 0
        self.listed: Counter[str] = Counter()
        self.scenes: Counter[str] = Counter()  # sequences by scene and IP version
        self.found: list[list[str]] = []  # minimised disagreements, as many as are shown

    def play(self, sequence: Sequence) -> None:
        """Plays one sequence and counts how it came out."""
        self.sequences += 1
        self.scenes[sequence.scene.name] += 1
        found = self._crossing.play(sequence)
        if found is None:
            return
        if found.listed:
            self.listed[found.listed] += 1
            return
        self.disagreed += 1
        if self.disagreed <= self._show:
            packets, agreed = self._crossing.packets, self._crossing.agreed
            self.found.append(self._crossing.smallest(found).text())
            print(*self.found[-1], sep="\n")
            self._crossing.packets, self._crossing.agreed = packets, agreed

    def play_crowd(self, crowd: Crowd) -> None:
        """The same of many connections at once; each packet counts as one that agrees, is listed or disagrees."""
        self.sequences += 1
        self.scenes[f"crowd: {crowd.name}"] += 1
        came = play(self._crossing, crowd)
        self._crossing.packets += came.packets
        self._crossing.agreed += came.agreed
        self.listed.update(came.listed)
        self.disagreed += len(came.disagreements)
        self.found += [text.splitlines() for text in came.disagreements]
        print(*came.disagreements, sep="\n", end="")

    def figures(self) -> dict[str, int]:
        """What build/compare-kernel.json holds; packets = agreed + listed + disagreed."""
        return {
            "packets": self._crossing.packets,
            "sequences": self.sequences,
            "agreed": self._crossing.agreed,
            "listed": sum(self.listed.values()),
            "disagreed": self.disagreed,
        }


def generated(chance: random.Random) -> Sequence:
    """Any sequence of any protocol in any scene that takes it."""
    protocol = chance.choice(SHARES)
    scene = chance.choice([scene for scene in SCENES if protocol in scene.protocols])
    lines, version = GENERATORS[protocol](chance)
    return staged(scene, version, some(chance, lines))


def staged(scene: Scene, version: int, lines: list[str]) -> Sequence:
    """Lines whose client is called "lan", for a scene whose client may be the other one."""
    if scene.client == "wan":
        other = {"lan >": "wan <", "wan <": "lan >"}
        lines = [other[line[:5]] + line[5:] for line in lines]
    return Sequence(scene, version, tuple(lines))


def run(tally: Tally, crossing: Crossing, chance: random.Random, packets: int) -> None:
    """Plays the crowds and the written traces, then generated sequences."""
    for crowd in crowds():
        tally.play_crowd(crowd)
    for lines, version, protocol in written():
        for scene in SCENES:
            if protocol in scene.protocols:
                tally.play(staged(scene, version, lines))
    while crossing.packets < packets:
        tally.play(generated(chance))


def main() -> None:
    """Compares, prints the figures, writes them where `--output` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packets", type=int, default=120_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=10, help="disagreements to print in full")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    given = parser.parse_args()
    began = time.monotonic()
    with oracle(kernel_rules(), COMMANDS) as kernel:
        crossing = Crossing(kernel)
        tally = Tally(crossing, given.show)
        run(tally, crossing, random.Random(given.seed), given.packets)
    figures = tally.figures()
    print(", ".join(f"{number} {name}" for name, number in figures.items()), f"in {time.monotonic() - began:.0f} s")
    print("sequences by scene:", ", ".join(f"{name} {number}" for name, number in sorted(tally.scenes.items())))
    outside = figures["packets"] - figures["listed"]
    print(f"agreement: {figures['agreed'] / outside:.4%} of {outside} packets outside the listed differences")
    for name, number in sorted(tally.listed.items()):
        print(f"  {name}: {number} packets differ as meant (tests/kernel/deliberate.py)")
    if given.output:
        given.output.parent.mkdir(parents=True, exist_ok=True)
        told = {"listed_by_name": dict(tally.listed), "by_scene": dict(tally.scenes), "disagreements": tally.found}
        given.output.write_text(json.dumps(figures | told, indent=1) + "\n")
    raise SystemExit(figures["disagreed"] > 0)


if __name__ == "__main__":
    main()
