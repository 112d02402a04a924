"""The daemon under test: the installed `pairwall run` in the gateway's namespace.

Lives here: starting it with a rules file. May not live here: what is measured of it.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conntrack.cli.lab.daemon import Daemon
from conntrack.cli.lab.namespace import Namespace
from tests.bench import rules


@contextlib.contextmanager
def pairwall(gateway: Namespace, backend: str = "auto") -> Iterator[Daemon]:
    """The daemon with a plain masquerading gateway's rules, ready."""
    with (
        tempfile.TemporaryDirectory(prefix="pairwall-bench-") as folder,
        Daemon(gateway, rules.plain(backend), Path(folder)) as daemon,
    ):
        yield daemon
