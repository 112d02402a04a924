"""Fuzzes every target for a while: `make fuzz`, or `python -m tests.fuzz --seconds 600 --target engine`.

With atheris, where it is installed; else with bytes that hypothesis makes up, without guidance. A finding is kept in
build/fuzz/TARGET as a file that `--again FILE` plays. Writes executions by target to build/fuzz.json.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.packets import REPAIRED, SEEDS
from tests.fuzz.requests import lines
from tests.fuzz.talks import SAID
from tests.fuzz.targets import Target, targets

BUILD = Path("build")
#: hypothesis runs so many examples between two looks at the clock
BATCH = 200


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


def guided(name: str, seconds: int) -> tuple[int, bool]:
    """(executions, whether something was found) of atheris."""
    folder = BUILD / "fuzz" / name
    seeds(name, folder)
    limits = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", "-verbosity=1"]
    words = [sys.executable, "-m", "tests.fuzz.guided", name, *limits, f"-artifact_prefix={folder}/found-", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    counts = re.findall(r"^#(\d+)", done.stderr, re.MULTILINE)
    executions = max((int(count) for count in counts), default=0)
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n")
    return executions, bool(done.returncode)


def unguided(target: Target, seconds: int) -> tuple[int, bool]:
    """The same of hypothesis."""
    executions = 0

    @settings(max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=512))
    def batch(data: bytes) -> None:
        nonlocal executions
        executions += 1
        target(data)

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            batch()
        except Exception as found:
            print(f"{type(found).__name__}: {found}", *getattr(found, "__notes__", []), sep="\n")
            return executions, True
    return executions, False


def main() -> None:
    """Runs the targets one after the other, each for its share of the time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=300, help="for all targets together")
    parser.add_argument("--target", action="append", choices=targets(), help="only this one; may be repeated")
    parser.add_argument("--again", type=Path, help="play this file in the target, and nothing else")
    given_ = parser.parse_args()
    chosen = given_.target or list(targets())
    if given_.again:
        for name in chosen:
            targets()[name](given_.again.read_bytes())
        return
    atheris = importlib.util.find_spec("atheris") is not None
    share = max(1, given_.seconds // len(chosen))
    executions, found = {}, []
    for name in chosen:
        executions[name], bad = guided(name, share) if atheris else unguided(targets()[name], share)
        found += [name] * bad
        print(f"{name}: {executions[name]} executions{', FOUND SOMETHING' if bad else ''}", flush=True)
    report = {
        "by": "atheris" if atheris else "hypothesis",
        "executions": executions,
        "total": sum(executions.values()),
        "found": found,
    }
    BUILD.mkdir(exist_ok=True)
    (BUILD / "fuzz.json").write_text(json.dumps(report) + "\n")
    print(f"{report['total']} executions by {report['by']}, {len(found)} targets found something")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
