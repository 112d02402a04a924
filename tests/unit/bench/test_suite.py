from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import __main__ as command
from tests.bench import options, suite
from tests.bench.figure import BenchError, Figure
from tests.bench.suite import Measurement

NEEDED = [
    "slowpath_pps_ratio",
    "newconn_tcp_ratio",
    "newconn_udp_ratio",
    "memory_bytes_per_connection",
    "table_growth",
    "rules_growth",
    "ready_seconds",
    "fastpath_cost_ratio",
    "fastpath_bulk_ratio",
    "fastpath_p99_ratio",
    "fastpath_growth",
    "flow_install_us",
    "ageing_100k_ms",
    "ageing_pause_ms",
    "xdp_cost_ratio",
]


def fails(_: options.Options) -> list[Figure]:
    raise BenchError("needs two cores")


def works(_: options.Options) -> list[Figure]:
    return [Figure("good", 0.75, 0.7, 0.8, "ratio", "itself")]


def test_every_promised_figure_is_measured_once() -> None:
    names = suite.names()
    assert set(NEEDED) <= set(names)
    assert len(names) == len(set(names))


def test_a_name_chooses_its_measurement_and_no_other() -> None:
    assert [measurement.names[0] for measurement in suite.named(["slowpath_tcp_pps_ratio"])] == ["slowpath_pps_ratio"]
    assert len(suite.named([])) == len(suite.ALL)
    with pytest.raises(KeyError, match="fast"):
        suite.named(["fast"])


def test_what_fails_is_told_and_the_rest_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = [Measurement(("bad",), fails), Measurement(("good",), works)]
    figures, failures = command.run(chosen, options.QUICK)
    assert failures == {"bad": "needs two cores"}
    command.write(tmp_path / "build" / "bench.json", figures, failures)
    assert json.loads((tmp_path / "build" / "bench.json").read_text()) == {
        "bad": {"value": None, "failed": "needs two cores"},
        "good": {"value": 0.75, "low": 0.7, "high": 0.8, "unit": "ratio", "against": "itself"},
    }
    printed = capsys.readouterr().out.splitlines()
    assert "FAILED: needs two cores" in printed[0]
    assert printed[1].split() == ["good", "0.75", "0.7–0.8", "itself"]
