"""The daemon under test: the installed `pairwall run` in the gateway's namespace.

Lives here: starting it with a rules file. May not live here: what is measured of it.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.namespace import Namespace
from conntrack.service.linux import XDP_ON_VETH
from tests.bench import rules
from tests.bench.figure import BenchError

_PATIENCE: Final = 10.0


@contextlib.contextmanager
def pairwall(gateway: Namespace, backend: str = "auto") -> Iterator[Daemon]:
    """The daemon with a plain masquerading gateway's rules, ready, without a fast path."""
    with _running(gateway, rules.plain(backend)) as daemon:
        yield daemon


@contextlib.contextmanager
def carrying(gateway: Namespace, at_driver: bool = False) -> Iterator[Daemon]:
    """The same with the fast path, and the table's usual limit. BenchError: there is none.

    at_driver: by XDP, at virtual links, where only tests and this benchmark have it.
    """
    prefix = ("env", f"{XDP_ON_VETH}=1") if at_driver else ()
    with _running(gateway, rules.carrying(at_driver), prefix) as daemon:
        view = fast(daemon)
        if not view["active"]:
            raise BenchError(f"no fast path: {view['why']}")
        yield daemon


@contextlib.contextmanager
def _running(gateway: Namespace, text: str, prefix: Sequence[str] = ()) -> Iterator[Daemon]:
    with (
        tempfile.TemporaryDirectory(prefix="pairwall-bench-") as folder,
        Daemon(gateway, text, Path(folder), prefix=prefix) as daemon,
    ):
        yield daemon


def fast(daemon: Daemon) -> dict[str, Any]:
    """What `pairwall status` says of the fast path."""
    answer = daemon.ask("status", "-o", "json")
    if answer.returncode:
        raise BenchError(f"pairwall status: {answer.stdout.strip()}")
    view: dict[str, Any] = json.loads(answer.stdout)["fastpath"]
    return view


def await_carried(daemon: Daemon, count: int) -> None:
    """Waits until so many connections are carried. BenchError: they are not."""
    limit = time.monotonic() + _PATIENCE
    while (found := fast(daemon)["connections"]["count"]) != count:
        if time.monotonic() > limit:
            raise BenchError(f"of {count} connections the fast path carries {found}")
        time.sleep(0.05)
