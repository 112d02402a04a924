"""Where tests of the fast path pin."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.offload import why_not


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    """A BPF file system of our own."""
    if why_not():
        pytest.skip(why_not())
    subprocess.run(["mount", "-t", "bpf", "bpf", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)
