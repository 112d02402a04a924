"""Modules that documents and sources send the reader to are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import conntrack

ROOT = Path(__file__).parents[3]
PACKAGE = Path(conntrack.__file__).parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
MENTION = re.compile(r"(?<![\w/.*-])((?:[a-z_0-9]+/)*[a-z_0-9]+\.py)\b")


def missing(text: str, near: Path) -> set[str]:
    """Mentioned files that stand neither beside `near`, nor above it, nor below the package or the repository."""
    places = [near, *near.parents[:3], PACKAGE, PACKAGE.parent, ROOT]
    return {name for name in MENTION.findall(text) if not any((place / name).is_file() for place in places)}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_documents(page: Path) -> None:
    assert missing(page.read_text(), page.parent) == set()


def test_sources() -> None:
    """All of the package, comments included; of the tests their heads."""
    found = {}
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        text = path.read_text()
        if not path.is_relative_to(PACKAGE):
            text = ast.get_docstring(ast.parse(text)) or ""
        if lost := missing(text, path.parent):
            found[str(path)] = lost
    assert found == {}
