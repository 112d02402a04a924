from __future__ import annotations

from pathlib import Path

import pytest

from conntrack.gateway.privileges import PrivilegeError, effective, require


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
