"""The loaded program, and where it is attached.

Lives here: running it for tests, attaching, replacing, detaching, pins. May not live here: loading (loader.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol


class Run(NamedTuple):
    """What came of a test run."""

    action: int  # TC_ACT_* or XDP_*
    data: bytes  # the frame afterwards
    context: bytes  # struct __sk_buff afterwards
    nanoseconds: int  # mean of one run


class Attachment(Protocol):
    """One program at one interface."""

    kind: str  # "tcx", "clsact" or "xdp"
    interface: int

    def replace(self, program: Program) -> None:
        """Swaps the program without a gap."""

    def detach(self) -> None:
        """Takes the program off; no error where the interface is gone."""


class Program:
    """A program in the kernel, by its file descriptor, which this object owns."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor = descriptor
        self.name = name

    def run(self, frame: bytes, context: bytes = b"", repeat: int = 1) -> Run:
        """BPF_PROG_TEST_RUN: judges a frame without sending it."""
        raise NotImplementedError

    def tag(self) -> str:
        """The kernel's hash of the program, 16 hexadecimal digits: equal for equal programs."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes the descriptor; attachments stay."""
        raise NotImplementedError


def attach(program: Program, interface: int, pin: Path | None = None) -> Attachment:
    """Attaches at the interface's ingress: tcx, below Linux 6.6 clsact. With `pin` a tcx link outlives the process."""
    raise NotImplementedError


def adopt(pin: Path) -> Attachment:
    """The attachment behind a pin, left by an earlier process. FileNotFoundError: no such pin."""
    raise NotImplementedError
