from __future__ import annotations

import pytest

from tests.bench.figure import BenchError
from tests.bench.webserver import rate

REPORT = """\
Running 2s test @ http://198.51.100.2/
  1 threads and 32 connections
  26107 requests in 2.10s, 4.13MB read
{errors}Requests/sec:  12430.61
Transfer/sec:      1.97MB
"""


def test_the_rate_is_read_from_the_report() -> None:
    assert rate(REPORT.format(errors="")) == 12430.61


def test_a_few_failures_are_tolerated() -> None:
    assert rate(REPORT.format(errors="  Socket errors: connect 0, read 3, write 0, timeout 2\n")) == 12430.61


@pytest.mark.parametrize(
    "errors",
    ["  Socket errors: connect 9, read 9, write 0, timeout 9\n", "  Non-2xx or 3xx responses: 26107\n"],
)
def test_more_failures_than_that_are_no_rate(errors: str) -> None:
    with pytest.raises(BenchError, match="failures in 26107 exchanges"):
        rate(REPORT.format(errors=errors))


def test_a_report_without_a_rate_is_told() -> None:
    with pytest.raises(BenchError, match="unable to connect"):
        rate("unable to connect to 198.51.100.2:80 Connection refused\n")
