"""bpf(2) itself, and what its errors say to people."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from conntrack.gateway.fastpath import syscalls
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.kernelmap import KernelMap


def test_a_refusal_names_the_capabilities() -> None:
    error = syscalls.failure("load it", errno.EPERM)
    assert str(error).startswith("cannot load it (Operation not permitted): give the daemon CAP_BPF")
    assert error.errno == errno.EPERM


def test_an_error_without_a_remedy_is_still_a_sentence() -> None:
    assert str(syscalls.failure("read it", errno.EIO)) == "cannot read it (Input/output error)"


def test_a_descriptor_that_is_no_map() -> None:
    with open("/dev/null", "rb") as file, pytest.raises(FastPathError):
        KernelMap(file.fileno())


def test_a_failed_call_returns_its_errno() -> None:
    assert syscalls.call(9999, syscalls.block(syscalls.INFO, 0, 0, 0)) in (-errno.EINVAL, -errno.EPERM)


def test_an_unknown_machine_is_one_without_bpf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls, "_number", 0)
    assert syscalls.call(0, syscalls.block(syscalls.INFO, 0, 0, 0)) == -errno.ENOSYS


def test_nothing_is_pinned_there(tmp_path: Path) -> None:
    with pytest.raises((FileNotFoundError, FastPathError)):
        syscalls.pinned(tmp_path / "none")
