"""The lab for tests: a network and, on demand, the real daemon in its gateway, on both queue backends.

Every namespace bears the test process's pid (cli/lab/namespace.py), so the sweep at the end removes exactly what this
run made, even when a test was torn down half-way.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conntrack.cli.lab.daemon import Daemon, client
from conntrack.cli.lab.namespace import PREFIX, remove
from conntrack.cli.lab.network import Network

#: starts the daemon: `start(rules, *options of pairwall run)`
Start = Callable[..., Daemon]

#: zones and the rules that most tests need; a test appends what it is about
BASE = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "2001:db8:10::/64"]}
"""


@pytest.fixture(scope="session", autouse=True)
def _swept() -> Iterator[None]:
    if os.geteuid():
        pytest.exit("namespace tests make network namespaces: run them as root", returncode=3)
    yield
    for path in Path("/run/netns").glob(f"{PREFIX}-{os.getpid()}-*"):
        remove(path.name)


@pytest.fixture
def offload(request: pytest.FixtureRequest) -> bool:
    """Whether the links of `net` do checksums and segmentation, as hardware does; an indirect parameter."""
    return bool(getattr(request, "param", False))


@pytest.fixture
def net(offload: bool) -> Iterator[Network]:
    """The five hosts, without a daemon."""
    with Network(offload=offload) as network:
        yield network


@pytest.fixture(params=["netlink", "netfilterqueue"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each queue backend in turn."""
    return str(request.param)


@pytest.fixture
def start(net: Network, backend: str, tmp_path: Path) -> Iterator[Start]:
    """Starts the daemon in the gateway with rules of the test's own; it is stopped at the end."""
    with contextlib.ExitStack() as stack:

        def starter(rules: str, *options: str) -> Daemon:
            chosen = ("--queue-backend", backend)
            return stack.enter_context(Daemon(net.gateway, rules, tmp_path, *chosen, *options))

        yield starter


@pytest.fixture
def launch(net: Network, tmp_path: Path) -> Iterator[Start]:
    """Starts daemons of the fast path one after the other, each with a folder of its own: launch(rules, *options).

    prefix: a command that starts it. What they leave in the kernel goes at the end.
    """
    from tests.netns.fastpath import RULES

    with contextlib.ExitStack() as stack:

        def launcher(rules: str = RULES, *options: str, prefix: tuple[str, ...] = ()) -> Daemon:
            folder = tmp_path / f"daemon{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(Daemon(net.gateway, rules, folder, *options, prefix=prefix))

        yield launcher
    client(net.gateway, "unload")
