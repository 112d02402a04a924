"""`python -m tests.bench [NAME…]`: measures, prints a table, writes JSON.

Lives here: the command line and both forms of the result. May not live here: any measurement.
Exit codes: 0 all measured, 1 something could not be measured, 2 usage.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from conntrack.cli.lab.namespace import LabError, sweep
from tests.bench import engines, options, suite
from tests.bench.figure import BenchError, Figure

_TOLD = "Speed and memory, as ratios in the same run. Needs root."


def main() -> int:
    """Runs what the arguments ask for."""
    arguments = parse()
    if os.environ.get("PAIRWALL_EXPECT") == "compiled" and not engines.compiled():
        print("the compiled package was asked for, but the sources were imported", file=sys.stderr)
        return 1
    try:
        chosen = suite.named(arguments.names)
    except KeyError as error:
        print(f"no measurement makes {error}; there are {', '.join(suite.names())}", file=sys.stderr)
        return 2
    size = options.QUICK if arguments.quick else options.Options()
    if arguments.runs:
        size = size._replace(runs=arguments.runs)
    sweep()
    print(f"package {'compiled' if engines.compiled() else 'NOT compiled'}, load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"{'figure':42} {'median':>13} {'low–high':>15}  against")
    figures, failures = run(chosen, size)
    write(arguments.output, figures, failures)
    return 1 if failures else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=_TOLD)
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures to measure; all without")
    parser.add_argument("--runs", type=int, default=0, metavar="N", help="alternating runs of each (5)")
    parser.add_argument("--quick", action="store_true", help="short runs and small tables: not for quoting")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"), metavar="FILE")
    return parser.parse_args()


def run(chosen: list[suite.Measurement], size: options.Options) -> tuple[list[Figure], dict[str, str]]:
    """Measures; prints each figure when it is there. What failed is told by the main name."""
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    for measurement in chosen:
        try:
            found = measurement.measure(size)
        except (BenchError, LabError, OSError) as error:
            failures[measurement.names[0]] = str(error)
            print(f"{measurement.names[0]:42} FAILED: {error}", flush=True)
            continue
        figures += found
        for figure in found:
            print(line(figure), flush=True)
    return figures, failures


def line(figure: Figure) -> str:
    """One row of the table."""
    low, high = shown(figure.low), shown(figure.high)
    unit = "" if figure.unit == "ratio" else f" {figure.unit}"
    return f"{figure.name:42} {shown(figure.value):>7}{unit:6} {f'{low}–{high}':>15}  {figure.against}"


def shown(value: float) -> str:
    """Three significant digits, or whole numbers from 100 up."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def write(path: Path, figures: list[Figure], failures: dict[str, str]) -> None:
    """The figures by name; of what could not be measured, only why."""
    found: dict[str, object] = {name: {"value": None, "failed": why} for name, why in failures.items()}
    for figure in figures:
        fields = figure._asdict()
        found[fields.pop("name")] = fields
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
