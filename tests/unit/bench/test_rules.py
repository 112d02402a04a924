from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import engines, rules
from tests.bench.rules_growth import FEW, PROBES, decision, loaded


@pytest.mark.parametrize("count", [10, 1000])
def test_a_file_has_as_many_rules_as_it_says(count: int, tmp_path: Path) -> None:
    policy = engines.policy(rules.many(count, tmp_path), tmp_path)
    written = [rule for rule in policy.rules if rule.pair == "lan -> wan" and rule.line]
    assert len(written) == count
    assert len({rule.name for rule in written}) == count


def test_a_set_file_has_as_many_networks_as_it_says(tmp_path: Path) -> None:
    rules.many(10, tmp_path, 20_000)
    lines = (tmp_path / "blocklist.txt").read_text().split()
    assert len(lines) == len(set(lines)) == 20_000


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_is_decided_by_the_last_rule(probe: str) -> None:
    policy = loaded(FEW)
    decision(policy, probe)
    assert [rule.name for rule in policy.rules if rule.hits] == ["rest"]
