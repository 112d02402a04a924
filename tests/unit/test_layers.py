"""The house's rule: imports run downward only, and nothing from the engine down touches the outside world."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import conntrack

PACKAGE = Path(conntrack.__file__).parent

#: a package may import itself and those named here
ALLOWED = {
    "packet": set(),
    "flow": {"packet"},
    "tracker": {"flow", "packet"},
    "helper": {"flow", "packet"},
    "nat": {"flow", "packet", "policy.nat_rule"},
    "policy": {"flow", "packet"},
    "engine": {"policy", "nat", "helper", "tracker", "flow", "packet"},
    "gateway": {"engine", "policy", "nat", "helper", "tracker", "flow", "packet"},
    "service": {"gateway", "engine", "policy", "nat", "helper", "tracker", "flow", "packet"},
    "cli": {"service", "gateway", "engine", "policy", "nat", "helper", "tracker", "flow", "packet"},
}
SANS_IO = ["packet", "flow", "tracker", "helper", "nat", "policy", "engine"]

#: modules that open sockets, read clocks, start processes or know Linux; and the harmless names of some
OUTSIDE = {"asyncio", "ctypes", "fcntl", "netfilterqueue", "pyroute2"} | {
    "random",
    "select",
    "socket",
    "subprocess",
    "time",
}
HARMLESS = {
    "random": {"Random"},  # the type of an argument
    "socket": {"AF_INET", "AF_INET6", "inet_ntop", "inet_pton", "htonl", "ntohl"},
    "time": {"gmtime", "localtime", "mktime", "struct_time"},
}


def imports(path: Path) -> Iterator[tuple[str, str, int]]:
    """Every import of a file: (module, name imported from it or "", line)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                yield node.module or "", alias.name, node.lineno


def sources(package: str) -> list[Path]:
    return sorted((PACKAGE / package).rglob("*.py"))


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_imports_run_downward(package: str) -> None:
    allowed = ALLOWED[package] | {package}
    wrong = []
    for path in sources(package):
        for module, name, line in imports(path):
            if not module.startswith("conntrack."):
                continue
            target = f"{module}.{name}".removeprefix("conntrack.") + "."
            if not any(target.startswith(layer + ".") for layer in allowed):
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {module}")
    assert wrong == []


@pytest.mark.parametrize("package", SANS_IO)
def test_nothing_below_the_gateway_touches_the_outside(package: str) -> None:
    wrong = []
    for path in sources(package):
        for module, name, line in imports(path):
            top = module.partition(".")[0]
            if top in OUTSIDE and name not in HARMLESS.get(top, ()):
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {module} {name}".rstrip())
    assert wrong == []
