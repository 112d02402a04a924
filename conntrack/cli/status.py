"""`pairwall status`: is it running, since when, with which rules."""

from __future__ import annotations

import argparse
import time

from conntrack.cli.client import Client
from conntrack.cli.options import add_control, add_output, epilog
from conntrack.cli.output import duration, write_one
from conntrack.service.exits import OK
from conntrack.service.protocol import Item

EXAMPLES = """\
examples:
  pairwall status
  pairwall status -o json
  pairwall status >/dev/null || echo 'not running'

Exit code 69: no daemon answers.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    add_output(parser)
    add_control(parser)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    with Client(options.control) as client:
        status = client.one("status")
    write_one(status, options.output, rows(status))
    return OK


def rows(status: Item) -> list[tuple[str, object]]:
    """What people want to see, in words."""
    rules = status["configuration"]
    connections = status["connections"]
    lines: list[tuple[str, object]] = [
        ("running", f"version {status['version']}, pid {status['pid']}, up {duration(status['uptime'])}"),
        ("rules", f"{rules['file']}, generation {rules['generation']}, {rules['hash'][:12]}"),
        ("loaded", f"{duration(time.time() - rules['loaded'])} ago"),
        ("connections", f"{connections['count']} of {connections['limit'] or 'no limit'}"),
        ("queue", f"{status['queue']['backend']}, number {status['queue']['number']}"),
        ("fast path", fast_path(status["fastpath"])),
        *(("", line) for line in fast_path_details(status["fastpath"])),
        ("if it fails", status["on_failure"]),
    ]
    if not rules["last_load_ok"]:
        lines.append(("last reload", "FAILED: the rules above are still in force"))
        lines += [("", problem) for problem in rules["problems"]]
    return lines


def fast_path_details(view: Item) -> list[str]:
    """What stands behind that line, in two more; none without a fast path."""
    if not view.get("active"):
        return []
    flows, room = view["flows"], view["connections"]
    fill = f"{room['count'] / room['limit']:.1%}" if room["limit"] else "none"
    program = f"program {view['program']} by {view['hook'] or 'nothing'}"
    lines = [f"{program}, {fill} of its maps filled, {flows['slow']} flows slow"]
    punts = sorted(view["punts"].items(), key=lambda punt: -punt[1])
    if punts:
        lines.append("left to the daemon: " + ", ".join(f"{name} {count}" for name, count in punts))
    return lines


def fast_path(view: Item) -> str:
    """The fast path in one line."""
    if not view.get("active"):
        return f"none: {view['why']}" if view.get("why") else "none"
    count = view["connections"]["count"]
    where = ", ".join(view["interfaces"]) or "no interface"
    line = f"{count} connections, {view['share']:.1%} of packets, at {where}"
    refused = [f"not at {name}: {why}" for name, why in view["refused"].items()]
    driver = view["xdp"]
    if driver["interfaces"]:
        line += f"; by XDP at {', '.join(driver['interfaces'])}"
    refused += [f"no XDP at {name}: {why}" for name, why in driver["refused"].items()]
    refused += [f"what leaves by {name} goes by tc: {why}" for name, why in driver["left_to_tc"].items()]
    return f"{line} ({'; '.join(refused)})" if refused else line
