"""`pairwall unload`: takes the fast path out of the kernel, also where no daemon is left to do it."""

from __future__ import annotations

import argparse

from conntrack.cli.options import epilog
from conntrack.service.exits import OK, Failure

EXAMPLES = """\
examples:
  pairwall unload
  pairwall unload --all

For a machine whose daemon is gone for good: a daemon that was killed leaves the fast path's programs and flows, so that
its connections go on until it is started again. Needs root. A running daemon loses its fast path too, and goes on
without, until it is restarted.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    parser.add_argument("--all", action="store_true", help="in every network namespace, not in this one alone")


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    from conntrack.gateway.fastpath.opening import unload

    try:
        removed = unload(options.all, living=True)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}: the fast path is for root to unload") from None
    for folder in removed:
        print(f"removed {folder}")
    if not removed:
        print("there was nothing to remove")
    return OK
