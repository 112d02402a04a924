"""`pairwall explain`: what the rules do with a connection, phase by phase, and which rule decides.

Lives here: options, printing. May not live here: the judgement (policy/explain.py).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from conntrack.cli.client import Client
from conntrack.cli.options import add_control, epilog
from conntrack.cli.output import write_one
from conntrack.service.exits import DROPPED, OK, REJECTED, USAGE, Failure
from conntrack.service.protocol import Item

EXAMPLES = """\
examples:
  pairwall explain "lan 192.168.10.5 -> 1.1.1.1 tcp/443"
  pairwall explain "wan 198.51.100.9 -> self ssh" --rules rules.yaml
  pairwall explain "guest 192.168.20.9 -> 1.1.1.1 https at sat 23:30"

The form is that of `tests:` in a rules file, without the verdict: ZONE ADDRESS[:PORT] -> [ZONE] ADDRESS SERVICE
[at [DAY] HH:MM]; `self` may stand without an address. Without --rules the daemon is asked, with its sets as they are.
Exit codes: 0 accept, 3 drop, 4 reject.
"""
CODES = {"accept": OK, "drop": DROPPED, "reject": REJECTED}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    parser.add_argument("connection", help="the connection, in quotes: the shell would take > for itself")
    parser.add_argument("--rules", metavar="FILE", help="ask this rules file instead of the daemon")
    parser.add_argument("-o", "--output", choices=("table", "json", "jsonl"), default="table", help="default table")
    add_control(parser)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    query = options.connection
    explained = from_file(options.rules, query) if options.rules else from_daemon(options.control, query)
    if options.output == "table":
        print("\n".join(text(explained)))
    else:
        write_one(explained, options.output, ())
    return CODES[explained["verdict"]]


def from_daemon(control: str, query: str) -> Item:
    """What the policy in force says."""
    with Client(control) as client:
        return client.one("explain", query=query)


def from_file(path: str, query: str) -> Item:
    """What a rules file says."""
    from pathlib import Path

    from conntrack.cli.rulesfile import compiled
    from conntrack.policy.explain import explain
    from conntrack.policy.problems import Wrong

    _document, policy = compiled(Path(path))
    try:
        return explain(policy, query, time.time())
    except Wrong as wrong:
        raise Failure(f"{wrong.message}{f' ({wrong.hint})' if wrong.hint else ''}", USAGE) from None


def text(explained: Item) -> Iterator[str]:
    """The explanation for people: the phases, the rules that were passed by and why, the verdict."""
    connections = explained["connections"]
    for connection in connections:
        if len(connections) > 1:
            yield f"{connection['connection']}:"
        for step in connection["steps"]:
            yield f"  {step['phase'] + ':':<17}{step['text']}"
            for passed in step["passed"]:
                yield f"    not {place(passed['rule'])}: {', '.join(passed['because'])}"
        yield f"  {connection['verdict']} by {place(connection['rule'])}{why(connection)}"
    if len(connections) > 1:
        yield f"{explained['verdict']}: accept would need all of them" if explained["verdict"] != "accept" else "accept"


def place(rule: Item) -> str:
    """A rule's name, and where it stands."""
    where = f" ({rule['file']}:{rule['line']})" if rule["line"] else ""
    return f"{rule['name']}{where}"


def why(connection: Item) -> str:
    """What a drop is counted as."""
    return f", counted as {connection['reason']}" if connection["reason"] else ""
