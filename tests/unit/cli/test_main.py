from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import conntrack
from conntrack import __version__
from conntrack.cli import main as mains
from conntrack.cli.main import COMMANDS, SHELLS, build, main, module_of, wanted
from conntrack.service.exits import OK, USAGE
from tests.unit.cli.conftest import Run

#: none of these belongs into a client
HEAVY = ("pydantic", "yaml", "pyroute2", "prometheus_client", "asyncio", "rich", "shtab", "ipaddress", "logging")


def python(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Another interpreter, with the package under test."""
    environment = {**os.environ, "PYTHONPATH": str(Path(conntrack.__file__).parents[1]), **more}
    command = [sys.executable, "-P", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_every_command_has_a_module_with_configure_and_run() -> None:
    for command in COMMANDS:
        module = module_of(command)
        assert callable(module.configure)
        assert callable(module.run)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, run: Run) -> None:
    ran = run(command, "--help")
    assert ran.code == OK
    assert ran.out.startswith(f"usage: pairwall {command}")
    assert ran.err == ""


def test_help_lists_the_commands_and_exit_codes(run: Run) -> None:
    out = run("--help").out
    assert all(f"    {command} " in out for command in COMMANDS)
    assert "69 no daemon answers, 78 bad rules file" in out


def test_version(run: Run) -> None:
    assert run("--version").out == f"pairwall {__version__}\n"


def test_no_command_and_no_such_command(run: Run) -> None:
    assert run().code == USAGE
    ran = run("flow")
    assert ran.code == USAGE
    assert "invalid choice: 'flow'" in ran.err


def test_only_the_command_that_is_meant_is_imported() -> None:
    assert wanted(["--control", "x"]) == "x"
    assert wanted(["flows", "list"]) == "flows"
    assert wanted(["-h"]) is None
    listed = python("-c", "import sys; from conntrack.cli.main import build; build('nat'); print(*sorted(sys.modules))")
    modules = listed.stdout.split()
    assert "conntrack.cli.nat" in modules
    assert not {f"conntrack.cli.{name}" for name in COMMANDS if name != "nat"} & set(modules)


@pytest.mark.parametrize(
    "words", [["flows", "list"], ["status"], ["rules"], ["nat"], ["sets"], ["stats"], ["explain", "x"]]
)
def test_a_client_imports_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    script = (
        "import sys; from conntrack.cli.main import main; "
        f"code = main({[*words, '--control', str(tmp_path / 'none')]!r}); print(code, *sys.modules)"
    )
    code, *modules = python("-c", script).stdout.split()
    assert code == "69"
    tops = {module.partition(".")[0] for module in modules}
    assert not tops & set(HEAVY)


def test_a_client_starts_fast(tmp_path: Path) -> None:
    """60 ms where the bare interpreter takes 11: counted in its processor time, for the machine may be busy."""

    def spent(*words: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        python(*words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    client = ("-m", "conntrack.cli.main", "flows", "list", "--control", str(tmp_path / "none"))
    assert python(*client).returncode == 69
    pairs = [(spent(*client), spent("-c", "pass")) for _ in range(5)]
    assert min(one for one, _ in pairs) < 5.5 * min(alone for _, alone in pairs), pairs


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(shell: str, run: Run) -> None:
    ran = run("--print-completion", shell)
    assert ran.code == OK
    assert "pairwall" in ran.out
    assert all(command in ran.out for command in COMMANDS)
    assert "destination-port" in ran.out or shell == "tcsh"


def test_bash_can_read_its_completion(run: Run) -> None:
    script = run("--print-completion", "bash").out
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_a_reader_that_has_seen_enough() -> None:
    """`pairwall schema | head -1` ends without a traceback."""
    command = f"{sys.executable} -P -m conntrack.cli.main schema | head -1"
    environment = {**os.environ, "PYTHONPATH": str(Path(conntrack.__file__).parents[1])}
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=environment, check=False
    )
    assert (ran.stdout, ran.stderr) == ("{\n", "")


def test_an_operating_system_error_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = run("replay", tmp_path / "none.pcap", "--rules", rules(tmp_path))
    assert (ran.code, ran.err) == (1, f"pairwall: {tmp_path}/none.pcap: No such file or directory\n")


def test_an_interrupt_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Module:
        @staticmethod
        def run(_: object) -> int:
            raise KeyboardInterrupt

    monkeypatch.setattr(mains, "module_of", lambda _: Module)
    monkeypatch.setattr(mains, "build", lambda *_: build(None))
    assert main(["status"]) == 130


def rules(folder: Path) -> Path:
    path = folder / "rules.yaml"
    path.write_text("version: 1\nzones: {wan: {interfaces: [eth0]}}\npolicy: {wan -> self: drop}\n")
    return path
