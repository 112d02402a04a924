"""Fuzzing with atheris keeps what it finds. Only where `make fuzz` has installed it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris")

#: in a process of its own, since the target's is forked from it
PROGRAM = """
import sys, time
from pathlib import Path
from tests.fuzz import guided

def target(data):
    assert data[:1] != b"7", "seven"

folder = Path(sys.argv[1])
print(guided.fuzz(target, folder, time.monotonic() + float(sys.argv[2])))
"""


def fuzz(folder: Path, seconds: float) -> str:
    words = [sys.executable, "-c", PROGRAM, str(folder), str(seconds)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3], timeout=60)
    return done.stdout


def test_a_finding_is_written_down_as_the_input_that_made_it(tmp_path: Path) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    (folder / "seed").write_bytes(b"7 at once")
    assert "seven" in fuzz(folder, 10.0)
    [kept] = folder.glob("found-*")
    assert kept.read_bytes() == b"7 at once"


def test_without_a_finding_it_ends_when_the_time_is_up(tmp_path: Path) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    assert "found=''" in fuzz(folder, 0.0)
    assert list(folder.glob("found-*")) == []
