from __future__ import annotations

from pathlib import Path

import pytest

from conntrack.gateway.privileges import PrivilegeError, effective, may_load_programs, require


@pytest.fixture
def status(tmp_path: Path) -> Path:
    path = tmp_path / "status"
    path.write_text("Name:\tpairwall\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000001000\n")
    return path


def test_net_admin_alone_is_enough(status: Path) -> None:
    assert effective(status) == 1 << 12
    require(status)


@pytest.mark.parametrize("mask", ["0000000000000000", "000001ffffffefff"])
def test_without_it_the_remedy_is_named(status: Path, mask: str) -> None:
    status.write_text(f"CapPrm:\t0000000000001000\nCapEff:\t{mask}\n")
    with pytest.raises(PrivilegeError, match=r"CAP_NET_ADMIN is missing.*start as root.*AmbientCapabilities"):
        require(status)


def test_a_file_without_the_line_gives_none(status: Path) -> None:
    status.write_text("Name:\tpairwall\n")
    assert effective(status) == 0


@pytest.mark.parametrize(
    ("mask", "answer"),
    [
        ("000001ffffffffff", True),  # root
        ("0000000000001000", False),  # the unit as it is
        ("000000c000001000", True),  # with systemd/pairwall.service.d/fastpath.conf
        ("0000008000001000", False),  # CAP_BPF alone
        ("0000000000201000", True),  # CAP_SYS_ADMIN, before Linux 5.8
    ],
)
def test_programs_take_two_capabilities_or_the_one_for_everything(status: Path, mask: str, answer: bool) -> None:
    status.write_text(f"CapEff:\t{mask}\n")
    assert may_load_programs(status) is answer
