"""How results are printed: tables for people, JSON for programs.

Lives here: the forms. May not live here: a command's columns, conntrack-tools' text (conntrack_text.py).
Tables are plain aligned text where nobody watches; on a terminal rich draws them, and honours NO_COLOR.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TextIO

from conntrack.service.protocol import Item

#: rows that decide how wide columns are; a million flows are not held back for the last one's sake
SAMPLE = 500


class Column(NamedTuple):
    """A table's column: its title, and what of an item stands in it."""

    title: str
    value: Callable[[Item], object]
    right: bool = False


def write(items: Iterable[Item], form: str, columns: Sequence[Column], out: TextIO | None = None) -> int:
    """Prints items in a form (table, json, jsonl); returns how many there were."""
    out = sys.stdout if out is None else out
    if form == "jsonl":
        return write_lines(items, out)
    if form == "json":
        return write_array(items, out)
    if out.isatty():
        return write_rich(items, columns, out)
    return write_table(items, columns, out)


def write_one(item: Item, form: str, rows: Iterable[tuple[str, object]], out: TextIO | None = None) -> None:
    """Prints a single item: JSON, or rows of a name and a value."""
    out = sys.stdout if out is None else out
    if form == "table":
        pairs = [(name, text_of(value)) for name, value in rows]
        width = max((len(name) for name, _ in pairs), default=0)
        for name, value in pairs:
            out.write(f"{name:<{width}}  {value}".rstrip() + "\n")
    else:
        out.write(json.dumps(item, ensure_ascii=False, indent=2 if form == "json" else None) + "\n")


def json_line(item: Item) -> str:
    """One item as JSON without a line break."""
    return json.dumps(item, ensure_ascii=False)


def write_lines(items: Iterable[Item], out: TextIO) -> int:
    """One JSON object a line, each written at once when somebody watches."""
    count = 0
    for item in items:
        out.write(json_line(item) + "\n")
        count += 1
    return count


def write_array(items: Iterable[Item], out: TextIO) -> int:
    """One JSON array."""
    count = 0
    out.write("[")
    for item in items:
        out.write(("," if count else "") + "\n  " + json_line(item))
        count += 1
    out.write("\n]\n" if count else "]\n")
    return count


def write_table(items: Iterable[Item], columns: Sequence[Column], out: TextIO) -> int:
    """Aligned columns. Nothing is printed where there is nothing."""
    rows = rows_of(items, columns)
    sample = list(islice(rows, SAMPLE))
    if not sample:
        return 0
    titles = [column.title for column in columns]
    widths = [max(map(len, cells)) for cells in zip(titles, *sample, strict=True)]
    count = -1
    for row in chain([titles], sample, rows):
        cells = zip(row, widths, columns, strict=True)
        line = "  ".join(f"{cell:>{width}}" if column.right else f"{cell:<{width}}" for cell, width, column in cells)
        out.write(line.rstrip() + "\n")
        count += 1
    return count


def write_rich(items: Iterable[Item], columns: Sequence[Column], out: TextIO) -> int:
    """The same on a terminal, with a bold head and as wide as the window allows."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows_of(items, columns):
        table.add_row(*row)
    if table.row_count:
        Console(file=out, highlight=False, markup=False).print(table)
    return table.row_count


def rows_of(items: Iterable[Item], columns: Sequence[Column]) -> Iterator[list[str]]:
    """The cells of each item."""
    for item in items:
        yield [text_of(column.value(item)) for column in columns]


def text_of(value: Any) -> str:
    """A cell: what is unknown is "-", lists are joined, control characters cannot reach the terminal."""
    if value is None or value == "" or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "".join(char if char.isprintable() else "?" for char in str(value))


def amount(number: float) -> str:
    """A count of bytes for people: 1.2M."""
    for unit in ("", "k", "M", "G", "T"):
        if abs(number) < 1000 or unit == "T":
            break
        number /= 1000
    return f"{number:.1f}{unit}" if unit and number < 100 else f"{number:.0f}{unit}"


def duration(seconds: float) -> str:
    """A time span for people: 4d23h, 59m58s, 12s."""
    seconds = int(seconds)
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size}{unit}{rest}{name}" if rest else f"{seconds // size}{unit}"
    return f"{seconds}s"
