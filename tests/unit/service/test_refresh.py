from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from conntrack.policy.compile import compile_policy
from conntrack.policy.load import load_text
from conntrack.policy.policy import Policy
from conntrack.service.configuration import Configuration
from conntrack.service.refresh import Refresher

INSIDE, OUTSIDE = bytes((198, 51, 100, 9)), bytes((192, 0, 2, 1))


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "bad.txt").write_text("198.51.100.0/24\n")
    text = """
version: 1
zones: {wan: {interfaces: [eth0]}}
sets:
  bad: {file: bad.txt, refresh: 10m}
  fixed: {members: [192.0.2.1]}
  still: {file: bad.txt}
policy:
  wan -> self: [{drop: any, source: [bad, fixed, still]}]
"""
    document = load_text(text, str(tmp_path / "rules.yaml"), tmp_path)
    return compile_policy(document, lambda _: pytest.fail("no schedule here"))


def refresher(policy: Policy) -> tuple[Refresher, Configuration]:
    configuration = Configuration(Path("rules.yaml"))
    return Refresher(lambda: policy, configuration), configuration


def test_a_set_is_due_when_its_time_has_come(policy: Policy) -> None:
    looking, _ = refresher(policy)
    assert looking.due(1000.0) == []  # read just now, with the rules
    assert looking.due(1599.0) == []
    assert [one.name for one in looking.due(1600.0)] == ["bad"]
    assert looking.due(1601.0) == []
    assert [one.name for one in looking.due(2200.0)] == ["bad"]


def test_new_members_are_swapped_in(policy: Policy, tmp_path: Path) -> None:
    looking, configuration = refresher(policy)
    asyncio.run(looking.look(1000.0))
    (tmp_path / "bad.txt").write_text("192.0.2.0/24 # another one\n")
    assert policy.sets["bad"].contains(INSIDE)
    asyncio.run(looking.look(1600.0))
    assert policy.sets["bad"].contains(OUTSIDE)
    assert not policy.sets["bad"].contains(INSIDE)
    assert policy.sets["still"].contains(INSIDE)  # without `refresh:` only on reload
    assert policy.sets["bad"].refreshed > 1.7e9
    assert configuration.set_failures == {}


@pytest.mark.parametrize("content", [None, b"198.51.100.0/99\n", b"\xff\xfe"])
def test_on_any_error_the_old_members_stay(
    content: bytes | None, policy: Policy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    looking, configuration = refresher(policy)
    asyncio.run(looking.look(1000.0))
    if content is None:
        (tmp_path / "bad.txt").unlink()
    else:
        (tmp_path / "bad.txt").write_bytes(content)
    asyncio.run(looking.look(1600.0))
    assert policy.sets["bad"].contains(INSIDE)
    assert configuration.set_failures == {"bad": 1}
    assert "set bad not refreshed, the old members stay" in caplog.text
    assert list(configuration.set_failure_rows()) == [(("bad",), 1)]


def test_a_failed_set_is_tried_again(policy: Policy, tmp_path: Path) -> None:
    looking, configuration = refresher(policy)
    looking.due(1000.0)
    (tmp_path / "bad.txt").unlink()
    asyncio.run(looking.look(1600.0))
    (tmp_path / "bad.txt").write_text("192.0.2.0/24\n")
    asyncio.run(looking.look(2200.0))
    assert policy.sets["bad"].contains(OUTSIDE)
    assert configuration.set_failures == {"bad": 1}
