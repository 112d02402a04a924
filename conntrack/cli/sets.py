"""`pairwall sets`: sets of addresses, how many members they have, when their files were read."""

from __future__ import annotations

import argparse
import time

from conntrack.cli.client import Client
from conntrack.cli.options import add_control, add_output, epilog
from conntrack.cli.output import Column, duration, write
from conntrack.service.exits import FAILED, OK

EXAMPLES = """\
examples:
  pairwall sets
  pairwall sets --holding 203.0.113.7      the sets that this address is in
"""
COLUMNS = (
    Column("NAME", lambda one: one["name"]),
    Column("MEMBERS", lambda one: one["members"], right=True),
    Column("FILE", lambda one: one["file"]),
    Column("READ", lambda one: f"{duration(time.time() - one['refreshed'])} ago" if one["refreshed"] else ""),
    Column("EVERY", lambda one: duration(one["refresh"]) if one["refresh"] else ""),
    Column("FAILURES", lambda one: one["failures"], right=True),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    parser.add_argument("--holding", metavar="ADDRESS", help="only sets that this address is in")
    add_output(parser)
    add_control(parser)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    with Client(options.control) as client:
        found = write(client.items("sets", holding=options.holding), options.output, COLUMNS)
    return OK if found else FAILED
