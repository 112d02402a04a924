"""For all tests: how hypothesis runs, and which conntrack is under test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

import conntrack.packet.reason

settings.register_profile("check", derandomize=True, deadline=None, max_examples=40, print_blob=True)
settings.register_profile("more", derandomize=True, deadline=None, max_examples=150, print_blob=True)
settings.register_profile("long", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("PAIRWALL_HYPOTHESIS", "check"))


def pytest_configure(config: pytest.Config) -> None:
    """Refuses to run when the package under test is not the one that was asked for.

    PAIRWALL_EXPECT=compiled asks for the installed, compiled package; unset asks for the sources beside tests/.
    """
    loaded = Path(conntrack.packet.reason.__file__)
    if os.environ.get("PAIRWALL_EXPECT") == "compiled":
        if loaded.suffix != ".so":
            pytest.exit(f"the compiled package was asked for, but {loaded} was imported", returncode=3)
    elif not loaded.is_relative_to(config.rootpath) or loaded.suffix != ".py":
        pytest.exit(f"the sources of {config.rootpath} were asked for, but {loaded} was imported", returncode=3)
