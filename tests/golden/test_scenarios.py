"""Runs every scenario folder.

PAIRWALL_GOLDEN=write writes expected.txt anew instead of comparing: read it before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.golden.scenario import play

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/packets.txt"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_scenario(folder: Path) -> None:
    outcome = play(folder)
    expected = folder / "expected.txt"
    if os.environ.get("PAIRWALL_GOLDEN") == "write":
        expected.write_text(outcome)
    assert outcome == expected.read_text()
