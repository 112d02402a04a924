"""What tests of trackers have in common."""

from __future__ import annotations

import pytest

from tests.traces import Trace


@pytest.fixture(params=[4, 6])
def trace(request: pytest.FixtureRequest) -> Trace:
    """A connection that has not begun, of either IP version; modules that need another have their own."""
    return Trace(version=request.param)
