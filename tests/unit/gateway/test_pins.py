"""The folder of pins, as far as it needs no BPF file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from conntrack.gateway.fastpath import pins
from conntrack.gateway.fastpath.errors import FastPathError


def test_links_are_told_from_maps_by_their_number(tmp_path: Path) -> None:
    for name in ("link2", "link17", "links", "flows4", "tcp"):
        (tmp_path / name).touch()
    assert list(pins.links(tmp_path)) == [(17, tmp_path / "link17"), (2, tmp_path / "link2")]
    assert list(pins.links(tmp_path / "missing")) == []


def test_a_folder_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    here = tmp_path / "net1"
    here.mkdir()
    (here / "flows4").touch()
    pins.remove(here)
    assert not here.exists()
    pins.remove(here)  # a second time there is nothing to do


def test_a_folder_that_is_no_bpf_file_system_holds_no_pins(tmp_path: Path) -> None:
    (tmp_path / "net1").mkdir()
    assert not pins.mounted(tmp_path)
    assert pins.folders(tmp_path) == []


def test_somebody_elses_folders_are_not_taken_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net1").mkdir()
    monkeypatch.setattr(pins, "mounted", lambda root: True)
    assert pins.folders(tmp_path) == [tmp_path / "net1"]

    def refused(root: Path) -> None:
        raise PermissionError(13, "Permission denied", str(root))

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(PermissionError):
        pins.folders(tmp_path)


def test_a_namespace_has_one_number() -> None:
    assert pins.namespace() == pins.namespace() > 0


def test_where_nothing_can_be_mounted_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(root: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(pins, "_mount", refused)
    with pytest.raises(FastPathError, match=r"Operation not permitted.*mount -t bpf bpf"):
        pins.folder(tmp_path)
