"""Options that several commands share.

Lives here: --control and --output. May not live here: options of one command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from conntrack.service.protocol import DEFAULT_SOCKET


def add_control(parser: argparse.ArgumentParser) -> None:
    """--control: which daemon."""
    parser.add_argument(
        "--control",
        default=DEFAULT_SOCKET,
        metavar="PATH",
        help=f"the daemon's control socket (default {DEFAULT_SOCKET})",
    )


def add_output(parser: argparse.ArgumentParser, choices: Sequence[str] = ("table", "json", "jsonl")) -> None:
    """-o: how results are printed."""
    parser.add_argument(
        "-o", "--output", choices=choices, default="table", help=f"{', '.join(choices)} (default table)"
    )


def epilog(parser: argparse.ArgumentParser, text: str) -> None:
    """What stands below the options: examples."""
    parser.epilog = text
