"""`pairwall unload`, told what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from conntrack.cli.main import main
from conntrack.gateway.fastpath import opening
from conntrack.service.exits import FAILED, OK


def test_it_says_what_it_removed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[bool, bool]] = []

    def unload(everywhere: bool = False, living: bool = False) -> list[Path]:
        asked.append((everywhere, living))
        return [Path("/run/pairwall/bpf/net1")] if everywhere else []

    monkeypatch.setattr(opening, "unload", unload)
    assert main(["unload", "--all"]) == OK
    assert capsys.readouterr().out == "removed /run/pairwall/bpf/net1\n"
    assert main(["unload"]) == OK
    assert capsys.readouterr().out == "there was nothing to remove\n"
    assert asked == [(True, True), (False, True)]


def test_who_may_not_look_is_not_told_that_there_is_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unload(everywhere: bool = False, living: bool = False) -> list[Path]:
        raise PermissionError(13, "Permission denied", "/run/pairwall/bpf")

    monkeypatch.setattr(opening, "unload", unload)
    assert main(["unload"]) == FAILED
    said = capsys.readouterr()
    assert said.out == ""
    assert "/run/pairwall/bpf: Permission denied" in said.err
    assert "root" in said.err
