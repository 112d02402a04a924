"""`pairwall nat`: NAT rules, how often they translated, how many ports they hold."""

from __future__ import annotations

import argparse

from conntrack.cli.client import Client
from conntrack.cli.options import add_control, add_output, epilog
from conntrack.cli.output import Column, write
from conntrack.service.exits import FAILED, OK

EXAMPLES = """\
examples:
  pairwall nat
  pairwall nat -o jsonl | jq 'select(.failures > 0)'
"""
COLUMNS = (
    Column("NAME", lambda rule: rule["name"]),
    Column("KIND", lambda rule: rule["kind"]),
    Column("ZONE", lambda rule: rule["zone"]),
    Column("ADDRESSES", lambda rule: rule["addresses"]),
    Column("HITS", lambda rule: rule["hits"], right=True),
    Column("FAILURES", lambda rule: rule["failures"], right=True),
    Column("PORTS HELD", lambda rule: rule["ports_held"], right=True),
    Column("WHERE", lambda rule: f"{rule['file']}:{rule['line']}"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    add_output(parser)
    add_control(parser)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    with Client(options.control) as client:
        return OK if write(client.items("nat"), options.output, COLUMNS) else FAILED
