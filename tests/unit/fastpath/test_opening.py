"""What becomes of an earlier process's programs and maps where the fast path cannot be had, or is another process's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conntrack.gateway import privileges
from conntrack.gateway.fastpath import loader, migration
from conntrack.gateway.fastpath import pins as folders
from conntrack.gateway.fastpath.errors import FastPathError
from conntrack.gateway.fastpath.opening import open_stand, unload
from tests.offload import built


@pytest.fixture
def left(pins: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a process that was killed: maps are pinned there, and nobody has them open."""
    monkeypatch.setattr(loader, "OBJECT", built())
    stand = open_stand(10, pins)
    stand.close()
    here = folders.folder(pins)
    assert (here / "flows4").exists()
    return here


def without_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "may_load_programs", lambda: False)


def without_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "OBJECT", Path("/nonexistent/pairwall.bpf.o"))


def with_a_kernel_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise FastPathError("cannot load pairwall.bpf.o", "this kernel is too old for it")

    monkeypatch.setattr(migration, "load", refused)


REASONS = [without_rights, without_object, with_a_kernel_that_refuses]


@pytest.mark.parametrize("reason", REASONS)
def test_where_it_cannot_be_had_what_an_earlier_process_left_goes(
    left: Path, monkeypatch: pytest.MonkeyPatch, reason: Callable[[pytest.MonkeyPatch], None]
) -> None:
    reason(monkeypatch)
    with pytest.raises(FastPathError):
        open_stand(10, left.parent)
    assert not left.exists()


@pytest.mark.parametrize("reason", REASONS)
def test_what_another_process_works_with_stays(
    left: Path, monkeypatch: pytest.MonkeyPatch, reason: Callable[[pytest.MonkeyPatch], None]
) -> None:
    other = folders.claimed(left)
    reason(monkeypatch)
    with pytest.raises(FastPathError):
        open_stand(10, left.parent)
    assert unload(root=left.parent) == []
    assert (left / "flows4").exists()
    assert unload(root=left.parent, living=True) == [left]
    os.close(other)


def test_a_folder_that_nobody_has_is_removed_and_nobody_elses(left: Path) -> None:
    other = left.parent / "net1"
    other.mkdir()
    assert unload(root=left.parent) == [left]
    assert unload(everywhere=True, root=left.parent) == [other]
