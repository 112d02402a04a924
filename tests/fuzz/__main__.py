"""Fuzzes every target for a while: `make fuzz`, or `python -m tests.fuzz --seconds 600 --target engine`.

With atheris, where it is installed; else with bytes that hypothesis makes up, without guidance. The seconds are those
of the whole run, start-up included, and shared evenly; every target runs at least one input. A finding is kept in
build/fuzz/TARGET as a file that `--again FILE` plays. Writes executions by target to build/fuzz.json.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from contextlib import nullcontext
from pathlib import Path

from tests.fuzz import unguided
from tests.fuzz.budget import Outcome, Target, shares

BEGUN = time.monotonic()
BUILD = Path("build")
ATHERIS = importlib.util.find_spec("atheris") is not None
if ATHERIS:
    from tests.fuzz import guided

# nothing of the package may be imported before this, or it is not instrumented
with guided.instrumented() if ATHERIS else nullcontext():
    from tests.fuzz.corpus import seeds
    from tests.fuzz.targets import targets


def main() -> None:
    """Runs the targets one after the other, each for its share of the time."""
    asked = arguments()
    known = targets()
    chosen = asked.target or list(known)
    if asked.again:
        for name in chosen:
            known[name](asked.again.read_bytes())
        return
    outcomes: dict[str, Outcome] = {}
    for name, until in shares(chosen, BEGUN + asked.seconds):
        outcomes[name] = run(name, known[name], until)
        print(f"{name}: {told(outcomes[name])}", flush=True)
    found = report(outcomes)
    raise SystemExit(bool(found))


def arguments() -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=300, help="for all targets together (300)")
    parser.add_argument("--target", action="append", choices=targets(), help="only this one; may be repeated")
    parser.add_argument("--again", type=Path, help="play this file in the target, and nothing else")
    return parser.parse_args()


def run(name: str, target: Target, until: float) -> Outcome:
    """Fuzzes one target until then."""
    if not ATHERIS:
        return unguided.fuzz(target, until)
    folder = BUILD / "fuzz" / name
    seeds(name, folder)
    return guided.fuzz(target, folder, until)


def told(outcome: Outcome) -> str:
    return f"{outcome.executions} executions" + (f", FOUND SOMETHING\n{outcome.found}" if outcome.found else "")


def report(outcomes: dict[str, Outcome]) -> list[str]:
    """Writes and prints what came of it: the targets that found something."""
    found = [name for name, outcome in outcomes.items() if outcome.found]
    executions = {name: outcome.executions for name, outcome in outcomes.items()}
    total, tool = sum(executions.values()), "atheris" if ATHERIS else "hypothesis"
    BUILD.mkdir(exist_ok=True)
    written = {"by": tool, "executions": executions, "total": total, "found": found}
    (BUILD / "fuzz.json").write_text(json.dumps(written) + "\n")
    fewest = min(executions, key=lambda name: executions[name])
    print(
        f"{total} executions by {tool} in {time.monotonic() - BEGUN:.0f} s, fewest of {fewest} ({executions[fewest]}); "
        f"{len(found)} targets found something{': ' if found else ''}{', '.join(found)}"
    )
    return found


if __name__ == "__main__":
    main()
