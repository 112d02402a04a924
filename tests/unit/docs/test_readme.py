"""What the README and the guide show is what the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conntrack.cli.main import COMMANDS
from conntrack.service.loading import fit_rules

ROOT = Path(__file__).parents[3]
PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
]


def test_first_rules_file_is_fit_to_run_and_its_tests_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    rules = tmp_path / "rules.yaml"
    rules.write_text(blocks[0])
    assert len(fit_rules(rules).document.tests) == 2


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_shown_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    shown = set(re.findall(r"(?:^    |`)pairwall (\w+)", text, re.MULTILINE))
    assert shown - set(COMMANDS) == set()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^    |`)make ([a-z-]+)", text, re.MULTILINE)) - targets == set()
