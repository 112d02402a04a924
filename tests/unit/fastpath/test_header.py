"""The C header made from Python's tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conntrack.gateway.fastpath import layout, punts
from conntrack.gateway.fastpath.header import CLOSE, KEEP, LEAVE, action, header, write
from conntrack.packet.header import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG


@pytest.mark.parametrize("original", [True, False])
@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (ACK, KEEP),
        (ACK | PSH, KEEP),
        (ACK | URG, KEEP),
        (ACK | ECE | CWR, KEEP),
        (FIN | ACK, CLOSE),
        (FIN | ACK | PSH, CLOSE),
        (RST, CLOSE),
        (RST | ACK, CLOSE),
        (SYN, LEAVE),
        (SYN | ACK, LEAVE),
        (FIN, LEAVE),
        (0, LEAVE),
        (SYN | FIN, LEAVE),
        (0xFF, LEAVE),
    ],
)
def test_only_what_keeps_a_connection_established_is_kept(original: bool, flags: int, wanted: int) -> None:
    assert action(original, flags) == wanted


def test_every_set_of_flags_has_an_action() -> None:
    table = re.search(r"tcp_actions\[2\]\[256\] = \{(.*?)\};", header(), re.DOTALL)
    assert table is not None
    numbers = [int(digit) for digit in re.findall(r"\d", table[1])]
    assert numbers == [action(original, flags) for original in (True, False) for flags in range(256)]


def test_every_punt_has_a_name_in_c() -> None:
    for number, (name, meaning) in punts.PUNTS.items():
        assert f"#define PUNT_{name.upper().replace('-', '_')} {number}\n" in header()
        assert meaning
    assert max(punts.PUNTS) < punts.SLOTS


def test_every_field_has_its_place_asserted() -> None:
    places = dict(re.findall(r"offsetof\(struct tcp_state, ([^)]+)\) == (\d+)", header()))
    assert places["owner"] == "4"
    assert places["window[1].maxack"] == "36"
    assert places["control"] == str(layout.TCP_STATE.size - 3)
    named = [name for name, _ in layout.TCP_FIELDS if name]
    assert sorted(places) == sorted(named)


def test_the_header_is_written_where_the_compiler_looks(tmp_path: Path) -> None:
    assert write(tmp_path) == tmp_path / "tables.h"
    assert (tmp_path / "tables.h").read_text() == header()
