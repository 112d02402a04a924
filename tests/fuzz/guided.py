"""Targets under atheris, libFuzzer's coverage guidance for Python.

Lives here: the package imported with its instrumentation, and one target fuzzed in a process of its own, since
libFuzzer ends it. That is a fork: importing the instrumented package takes seconds, and is done once for all targets.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from mmap import mmap
from pathlib import Path

import atheris  # type: ignore[import-not-found, unused-ignore]

from tests.fuzz.budget import Outcome, Target

#: libFuzzer's own limits: of an input's length, of one execution in seconds, of memory in MiB
LIMITS = ("-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", "-verbosity=1")
_COUNT = struct.Struct("=Q")


@contextmanager
def instrumented() -> Iterator[None]:
    """Whatever of the package is imported within is instrumented; that it is, nobody need read for every module."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere), atheris.instrument_imports(include=["conntrack"]):
        yield


def fuzz(target: Target, folder: Path, until: float) -> Outcome:
    """Fuzzes a target, beginning with the corpus in the folder, where findings are kept too."""
    sys.stdout.flush()
    with mmap(-1, _COUNT.size) as shared, (folder.parent / f"{folder.name}.log").open("w+b") as log:
        child = os.fork()
        if not child:
            _child(target, folder, until, shared, log.fileno())
        _, status = os.waitpid(child, 0)
        (executions,) = _COUNT.unpack_from(shared)
        if not status:
            return Outcome(executions, "")
        log.seek(0)
        said = log.read().decode(errors="replace")
    return Outcome(executions, said[-8000:] or f"ended with status {status}")


def _child(target: Target, folder: Path, until: float, shared: mmap, log: int) -> None:
    """The process that libFuzzer runs in. Never returns: nothing of the parent's may run here, too."""
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        executions = 0

        def once(data: bytes) -> None:
            nonlocal executions
            target(data)
            executions += 1
            _COUNT.pack_into(shared, 0, executions)
            if time.monotonic() >= until:
                os._exit(0)

        atheris.Setup(["fuzz", *LIMITS, f"-artifact_prefix={folder}/found-", str(folder)], once)
        atheris.Fuzz()
    finally:
        ctypes.CDLL(None).exit(1)  # not os._exit: on its way out libFuzzer writes down the input that was found
