"""The generated pages are what the code says now."""

from __future__ import annotations

import pytest

from docs import generate


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_page_is_current(name: str) -> None:
    page = (generate.FOLDER / name).read_text()
    assert page == generate.NOTE + generate.PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("name", sorted(generate.FILES))
def test_file_is_current(name: str) -> None:
    assert (generate.CONFIG / name).read_text() == generate.FILES[name](), "run `make docs`"


def test_tables_escape_what_would_end_a_cell() -> None:
    assert generate._table(("a", "b"), [("x|y", "z")]) == "| a | b |\n|---|---|\n| x\\|y | z |\n"
