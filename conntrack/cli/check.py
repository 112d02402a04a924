"""`pairwall check`: a rules file's mistakes, its warnings, its tests, and what happens without a rule."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conntrack.cli.options import epilog
from conntrack.cli.output import write_one
from conntrack.service.exits import BAD_CONFIGURATION, OK
from conntrack.service.protocol import Item

if TYPE_CHECKING:
    from conntrack.policy.document import Document
    from conntrack.policy.policy import Policy

EXAMPLES = """\
examples:
  pairwall check /etc/pairwall/rules.yaml
  pairwall check rules.yaml -o json | jq .problems
  pairwall check rules.yaml --built-ins

Needs no root and changes nothing.
Exit code 78: the file has mistakes, or one of its tests fails.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    parser.add_argument("rules", type=Path, metavar="FILE", help="the rules file")
    parser.add_argument("--built-ins", action="store_true", help="say what each built-in rule is for")
    parser.add_argument("-o", "--output", choices=("table", "json", "jsonl"), default="table", help="default table")


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    result = check(options.rules)
    if options.output == "table":
        show(result, options.built_ins)
    else:
        write_one(result, options.output, ())
    return OK if result["ok"] else BAD_CONFIGURATION


def check(path: Path) -> Item:
    """Everything that there is to say of a rules file. Keys are an interface."""
    from conntrack.policy.problems import PolicyError
    from conntrack.service.loading import read_rules

    result: Item = {"file": str(path), "ok": False, "problems": [], "warnings": [], "failed_tests": []}
    try:
        rules = read_rules(path)
    except PolicyError as error:
        result["problems"] = [str(problem) for problem in error.problems]
        return result
    result["warnings"] = [str(warning) for warning in rules.document.warnings]
    result["failed_tests"] = [str(failed) for failed in rules.failed]
    result["ok"] = not rules.failed
    return result | summary(rules.document, rules.policy)


def summary(document: Document, policy: Policy) -> Item:
    """How much there is of what, and the built-in rules."""
    from conntrack.policy.builtins import TABLE
    from conntrack.policy.runtime import ACCEPT

    return {
        "zones": [zone.name for zone in policy.zones],
        "rules": sum(1 for _ in document.rules()),
        "nat": len(policy.nat_rules),
        "sets": {one.name: one.members for one in policy.sets.values()},
        "tests": len(document.tests),
        "hash": policy.digest,
        "built_ins": [
            {"name": name, "action": "accept" if action == ACCEPT else "drop", "meaning": meaning}
            for name, action, _reason, meaning in TABLE
        ],
    }


def show(result: Item, with_meanings: bool) -> None:
    """Prints the result for people: what is wrong to standard error, the rest to standard output."""
    for problem in [*result["problems"], *result["warnings"], *result["failed_tests"]]:
        print(problem, file=sys.stderr)
    if result["problems"]:
        count = len(result["problems"])
        print(f"{result['file']}: {count} mistake{'' if count == 1 else 's'}", file=sys.stderr)
        return
    show_built_ins(result, with_meanings)
    passed = result["tests"] - len(result["failed_tests"])
    counts = f"{len(result['zones']) - 1} zones, {result['rules']} rules, {result['nat']} NAT rules"
    print(
        f"{result['file']}: {'ok' if result['ok'] else 'FAILED'}: {counts}, {passed} of {result['tests']} tests passed"
    )


def show_built_ins(result: Item, with_meanings: bool) -> None:
    """What comes before and after the file's rules."""
    if not with_meanings:
        print("built in:", ", ".join(rule["name"] for rule in result["built_ins"]), "(--built-ins says what they are)")
        return
    for rule in result["built_ins"]:
        print(f"built in: {rule['name']:<12} {rule['action']:<6} {rule['meaning']}")
    print(f"built in: {'default':<12} {'drop':<6} what no rule of its zone pair matches")
