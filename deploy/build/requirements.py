"""Prints requirements that pyproject.toml lists, one a line: `build`, `run`, or the name of an optional group.

So that pip can install them before, and apart from, the package itself, which takes a minute to compile.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(group: str) -> list[str]:
    """The requirements of one group. KeyError: pyproject.toml has no such group."""
    document = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    if group == "build":
        return list(document["build-system"]["requires"])
    if group == "run":
        return list(document["project"]["dependencies"])
    return list(document["project"]["optional-dependencies"][group])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print("\n".join(requirements(name)))
