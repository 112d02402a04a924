"""`pairwall reload`: the daemon loads its rules file again; on any mistake the old rules stay."""

from __future__ import annotations

import argparse
import sys

from conntrack.cli.client import Client
from conntrack.cli.options import add_control, epilog
from conntrack.service.exits import BAD_CONFIGURATION, OK

EXAMPLES = """\
The file is checked whole and its tests are run before anything changes. `systemctl reload pairwall` and SIGHUP do
the same, but cannot tell what was wrong.
Exit code 78: the file has mistakes, and the old rules are still in force.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    add_control(parser)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    with Client(options.control) as client:
        outcome = client.one("reload")
    for problem in outcome["problems"]:
        print(problem, file=sys.stderr)
    if not outcome["ok"]:
        print("pairwall: the old rules are still in force", file=sys.stderr)
        return BAD_CONFIGURATION
    print(f"{outcome['file']}: loaded, generation {outcome['generation']}")
    return OK
