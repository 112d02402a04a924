"""Compiles the program: C to a BPF object, the same bytes from the same sources wherever they lie.

Lives here: the compiler's options. May not live here: anything that a running gateway needs; the wheel's build hook and
the tests call this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from conntrack.gateway.fastpath import header

SOURCES: Final = Path(__file__).with_name("bpf")
_NEEDED: Final = {"clang": "clang", "llvm-strip": "llvm"}
_HEADERS: Final = {"/usr/include/bpf/bpf_helpers.h": "libbpf-dev", "/usr/include/linux/bpf.h": "linux-libc-dev"}


def missing() -> str:
    """What the compilation needs and this machine lacks; "" if nothing."""
    lacking = [package for tool, package in _NEEDED.items() if shutil.which(tool) is None]
    lacking += [package for path, package in _HEADERS.items() if not Path(path).exists()]
    return ", ".join(lacking)


def build(output: Path, sources: Path = SOURCES) -> None:
    """Compiles `sources`/pairwall.bpf.c to the file `output`. subprocess.CalledProcessError: with clang's complaint."""
    with tempfile.TemporaryDirectory() as folder:
        header.write(Path(folder))
        compile_object(sources / "pairwall.bpf.c", output, f"-I{folder}", f"-ffile-prefix-map={folder}=.")


def compile_object(source: Path, output: Path, *options: str) -> None:
    """Compiles one file of C to a BPF object. subprocess.CalledProcessError: with clang's complaint."""
    command = [
        "clang",
        *("-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"),
        *(f"-I/usr/include/{os.uname().machine}-linux-gnu", *options),
        *("-ffile-compilation-dir=.", f"-ffile-prefix-map={source.parent}=."),
        *("-c", str(source), "-o", str(output)),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    subprocess.run(["llvm-strip", "-g", str(output)], check=True, capture_output=True, text=True)
