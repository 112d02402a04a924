"""Compiling the program."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from conntrack.gateway.fastpath import build

needs_clang = pytest.mark.skipif(bool(build.missing()), reason=f"not installed: {build.missing()}")


@needs_clang
def test_two_folders_give_the_same_object(tmp_path: Path) -> None:
    elsewhere = tmp_path / "a/longer/way/to/bpf"
    shutil.copytree(build.SOURCES, elsewhere)
    objects = [tmp_path / "here.o", tmp_path / "there.o"]
    for output, sources in zip(objects, (build.SOURCES, elsewhere), strict=True):
        build.build(output, sources)
    here, there = (hashlib.sha256(path.read_bytes()).hexdigest() for path in objects)
    assert here == there


@needs_clang
def test_no_path_of_this_machine_is_in_the_object(tmp_path: Path) -> None:
    build.build(tmp_path / "made.o")
    raw = (tmp_path / "made.o").read_bytes()
    assert str(tmp_path).encode() not in raw
    assert str(build.SOURCES).encode() not in raw


@needs_clang
def test_a_struct_that_differs_from_pythons_does_not_compile(tmp_path: Path) -> None:
    sources = tmp_path / "bpf"
    shutil.copytree(build.SOURCES, sources)
    maps = sources / "maps.h"
    maps.write_text(maps.read_text().replace("__u16 outbound, inbound;", "__u16 inbound, outbound;"))
    with pytest.raises(subprocess.CalledProcessError) as caught:
        build.build(tmp_path / "made.o", sources)
    assert "flow.outbound" in caught.value.stderr


def test_what_is_missing_is_named_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    assert build.missing().startswith("clang, llvm")
