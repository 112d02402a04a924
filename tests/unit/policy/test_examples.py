"""The rules files in config/ and the ones in docs/rules.md: they load without a warning, and their tests hold."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from conntrack.policy.compile import compile_policy
from conntrack.policy.document import Document
from conntrack.policy.load import load, load_text
from conntrack.policy.node import Node
from conntrack.policy.selftest import selftest

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "rules.md").read_text()
EXAMPLES = [ROOT / "config" / "rules.yaml", *sorted((ROOT / "config" / "examples").glob("*.yaml"))]
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
#: what a fragment of the guide is completed with
ZONES = """\
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, fd10::/64]}
  guest: {interfaces: [eth2], networks: [192.168.20.0/24]}
"""


def failures(document: Document) -> list[str]:
    return [str(failed) for failed in selftest(compile_policy(document, time.gmtime), document.tests)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_loads_without_a_warning_and_its_tests_hold(path: Path) -> None:
    document = load(path)
    assert document.warnings == ()
    assert len(document.tests) >= 4
    assert failures(document) == []


def test_the_examples_show_the_language() -> None:
    documents = [load(path) for path in EXAMPLES]
    assert {path.stem for path in EXAMPLES} >= {"rules", "home", "office", "dmz", "vpn", "customers"}
    assert {type(entry).__name__ for document in documents for entry in document.nat} == {
        "Masquerade",
        "SourceNat",
        "Forward",
        "Redirect",
        "OneToOne",
        "Exempt",
        "Nat64",
    }
    assert {case.verdict for document in documents for case in document.tests} == {"accept", "drop", "reject"}


def test_the_minimal_file_lets_its_administrator_in_and_nobody_through() -> None:
    document = load(ROOT / "config" / "rules.yaml")
    asked = document.model_copy(update={"tests": load_text(PROBES, "probes.yaml").tests})
    assert failures(asked) == []


PROBES = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.1.0/24]}
tests:
  - wan 198.51.100.9 -> self ssh = accept
  - lan 192.168.1.7 -> self ssh = accept
  - wan 198.51.100.9 -> self https = drop
  - wan 198.51.100.9 -> self udp/161 = drop
  - wan 198.51.100.9 -> lan 192.168.1.7 https = drop
  - lan 192.168.1.7 -> wan 1.1.1.1 tcp/31337 = accept
"""


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split(":")[0])
def test_what_the_guide_shows_loads_and_holds(block: str) -> None:
    head = "" if "version:" in block else "version: 1\n"
    document = load_text(head + ("" if "zones:" in block else ZONES) + block, "rules.md", ROOT / "config" / "examples")
    assert document.warnings == ()
    assert failures(document) == []


def test_the_guide_shows_every_section() -> None:
    shown = {line.partition(":")[0] for block in BLOCKS for line in block.splitlines() if re.match(r"\w+:", line)}
    assert shown == set(Document.keys())


def models() -> list[type[Node]]:
    found, waiting = [], [Node]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        found += subclasses
        waiting += subclasses
    return found


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_key_is_in_the_guide(model: type[Node]) -> None:
    ways = ("`{}`", "`{}:", "\n## {}\n")
    missing = [key for key in list(model.keys()) if not any(way.format(key) in GUIDE for way in ways)]
    assert missing == [], "docs/rules.md is the reference of the language"


def test_timeouts_in_the_guide_are_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `(tcp|udp|sctp|dccp|gre|icmp|other)`.*?\| (.*) \|$", GUIDE, re.MULTILINE))
    timeouts = Document.model_fields["settings"].annotation().timeouts  # type: ignore[misc]
    for protocol, row in rows.items():
        group = getattr(timeouts, protocol)
        shown = dict(re.findall(r"`([a-z0-9-]+)` (\d+[smhd])", row))
        for key in set(type(group).keys()) - {"retransmitted", "unacknowledged", "zero-window", "picked-up"}:
            seconds = int(shown[key][:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[shown[key][-1]]
            assert seconds == getattr(group, key.replace("-", "_")), f"{protocol} {key}"
    assert len(rows) == 7
