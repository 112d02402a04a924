"""The files for an administrator: they name what exists, and agree with the program."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
from pathlib import Path

from conntrack.cli.main import COMMANDS
from conntrack.gateway.fastpath import pins
from conntrack.gateway.tunnel import device
from conntrack.service.exits import BAD_CONFIGURATION, USAGE
from conntrack.service.protocol import DEFAULT_SOCKET

ROOT = Path(__file__).parents[3]


def unit() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(ROOT / "systemd/pairwall.service")
    return parser["Service"]


def test_unit_starts_a_command_that_exists() -> None:
    program, command, option, rules = unit()["ExecStart"].split()
    assert (program, option, rules) == ("/opt/pairwall/bin/pairwall", "--rules", "/etc/pairwall/rules.yaml")
    assert command in COMMANDS


def test_unit_gives_one_capability_and_no_way_to_more() -> None:
    service = unit()
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == "CAP_NET_ADMIN"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"


def test_the_drop_in_adds_what_the_fast_path_needs_and_nothing_else() -> None:
    lines = (ROOT / "systemd/pairwall.service.d/fastpath.conf").read_text().splitlines()
    settings = [line.split("=", 1) for line in lines if line and not line.startswith(("#", "["))]
    assert [name for name, _ in settings] == [
        "CapabilityBoundingSet",
        "AmbientCapabilities",
        "SystemCallFilter",
        "ExecStartPre",
    ]
    values = dict(settings)
    assert values["CapabilityBoundingSet"] == values["AmbientCapabilities"] == "CAP_BPF CAP_PERFMON"
    assert values["SystemCallFilter"] == "bpf"
    assert values["ExecStartPre"].count(str(pins.ROOT)) == 4


def test_the_other_drop_in_gives_one_device_and_no_other() -> None:
    lines = (ROOT / "systemd/pairwall.service.d/nat64.conf").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith(("#", "[")))
    assert settings == {"PrivateDevices": "no", "DevicePolicy": "closed", "DeviceAllow": f"{device.FILE} rw"}


def test_unit_does_not_restart_what_a_restart_cannot_help() -> None:
    assert unit()["RestartPreventExitStatus"].split() == [str(USAGE), str(BAD_CONFIGURATION)]


def test_unit_makes_the_folder_of_the_control_socket() -> None:
    assert str(Path(DEFAULT_SOCKET).parent) == "/run/" + unit()["RuntimeDirectory"]


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """The program is not installed where the unit looks for it, so a file in its place stands in."""
    text = (ROOT / "systemd/pairwall.service").read_text().replace("/opt/pairwall/bin/pairwall", "/bin/true")
    copy = tmp_path / "pairwall.service"
    copy.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "pairwall" in line] == []
    assert done.returncode == 0


def test_sysctls_are_those_that_the_daemon_asks_for() -> None:
    set_here = set(re.findall(r"^(net\.\S+) = 1$", (ROOT / "deploy/sysctl.conf").read_text(), re.MULTILINE))
    assert set_here == {"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"}


def test_install_names_files_that_exist() -> None:
    script = (ROOT / "deploy/install.sh").read_text()
    sources = re.findall(r'^    "(\S+) +/etc/\S+"$', script, re.MULTILINE)
    assert len(sources) == 7
    assert all((ROOT / source).is_file() for source in sources)


def test_removal_leaves_the_rules_and_what_the_administrator_added(tmp_path: Path) -> None:
    script = ROOT / "deploy/install.sh"
    places = re.findall(r'^    "\S+ +(/etc/\S+)"$', script.read_text(), re.MULTILINE)
    drop_in = "/etc/systemd/system/pairwall.service.d/mine.conf"

    def removed(*added: str) -> list[str]:
        for place in (*places, "/etc/pairwall/rules.yaml", "/opt/pairwall/bin/pairwall", *added):
            (tmp_path / place[1:]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place[1:]).touch()
        subprocess.run(["bash", script, "remove"], check=True, env=os.environ | {"DESTDIR": str(tmp_path)})
        return sorted(f"/{one.relative_to(tmp_path)}" for one in tmp_path.rglob("pairwall*/**/*") if one.is_file())

    assert removed() == ["/etc/pairwall/rules.yaml"]
    assert not (tmp_path / drop_in[1:]).parent.exists()
    assert removed(drop_in) == ["/etc/pairwall/rules.yaml", drop_in]


def test_removal_takes_the_fast_path_out_of_the_kernel_while_the_command_is_there() -> None:
    removal = (ROOT / "deploy/install.sh").read_text().partition("remove() {")[2]
    assert "unload" in COMMANDS
    steps = ["systemctl disable --now", '"$prefix/bin/pairwall" unload', f"umount {pins.ROOT}", 'rm -rf "$root$prefix"']
    assert sorted(steps, key=removal.index) == steps


def test_shell_scripts_parse() -> None:
    scripts = [*(ROOT / "deploy").rglob("*.sh")]
    assert len(scripts) == 2
    for script in scripts:
        assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
