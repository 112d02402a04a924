"""One target under atheris, libFuzzer's coverage guidance for Python: `python -m tests.fuzz.guided NAME OPTION…`.

A process of its own, because atheris ends it. Exit code 0: the time was up and nothing was found.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found, unused-ignore]

with atheris.instrument_imports(include=["conntrack"]):
    from tests.fuzz.targets import targets


def main() -> None:
    """Fuzzes the named target until libFuzzer's options say stop."""
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, targets()[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
