from __future__ import annotations

import json
from pathlib import Path

import pytest

from conntrack.policy.document_settings import Settings
from conntrack.policy.load import load_text
from conntrack.service.record import FILE, keep
from conntrack.service.settings import unchangeable


def test_the_record_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert keep(folder, {"hash": "c0ffee"})
    assert keep(folder, {"hash": "decaf"})
    assert json.loads((folder / FILE).read_text()) == {"hash": "decaf"}
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_without_a_folder_there_is_no_record() -> None:
    assert keep(None, {"hash": "c0ffee"})


def test_a_full_disk_leaves_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The new file is a link to /dev/full, where every write ends in ENOSPC."""
    assert keep(tmp_path, {"hash": "c0ffee"})
    (tmp_path / (FILE + ".new")).symlink_to("/dev/full")
    assert not keep(tmp_path, {"hash": "decaf"})
    assert json.loads((tmp_path / FILE).read_text()) == {"hash": "c0ffee"}
    assert "No space left on device" in caplog.text


def settings(text: str) -> Settings:
    document = load_text(f"version: 1\nzones: {{wan: {{interfaces: [eth0]}}}}\nsettings: {{{text}}}", "rules.yaml")
    return document.settings


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("queue: {number: 1}", "queue: number"),
        ("queue: {length: 100}", "queue: length"),
        ("queue: {backend: netlink}", "queue: backend"),
        ("log: {format: json}", "log: format"),
        ("on-failure: bypass", "on-failure"),
    ],
)
def test_settings_that_wait_for_a_restart(text: str, word: str) -> None:
    (complaint,) = unchangeable(settings(""), settings(text))
    assert word in complaint
    assert "restart" in complaint


def test_other_settings_change_at_once() -> None:
    before, after = settings("fastpath: off"), settings("fastpath: off, connections: 1000, loose: false")
    assert list(unchangeable(before, after)) == []


def test_room_in_the_fast_path_waits_for_a_restart() -> None:
    (complaint,) = unchangeable(settings("fastpath: tc"), settings("fastpath: tc, connections: 1000"))
    assert "connections" in complaint
    assert "restart" in complaint
