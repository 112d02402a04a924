"""For tests of rules files: the zones that most of them need."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import pytest

from conntrack.policy.document import Document
from conntrack.policy.load import load_text
from conntrack.policy.problems import PolicyError

HEAD = """\
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.1.0/24, fd00:1::/64]}
  guest: {interfaces: [eth2], networks: [192.168.2.0/24]}
"""


@pytest.fixture
def rules() -> Callable[[str], Document]:
    """A document of three zones and the sections given; the first line of these is line 6."""
    return lambda text: load_text(HEAD + dedent(text), "rules.yaml")


@pytest.fixture
def told() -> Callable[[str], list[str]]:
    """What is wrong with the same: "line:column message" of each problem."""

    def problems(text: str) -> list[str]:
        with pytest.raises(PolicyError) as caught:
            load_text(HEAD + dedent(text), "rules.yaml")
        return [f"{p.position.line}:{p.position.column} {p.message}" for p in caught.value.problems]

    return problems
