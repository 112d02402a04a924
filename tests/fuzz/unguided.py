"""Targets under bytes that hypothesis makes up, without guidance: where atheris cannot be installed."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.budget import Outcome, Target

#: hypothesis runs so many examples before it begins anew
BATCH = 200


def fuzz(target: Target, until: float) -> Outcome:
    """Fuzzes a target; at least one input."""
    executions, failed = 0, False

    @settings(max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=512))
    def batch(data: bytes) -> None:
        nonlocal executions, failed
        if executions and not failed and time.monotonic() >= until:
            return
        try:
            target(data)
        except Exception:
            failed = True  # from now on hypothesis seeks a smaller one, and must meet the same target
            raise
        executions += 1

    while not executions or time.monotonic() < until:
        try:
            batch()
        except Exception as found:
            told = [f"{type(found).__name__}: {found}", *getattr(found, "__notes__", [])]
            return Outcome(executions, "\n".join(told))
    return Outcome(executions, "")
