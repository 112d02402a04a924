"""Scans by nmap from outside: what is not a SYN learns nothing, not even about an open port."""

from __future__ import annotations

import re

import pytest

from conntrack.cli.lab import servers
from conntrack.cli.lab.network import OUTSIDE4, OUTSIDE6, SHOP4, Network
from tests.netns.conftest import BASE, Start

RULES = (
    BASE
    + f"""\
settings:
  loose: false
nat:
  - {{name: webshop, forward: tcp/8080, at: wan, to: {SHOP4}}}
policy:
  wan -> self:
    - {{name: web, accept: [tcp/80]}}
  wan -> lan: drop
"""
)
PORTS = "79,80,8080"  # closed, open on the gateway, forwarded


def scanned(net: Network, kind: str, *options: str) -> dict[str, str]:
    """Port → state as nmap sees it from far."""
    quick = ("--max-retries", "1", "--initial-rtt-timeout", "200ms", "--max-rtt-timeout", "200ms")
    done = net.far.run("nmap", "-n", "-Pn", f"-s{kind}", "-p", PORTS, *quick, *options, timeout=60)
    assert done.returncode == 0, done.stdout
    return dict(re.findall(r"^(\d+)/tcp\s+(\S+)", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("kind", ["A", "N", "F", "X"])
def test_a_scan_without_syn_learns_nothing(net: Network, start: Start, kind: str) -> None:
    start(RULES)
    with servers.http(net.gateway, "::", 80), servers.http(net.shop, "0.0.0.0", 8080):
        states = scanned(net, kind, OUTSIDE4)
    silent = "filtered" if kind == "A" else "open|filtered"  # nmap's words for "no answer" to such a scan
    assert states == {"79": silent, "80": silent, "8080": silent}


def test_a_syn_scan_sees_what_is_let_in_and_no_more(net: Network, start: Start) -> None:
    start(RULES)
    with servers.http(net.gateway, "::", 80), servers.http(net.shop, "0.0.0.0", 8080):
        assert scanned(net, "S", OUTSIDE4) == {"79": "filtered", "80": "open", "8080": "open"}
        assert scanned(net, "S", "-6", OUTSIDE6) == {"79": "filtered", "80": "open", "8080": "filtered"}


def test_scans_count_as_invalid(net: Network, start: Start) -> None:
    daemon = start(RULES)
    scanned(net, "N", OUTSIDE4)
    scanned(net, "A", OUTSIDE4)
    counted = daemon.ask("stats", "-o", "json").stdout
    assert re.search(r'"bad-flags":\s*[1-9]', counted), counted
    assert re.search(r'"not-an-opener":\s*[1-9]', counted), counted
