"""Running programs, with shell scripts in place of nft."""

from __future__ import annotations

from pathlib import Path

import pytest

from conntrack.gateway.hooks.tools import HookError, Missing, complaint, path_of, run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_input_words_and_output(folder: Path) -> None:
    program(folder, "probe-tool", 'read line; echo "$1 $line $LC_ALL"')
    assert run("probe-tool", "-f", text="rules\n") == "-f rules C\n"


def test_a_failure_is_told_by_the_tool_s_own_words(folder: Path) -> None:
    program(folder, "probe-tool", 'echo "Error: no such file" >&2; echo "queue num 3" >&2; echo "^^^^" >&2; exit 1')
    with pytest.raises(HookError, match="probe-tool: Error: no such file; queue num 3"):
        run("probe-tool")


def test_a_missing_program_is_named(folder: Path) -> None:
    with pytest.raises(Missing, match="no-such-tool is not installed"):
        run("no-such-tool")


def test_system_folders_are_looked_into_whatever_path_says(folder: Path) -> None:
    assert path_of("sh") in ("/usr/bin/sh", "/bin/sh")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "failed without saying why"),
        ("# Warning: tables present\nTry `iptables -h'\n", "failed without saying why"),
        ("line 3 failed\n  \n", "line 3 failed"),
    ],
)
def test_only_telling_lines_are_kept(text: str, line: str) -> None:
    assert complaint(text) == line
