"""`pairwall nat`: NAT rules, port blocks, mappings, and whose an outside port is.

Lives here: the actions' options, and showing rules. May not live here: the other actions (nat_whose.py, nat_map.py).
"""

from __future__ import annotations

import argparse

from conntrack.cli import nat_map
from conntrack.cli.client import Client
from conntrack.cli.nat_whose import BLOCKS, run_whose
from conntrack.cli.options import add_control, add_output, epilog
from conntrack.cli.output import Column, write
from conntrack.service.exits import FAILED, OK

EXAMPLES = """\
examples:
  pairwall nat
  pairwall nat -o jsonl | jq 'select(.failures > 0)'
  pairwall nat blocks
  pairwall nat whose 203.0.113.7 31000
  pairwall nat whose 203.0.113.7 31000 2026-11-22T20:15 --rules /etc/pairwall/rules.yaml
  pairwall nat map tcp 192.168.10.5:8080 --outside 8080 --lifetime 3600
  pairwall nat unmap tcp 192.168.10.5:8080

With --rules, `whose` needs no daemon: it computes from the file, where blocks are `deterministic`.
Exit code 1: nothing found.
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
    """Options, and the actions; without one the rules are shown."""
    epilog(parser, EXAMPLES)
    add_output(parser)
    add_control(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", prog="pairwall nat")
    blocks = actions.add_parser("blocks", help="show which subscriber holds which block of ports")
    whose = actions.add_parser("whose", help="say whose an outside port is, or was")
    whose.add_argument("address", metavar="ADDRESS", help="the outside address")
    whose.add_argument("port", metavar="PORT", type=int, help="the outside port")
    whose.add_argument("time", metavar="TIME", nargs="?", help="when: 2026-11-22T20:15, or Unix seconds; default now")
    whose.add_argument("--rules", metavar="FILE", help="compute from this rules file, without the daemon")
    changing = nat_map.configure(actions)
    for action in (blocks, whose, *changing):
        add_output(action)
        add_control(action)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    if options.action == "whose":
        return run_whose(options)
    if options.action in nat_map.ACTIONS:
        return nat_map.run(options)
    with Client(options.control) as client:
        if options.action == "blocks":
            return OK if write(client.items("nat blocks"), options.output, BLOCKS) else FAILED
        return OK if write(client.items("nat"), options.output, COLUMNS) else FAILED
