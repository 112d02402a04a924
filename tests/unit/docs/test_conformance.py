"""docs/conformance.md names every deliberate difference from the kernel, and no other."""

import re
from pathlib import Path

from tests.kernel.deliberate import DIFFERENCES

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_lists_every_deliberate_difference() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text()
    table = page.partition("| name | in short |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z-]+)`", "".join(line.split("|")[1] for line in table.splitlines() if "`" in line)))
    assert named == {difference.name for difference in DIFFERENCES}


def test_names_are_told_once() -> None:
    names = [difference.name for difference in DIFFERENCES]
    assert len(names) == len(set(names))
    assert all(difference.why.endswith(".") for difference in DIFFERENCES)
