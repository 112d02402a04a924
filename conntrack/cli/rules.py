"""`pairwall rules`: the policy's rules in the order in which they are tried, and how often each decided."""

from __future__ import annotations

import argparse

from conntrack.cli.client import Client
from conntrack.cli.options import add_control, add_output, epilog
from conntrack.cli.output import Column, write
from conntrack.service.exits import FAILED, OK

EXAMPLES = """\
examples:
  pairwall rules
  pairwall rules --pair 'wan -> self'
  pairwall rules --unused          rules that never decided since they were loaded
"""
COLUMNS = (
    Column("PAIR", lambda rule: rule["pair"]),
    Column("NAME", lambda rule: rule["name"]),
    Column("ACTION", lambda rule: rule["action"]),
    Column("HITS", lambda rule: rule["hits"], right=True),
    Column("LOG", lambda rule: rule["log"]),
    Column("WHERE", lambda rule: f"{rule['file']}:{rule['line']}" if rule["line"] else "built-in"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    parser.add_argument("--pair", help="only this zone pair, as the file writes it")
    parser.add_argument("--unused", action="store_true", help="only rules without a hit")
    add_output(parser)
    add_control(parser)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    with Client(options.control) as client:
        rules = client.items("rules", pair=options.pair, unused=options.unused)
        return OK if write(rules, options.output, COLUMNS) else FAILED
