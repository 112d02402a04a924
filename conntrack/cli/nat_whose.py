"""`pairwall nat whose`: whose an outside port is or was; and the columns of port blocks.

Lives here: the question, to a daemon or to a rules file. May not live here: the answer (service/port_blocks.py).
"""

from __future__ import annotations

import argparse
import sys
import time
from socket import AF_INET, AF_INET6, inet_pton

from conntrack.cli.client import Client
from conntrack.cli.output import Column, write
from conntrack.service.exits import FAILED, OK, USAGE, Failure
from conntrack.service.protocol import Item

BLOCKS = (
    Column("SUBSCRIBER", lambda block: block["subscriber"]),
    Column("OUTSIDE", lambda block: block["address"]),
    Column("PORTS", lambda block: "{}-{}".format(*block["ports"])),
    Column("ALLOCATION", lambda block: block["allocation"]),
    Column("SINCE", lambda block: when(block["since"])),
    Column("UNTIL", lambda block: when(block["until"])),
    Column("RULE", lambda block: block["rule"]),
)


def run_whose(options: argparse.Namespace) -> int:
    """`nat whose`."""
    moment = None if options.time is None else moment_of(options.time)
    if not 0 <= options.port <= 65535:
        raise Failure(f"{options.port} is no port", USAGE)
    if options.rules is not None:
        found = from_file(options.rules, packed(options.address), options.port, moment)
        return OK if write(iter(found), options.output, BLOCKS) else FAILED
    with Client(options.control) as client:
        items = client.items("nat whose", address=options.address, port=options.port, time=moment)
        return OK if write(items, options.output, BLOCKS) else FAILED


def from_file(file: str, address: bytes, port: int, moment: float | None) -> list[Item]:
    """The answer that a rules file alone gives. Failure: the file has mistakes."""
    from pathlib import Path  # here: it imports more than a client needs

    from conntrack.policy.problems import PolicyError
    from conntrack.service.exits import BAD_CONFIGURATION
    from conntrack.service.loading import read_rules
    from conntrack.service.port_blocks import computed

    path = Path(file)
    try:
        rules = read_rules(path).policy.nat_rules
    except PolicyError as error:
        raise Failure(str(error), BAD_CONFIGURATION) from None
    if moment is not None and moment < path.stat().st_mtime:
        print(f"pairwall: {path} has been changed since: ask the file that was in force then", file=sys.stderr)
    return list(computed(rules, address, port))


def packed(text: str) -> bytes:
    """An address as bytes. Failure: it is none."""
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except OSError:
        raise Failure(f"{text} is no address", USAGE) from None


def moment_of(text: str) -> float:
    """Unix time of a moment as written, in this host's time zone where it names none. Failure: it is none."""
    from datetime import datetime

    try:
        return float(text) if text.replace(".", "", 1).isdigit() else datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Failure(f"{text} is no time: write 2026-11-22T20:15, or Unix seconds", USAGE) from None


def when(moment: float | None) -> str:
    """A moment for people."""
    return "-" if moment is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
