"""Lines of /proc/net/netfilter/nfnetlink_queue."""

from __future__ import annotations

from pathlib import Path

from conntrack.gateway.queue.stats import Stats, parse, read

TEXT = """\
    0  16931  8128 2 65531 254821     0    53184  1
    7  17033   352 2 65531     3 463897   546144  1
65535 -120451     0 0     0     0     0        0  1
"""


def test_a_queue_is_found_by_its_number() -> None:
    assert parse(TEXT, 0) == Stats(0, 16931, 8128, 254821, 0, 53184)
    assert parse(TEXT, 7) == Stats(7, 17033, 352, 3, 463897, 546144)
    assert parse(TEXT, 65535) == Stats(65535, -120451, 0, 0, 0, 0)


def test_a_queue_that_nobody_has_bound() -> None:
    assert parse(TEXT, 1) is None
    assert parse("", 0) is None


def test_a_kernel_without_queues(tmp_path: Path) -> None:
    assert read(0, tmp_path / "nfnetlink_queue") is None


def test_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "nfnetlink_queue"
    path.write_text(TEXT)
    found = read(7, path)
    assert found is not None
    assert (found.depth, found.kernel_dropped, found.user_dropped) == (352, 3, 463897)
