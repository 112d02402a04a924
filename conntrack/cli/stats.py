"""`pairwall stats`: what was passed and what was not, and why; once, or live."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from conntrack.cli.client import Client
from conntrack.cli.options import add_control, add_output, epilog
from conntrack.cli.output import amount, write_one
from conntrack.service.exits import OK
from conntrack.service.protocol import Item

EXAMPLES = """\
examples:
  pairwall stats
  pairwall stats --live 2              again every 2 seconds, until interrupted
  pairwall stats -o json | jq .drops
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    parser.add_argument("--live", type=float, metavar="SECONDS", help="show again every so many seconds")
    add_output(parser)
    add_control(parser)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    with Client(options.control) as client:
        if options.live is None:
            show(client.one("stats"), options.output)
        elif options.output == "table" and sys.stdout.isatty():
            live(client, max(0.2, options.live))
        else:
            for stats in again(client, max(0.2, options.live)):
                show(stats, options.output)
                sys.stdout.flush()
    return OK


def show(stats: Item, form: str) -> None:
    """Prints the figures."""
    write_one(stats, form, rows(stats))


def again(client: Client, period: float) -> Iterator[Item]:
    """The figures, over and over."""
    while True:
        yield client.one("stats")
        time.sleep(period)


def live(client: Client, period: float) -> None:
    """Redraws the figures in place."""
    from rich.live import Live
    from rich.table import Table

    with Live(auto_refresh=False) as screen:
        for stats in again(client, period):
            table = Table.grid(padding=(0, 2))
            for name, value in rows(stats):
                table.add_row(name, str(value))
            screen.update(table, refresh=True)


def rows(stats: Item) -> list[tuple[str, object]]:
    """What people want to see, in words."""
    connections = stats["connections"]
    lines: list[tuple[str, object]] = [
        ("connections", f"{connections['count']} of {connections['limit'] or 'no limit'}")
    ]
    for protocol, states in connections["by_protocol"].items():
        lines.append((f"  {protocol}", ", ".join(f"{state.lower()} {count}" for state, count in states.items())))
    lines.append(("created", stats["created"]))
    lines += [(f"  ended: {reason}", count) for reason, count in stats["ended"].items()]
    expected = stats["expectations"]
    if any(expected.values()):
        lines.append(
            ("expected", f"{expected['waiting']} waiting, {expected['met']} came, {expected['refused']} refused")
        )
    lines.append(("packets", "accepted / dropped / rejected, bytes passed"))
    lines += [(f"  {row['from'] or '-'} -> {row['to'] or '-'}", pair_text(row)) for row in stats["packets"]]
    lines.append(("not passed", sum(stats["drops"].values())))
    worst = sorted(stats["drops"].items(), key=lambda drop: -drop[1])
    lines += [(f"  {reason}", count) for reason, count in worst]
    return lines


def pair_text(row: Item) -> str:
    """One zone pair's packets."""
    return f"{row['accepted']} / {row['dropped']} / {row['rejected']}, {amount(row['bytes'])}B"
