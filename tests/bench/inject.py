"""Injects datagrams into a device at what one core can, by BPF_PROG_TEST_RUN on live frames.

Lives here: building, loading and running the generator (bpf/generator.bpf.c). May not live here: what becomes of the
frames, what counts them. A run is one system call: making the frames, and all that the kernel does with them on their
way, is the work of that call on its core, except for what is left to the core's ksoftirqd when it is too much at once.
So the cost of a packet is the time of both, the generator's own included. The kernel takes the call's time, without
what goes before and after, and without the moments in which it lets other processes run.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import socket
import subprocess
import tempfile
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import Final, Self

from conntrack.cli.lab.namespace import Namespace
from conntrack.gateway.fastpath import attach, build, syscalls
from conntrack.gateway.fastpath.attach import Link
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.kernelmap import KernelMap
from conntrack.gateway.fastpath.libbpf import Library, Object
from conntrack.gateway.fastpath.program import Program
from tests.bench import crowd, establish
from tests.bench.figure import BenchError
from tests.bench.network import CLIENT_MAC, INSIDE_MAC, PHANTOM_CLIENT, PHANTOM_SERVER

SOURCE: Final = Path(__file__).with_name("bpf") / "generator.bpf.c"
#: struct plan
PLAN: Final = Struct("=QIIIIIIHH6s6s")
_LIVE_FRAMES: Final = 2  # BPF_F_TEST_XDP_LIVE_FRAMES
#: struct bpf_attr's test: as syscalls.TEST, with the size of a batch
_TEST: Final = Struct("=IIIIQQIIIIQQIIII")
_DURATION: Final = 7  # mean nanoseconds of a frame
_CONTEXT: Final = Struct("=IIIIII")  # struct xdp_md
#: frames that the kernel makes before it lets them go: as many as a poll of a device takes
_BATCH: Final = 64


class Generator:
    """Frames out of one device of a namespace: a context manager."""

    def __init__(self, host: Namespace, link: str = "eth0") -> None:
        self._host = host
        with host.entered():
            self._device = socket.if_nametoindex(link)
        self._programs = Programs()
        self._frame = establish.udp_load(establish.clients(1))[0]

    def run(self, packets: int, flows: int) -> float:
        """Seconds of this core for so many packets of connections 0 … flows − 1 (crowd.py), at random.

        The thread must be pinned to one core. BenchError: the kernel does not do it.
        """
        self._programs.plan(self._device, flows)
        with self._host.entered():
            before = left_over()
            spent = self._programs.generate(self._frame, packets)
            return spent + left_over() - before

    def receive(self, host: Namespace, link: str) -> Link:
        """Swallows what arrives at a device, natively. The caller detaches."""
        with host.entered():
            return attach.attach_xdp(self._programs.swallow, socket.if_nametoindex(link))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._programs.close()


class Programs:
    """The loaded object. BenchError: it cannot be had."""

    def __init__(self) -> None:
        try:
            opened: Object = Library().open_object(built())
            try:
                opened.load()
                self._generate = Program(opened.program("generate"), "generate")
                self.swallow = Program(opened.program("swallow"), "swallow")
                self._plans = KernelMap(opened.map("plans"))
            finally:
                opened.close()
        except FastPathError as error:
            raise BenchError(f"the generator cannot be loaded: {error}") from error

    def plan(self, outbound: int, flows: int) -> None:
        """What the next frames are."""
        first = crowd.ends(0)
        numbers = (flows, crowd.PER_CLIENT, crowd.PER_SERVER, *map(_number, (PHANTOM_CLIENT, PHANTOM_SERVER)))
        ports = (first.source_port, first.destination_port)
        self._plans.put(bytes(4), PLAN.pack(1, outbound, *numbers, *ports, INSIDE_MAC, CLIENT_MAC))

    def generate(self, frame: bytes, packets: int) -> float:
        """Makes so many frames, and lets each go; the seconds that it took."""
        data = ctypes.create_string_buffer(frame, len(frame))
        context = ctypes.create_string_buffer(_CONTEXT.pack(0, len(frame), 0, 0, 0, 0), _CONTEXT.size)
        where = ctypes.addressof(data), ctypes.addressof(context)
        block = syscalls.block(
            _TEST,
            *(self._generate.descriptor, 0, len(frame), 0, where[0], 0, packets, 0),
            *(_CONTEXT.size, 0, where[1], 0, _LIVE_FRAMES, 0, _BATCH, 0),
        )
        try:
            syscalls.checked(syscalls.PROG_TEST_RUN, block, "inject frames")
        except FastPathError as error:
            raise BenchError(str(error)) from error
        return float(_TEST.unpack(block.raw)[_DURATION]) * packets / 1e9

    def close(self) -> None:
        self._generate.close()
        self.swallow.close()
        self._plans.close()


def left_over() -> float:
    """Seconds that this core's ksoftirqd has run. BenchError: the thread is not pinned, or the kernel does not tell."""
    [core, *others] = os.sched_getaffinity(0)
    if others:
        raise BenchError("what is measured must be pinned to one core")
    return int((_ksoftirqd(core) / "schedstat").read_text().split()[0]) / 1e9


@functools.cache
def _ksoftirqd(core: int) -> Path:
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text() == f"ksoftirqd/{core}\n":
                return comm.parent
    raise BenchError(f"the core {core} has no ksoftirqd")


@functools.cache
def built(source: Path = SOURCE) -> Path:
    """An object, compiled once in this process. BenchError: with clang's complaint."""
    folder = Path(tempfile.mkdtemp(prefix="pairwall-bench-"))
    output = folder / f"{source.stem}.o"
    try:
        build.compile_object(source, output)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"{source.name} cannot be compiled: {getattr(error, 'stderr', '') or error}") from error
    return output


def _number(address: bytes) -> int:
    return int.from_bytes(address, "big")
