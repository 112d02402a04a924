"""docs/nat-requirements.md: every requirement has its line, every line its reason, every test named there exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PAGE = (ROOT / "docs" / "nat-requirements.md").read_text()
STATES = {"met", "by rule", "partly", "not met", "not applicable"}
#: how many requirements each RFC numbers, and those of them that are told apart by a letter here
NUMBERED = {"4787": 14, "5382": 10, "5508": 11, "6888": 15}
#: RFCs whose requirements have no numbers: the sections that ask for something of such a gateway
SECTIONS_7857 = ["§2.1", "§2.2", "§2.3", *(f"§{number}" for number in range(3, 14))]

NAT64 = {
    "6146": ["§2", "§3.4", "§3.5.1", "§3.5.2", "§3.5.3", "§3.6", "§3.8", "§4"],
    "7915": ["§4.1", "§4.2", "§4.3", "§4.4", "§4.5", "§5.1", "§5.2", "§5.3", "§5.4", "§5.5", "§6"],
    "6052": ["§2.2", "§2.3", "§3.1"],
}
ALL = [*NUMBERED, "7857", *NAT64]


def rows(rfc: str) -> list[list[str]]:
    """The lines of an RFC's table: requirement, what it asks for, state, why, tests."""
    part = PAGE.split(f"## RFC {rfc}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith(("| REQ", "| §"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(cell: str) -> list[str]:
    """The tests of a line."""
    return re.findall(r"`([^`]+)`", cell)


def source(name: str) -> tuple[Path, str]:
    """The file and function of a test's name."""
    if "::" in name:
        path, function = name.split("::")
        return ROOT / path, function
    return HERE / f"test_{name.split('_')[1]}.py", name


@pytest.mark.parametrize("rfc", NUMBERED)
def test_every_requirement_has_its_line(rfc: str) -> None:
    found = {int(match[1]) for row in rows(rfc) if (match := re.match(r"REQ-(\d+)", row[0]))}
    assert found == set(range(1, NUMBERED[rfc] + 1))


def test_every_section_of_rfc_7857_has_its_line() -> None:
    assert [row[0] for row in rows("7857")] == SECTIONS_7857


@pytest.mark.parametrize("rfc", NAT64)
def test_every_section_about_nat64_has_its_line(rfc: str) -> None:
    assert [row[0] for row in rows(rfc)] == NAT64[rfc]


@pytest.mark.parametrize("rfc", ALL)
def test_every_line_says_its_state_and_why_it_is_not_met(rfc: str) -> None:
    for requirement, asked, state, why, tests in rows(rfc):
        assert state in STATES, requirement
        assert asked
        assert why or state == "met", f"{requirement} is {state}, and does not say why"
        assert tests or why, f"{requirement} has neither a test nor a reason"


@pytest.mark.parametrize("rfc", ALL)
def test_every_test_named_exists(rfc: str) -> None:
    for requirement, *_, tests in rows(rfc):
        for name in named(tests):
            path, function = source(name)
            assert f"def {function}(" in path.read_text(), f"{requirement} names {name}"


@pytest.mark.parametrize("rfc", [*NUMBERED, "7857", "6146"])
def test_every_test_of_a_requirement_is_named(rfc: str) -> None:
    everywhere = {name for other in ALL for row in rows(other) for name in named(row[4])}
    tests = re.findall(r"^def (test_\w+)", (HERE / f"test_rfc{rfc}.py").read_text(), re.MULTILINE)
    assert [name for name in tests if name not in everywhere] == []
