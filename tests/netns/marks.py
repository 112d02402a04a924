"""Packet marks and DSCP where packets leave a host or come in, and marks that another tool sets: bpf/marks.bpf.c.

At the way out the kernel runs such programs after all that is done to a packet, bpf_redirect_neigh included: what is
counted there is what a queueing discipline would go by. On the wire there are no marks.
"""

from __future__ import annotations

import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import NamedTuple, Self

from conntrack.cli.lab.namespace import Namespace
from conntrack.gateway.fastpath import syscalls
from conntrack.gateway.fastpath.attach import Link
from conntrack.gateway.fastpath.build import compile_object
from conntrack.gateway.fastpath.kernelmap import KernelMap
from conntrack.gateway.fastpath.libbpf import Library
from conntrack.gateway.fastpath.program import Program

SOURCE = Path(__file__).with_name("bpf") / "marks.bpf.c"
_KIND = Struct("=IIBBBx")
_NUMBER = Struct("=I")
_COUNT = Struct("=Q")
IN, OUT = 46, 47  # BPF_TCX_INGRESS, BPF_TCX_EGRESS


class Kind(NamedTuple):
    """Packets just alike. link: its name."""

    link: str
    mark: int
    version: int
    protocol: int
    tos: int


class Marks:
    """At one host; a context manager that takes the programs off. FastPathError: no tcx here (below Linux 6.6)."""

    def __init__(self, host: Namespace) -> None:
        self._host = host
        self._links: dict[int, str] = {}
        self._stack = ExitStack()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "marks.bpf.o"
            compile_object(SOURCE, path)
            opened = Library().open_object(path)
            opened.load()
        self._look, self._put = (Program(opened.program(name), name) for name in ("look", "put"))
        self._seen, self._given = KernelMap(opened.map("seen")), KernelMap(opened.map("given"))
        opened.close()
        for one in (self._look, self._put, self._seen, self._given):
            self._stack.callback(one.close)

    def count(self, way: int, *names: str) -> None:
        """Counts what comes in (IN) or leaves (OUT) by these interfaces."""
        for name in names:
            self._attach(self._look, way, name)

    def mark(self, mark: int, *names: str) -> None:
        """Has what comes in by these marked, before it meets programs that are attached later."""
        self._given.put(_NUMBER.pack(0), _NUMBER.pack(mark))
        for name in names:
            self._attach(self._put, IN, name)

    def seen(self) -> dict[Kind, int]:
        """How many of each kind so far."""
        counts = {}
        for keys, values in self._seen.batches(1024):
            for fields, (count,) in zip(_KIND.iter_unpack(keys), _COUNT.iter_unpack(values), strict=True):
                index, mark, version, protocol, tos = fields
                counts[Kind(self._links[index], mark, version, protocol, tos)] = int(count)
        return counts

    def since(self, before: dict[Kind, int], protocol: int) -> dict[Kind, int]:
        """How many of a protocol's packets since then."""
        now = {kind: count - before.get(kind, 0) for kind, count in self.seen().items() if kind.protocol == protocol}
        return {kind: count for kind, count in now.items() if count}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _attach(self, program: Program, way: int, name: str) -> None:
        with self._host.entered():
            index = socket.if_nametoindex(name)
            block = syscalls.block(syscalls.LINK, program.descriptor, index, way, 0)
            self._stack.callback(Link(syscalls.checked(syscalls.LINK_CREATE, block, f"look at {name}")).detach)
        self._links[index] = name
