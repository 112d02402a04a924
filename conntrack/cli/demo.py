"""`pairwall demo`: the gateway at work between network namespaces, with real traffic.

Lives here: the order of the show and its printing. May not live here: the network, the traffic and what must come of
it (cli/lab).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Final

from conntrack.cli.lab import scenes
from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.namespace import LabError, sweep
from conntrack.cli.lab.network import FAR4, OUTSIDE4, Network
from conntrack.service.exits import FAILED, OK, Failure

_METRICS: Final = "http://127.0.0.1:9469/metrics"
#: the metrics page's main figures
_FIGURES: Final = (
    "pairwall_connections",
    "pairwall_connections_limit",
    "pairwall_connections_created_total",
    "pairwall_connections_closed_total",
    "pairwall_packets_total",
    "pairwall_dropped_packets_total",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--keep", action="store_true", help="leave everything running afterwards, until Ctrl-C")
    parser.add_argument(
        "--queue-backend", choices=("auto", "netlink", "netfilterqueue"), default="auto", help="default auto"
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs the show; OK only if every scene came out as it must. Failure: it could not begin."""
    if os.geteuid():
        raise Failure("the demo makes network namespaces, and that needs root: run it with sudo")
    signal.signal(signal.SIGTERM, _end)
    try:
        sweep()
        with tempfile.TemporaryDirectory(prefix="pairwall-demo-") as directory, Network() as net:
            return _show(net, Path(directory), arguments)
    except LabError as error:
        raise Failure(str(error)) from error


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show(net: Network, directory: Path, arguments: argparse.Namespace) -> int:
    backend = ("--queue-backend", arguments.queue_backend)
    with scenes.services(net), Daemon(net.gateway, scenes.RULES, directory, *backend) as daemon:
        _heading("The gateway")
        print(f"pairwall run, pid {daemon.process.pid}, in namespace {net.gateway.name}: {daemon.status()}")
        failed = _play(net)
        failed += _look(net, daemon)
        _heading("All held." if not failed else f"FAILED: {failed}")
        if arguments.keep:
            _keep(net, daemon)
    return FAILED if failed else OK


def _play(net: Network) -> int:
    """Plays the scenes, each printed as it happens; returns how many failed."""
    _heading("Traffic")
    failed = 0
    for scene in scenes.SCENES:
        print(f"  {scene.title:<32}{scene.attempt:<44}", end="", flush=True)
        outcome = scene.run(net)
        held = scene.held(outcome)
        failed += not held
        print(f"{_paint('ok    ', 32) if held else _paint('FAILED', 31)}  {outcome}")
        if not held:
            print(f"  {'':<32}expected: {scene.expected}")
    return failed


def _look(net: Network, daemon: Daemon) -> int:
    """The connection table, why the blocked one was blocked, the main figures; returns how many could not be had."""
    _heading("The connection table: pairwall flows list")
    table = daemon.ask("flows", "list")
    print(table.stdout.rstrip())
    _heading(f'Why was that one blocked: pairwall explain "{scenes.BLOCKED}"')
    explained = daemon.ask("explain", scenes.BLOCKED)
    print(explained.stdout.rstrip())
    _heading(f"Metrics: curl {_METRICS}")
    figures = _figures(net.gateway.run("curl", "-sS", _METRICS).stdout)
    print("\n".join(figures))
    checks = (
        table.returncode == OK and FAR4 in table.stdout and OUTSIDE4 in table.stdout,
        explained.returncode == 3 and "no-mail" in explained.stdout,
        any(figure.startswith("pairwall_dropped_packets_total") for figure in figures),
    )
    return checks.count(False)


def _figures(page: str) -> list[str]:
    """The lines of the main figures that are not 0."""
    lines = [
        line
        for line in page.splitlines()
        if line.startswith(tuple(f"{name}{end}" for name in _FIGURES for end in "{ "))
    ]
    return [line for line in lines if float(line.rsplit(" ", 1)[1])]


def _keep(net: Network, daemon: Daemon) -> None:
    """Waits for Ctrl-C, having said what there is to look at."""
    installed = Path(sys.executable).with_name("pairwall")
    command = str(installed) if installed.exists() else f"{sys.executable} -m conntrack.cli.main"
    _heading("It keeps running. Look around in another terminal; Ctrl-C here ends and removes everything.")
    print(f"  ip netns exec {net.client.name} curl http://{FAR4}/")
    print(f"  ip netns exec {net.far.name} curl http://{OUTSIDE4}:8080/")
    for words in ("flows list", "flows watch", "stats", "rules", "status"):
        print(f"  {command} {words} --control {daemon.control}")
    print(f"  ip netns exec {net.gateway.name} curl {_METRICS}")
    print(f"  $EDITOR {daemon.rules} && kill -HUP {daemon.process.pid}")
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def _heading(text: str) -> None:
    print(f"\n{_paint(text, 1)}", flush=True)


def _paint(text: str, code: int) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{code}m{text}\x1b[0m"
