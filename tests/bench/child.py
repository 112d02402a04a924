"""Runs a measurement in a fresh process, so that what ran before leaves no trace in its memory or its caches.

Lives here: starting it and reading what it found. May not live here: any measurement.
A child is a module of this package that takes its arguments as JSON, and prints what it found as one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.bench.figure import BenchError


def run(module: str, *arguments: object) -> Any:
    """What `python -m module` found. BenchError: it failed."""
    words = [sys.executable, "-m", module, *(json.dumps(argument) for argument in arguments)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{module} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout)


def answer(measure: Callable[..., object]) -> None:
    """The child's end: calls `measure` with the arguments, prints what it returns."""
    print(json.dumps(measure(*(json.loads(word) for word in sys.argv[1:]))))
