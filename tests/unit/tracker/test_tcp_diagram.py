"""The page of documentation that the table draws."""

from __future__ import annotations

from pathlib import Path

from conntrack.tracker.tcp import diagram
from conntrack.tracker.tcp.table import STATES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "tcp-states.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text().endswith(diagram.page()), "run `make docs`"


def test_the_diagram_shows_every_state() -> None:
    drawn = diagram.diagram()
    assert all(state in drawn for state in STATES[1:8])
    assert drawn.startswith("stateDiagram-v2\n    [*] --> SYN_SENT: SYN\n")


def test_arrows_tell_directions_apart() -> None:
    lines = diagram.diagram().splitlines()
    assert "    SYN_SENT --> SYN_RECV: SYNACK (reply)" in lines
    assert "    SYN_RECV --> ESTABLISHED: ACK" in lines
    assert "    ESTABLISHED --> FIN_WAIT: FIN*" in lines


def test_ignored_packets_and_resets_draw_no_arrow() -> None:
    drawn = diagram.diagram()
    assert "RST" not in drawn
    assert "ESTABLISHED --> ESTABLISHED" not in drawn
    assert "--> CLOSE:" not in drawn


def test_a_table_has_a_row_for_each_class_and_a_column_for_each_state() -> None:
    head, rule, *rows = diagram.transition_table(False).splitlines()
    assert [row.split("|")[1].strip() for row in rows] == ["**SYN**", "**SYNACK**", "**FIN**", "**ACK**", "**RST**"]
    assert {line.count("|") for line in (head, rule, *rows)} == {len(STATES) + 2}


def test_cells_in_words() -> None:
    synack = diagram.transition_table(False).splitlines()[3]
    assert synack.split(" | ") == [
        "| **SYNACK**", "–", "SYN_RECV", *["*ignored*"] * 7, "SYN_RECV |",
    ]  # fmt: skip


def test_labels_are_joined() -> None:
    assert diagram.both_ways(["SYN", "ACK (reply)", "FIN", "SYN (reply)"]) == "SYN*, ACK (reply), FIN"
