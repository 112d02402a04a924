"""Hatchling build hook: compiles the hot modules with mypyc, and the fast path's program with clang, into the wheel.

Lives here: which files are compiled (the `compile` patterns of pyproject.toml), where, and how the results enter
the wheel. May not live here: anything that the installed package needs at run time.
The sources are copied to build/mypyc first, so that no shared object ever lands in the source tree, where it would
shadow the module that is being edited.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution  # before mypyc, which looks whether setuptools has been imported

#: set to 1 in the environment for a wheel without compiled modules
PURE_VARIABLE = "PAIRWALL_PURE"
#: where the fast path's program goes in the wheel
PROGRAM = "conntrack/gateway/fastpath/bpf/pairwall.bpf.o"


class MypycBuildHook(BuildHookInterface[Any]):
    """Adds compiled modules to a wheel; leaves it pure, and says so, where they are not wanted or cannot be built."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it packs. FileNotFoundError: a pattern of `compile` matches no file."""
        if version == "editable":
            return
        self._add_program(build_data)
        why_pure = reason_for_pure()
        if why_pure:
            self.app.display_warning(f"pairwall: WITHOUT compiled modules, so about a fifth of the speed: {why_pure}")
            return
        root = Path(self.root)
        modules = matching(root, self.config["compile"])
        self.app.display_info(f"pairwall: compiling {len(modules)} modules with mypyc")
        libraries = compile_modules(root, modules)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update({str(path): name for name, path in libraries.items()})

    def _add_program(self, build_data: dict[str, Any]) -> None:
        """The fast path's program, or a warning and a package that works without it."""
        try:
            program = compile_program(Path(self.root))
        except CannotCompile as error:
            self.app.display_warning(f"pairwall: WITHOUT the fast path, so every packet goes through Python: {error}")
            return
        build_data["force_include"][str(program)] = PROGRAM


class CannotCompile(Exception):
    """What is missing for the fast path's program, or what clang says about it."""


def compile_program(root: Path) -> Path:
    """Compiles the fast path's program under build/; returns where it is. CannotCompile: with the reason."""
    sys.path.insert(0, str(root))
    from conntrack.gateway.fastpath import build

    lacking = build.missing()
    if lacking:
        raise CannotCompile(f"install {lacking}")
    output = root / "build" / Path(PROGRAM).name
    output.parent.mkdir(exist_ok=True)
    try:
        build.build(output)
    except subprocess.CalledProcessError as error:
        raise CannotCompile(f"{error.cmd[0]} fails:\n{error.stderr}") from error
    return output


def reason_for_pure() -> str:
    """Why no module can or should be compiled; "" if they can."""
    if os.environ.get(PURE_VARIABLE, "0") not in ("", "0"):
        return f"{PURE_VARIABLE} is set"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"no C compiler: {compiler} is not installed"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return f"no Python.h for Python {sys.version_info.major}.{sys.version_info.minor}: install its -dev package"
    return ""


def matching(root: Path, patterns: list[str]) -> list[str]:
    """The modules that the patterns name, as paths from the root. Empty packages' __init__.py are left out."""
    found: set[str] = set()
    for pattern in patterns:
        files = list(root.glob(pattern))
        if not files:
            raise FileNotFoundError(f"pyproject.toml: `compile` names {pattern}, and no such file is there")
        found.update(str(path.relative_to(root)) for path in files if path.stat().st_size)
    return sorted(found)


def compile_modules(root: Path, modules: list[str]) -> dict[str, Path]:
    """Compiles in a copy of the tree; returns the path inside the wheel of each shared object."""
    work = root / "build" / "mypyc"
    output = work / "output"
    refresh(root / "conntrack", work / "conntrack")
    shutil.rmtree(output, ignore_errors=True)
    before = Path.cwd()
    os.chdir(work)
    try:
        run_mypyc(modules, output)
    finally:
        os.chdir(before)
    return {str(path.relative_to(output)): path for path in sorted(output.rglob("*.so"))}


def refresh(source: Path, copy: Path) -> None:
    """Makes `copy` equal to `source`; unchanged files keep their times, so that mypy's cache stays warm."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", ".*", "*.so"))


def run_mypyc(modules: list[str], output: Path) -> None:
    """Python → C → shared objects under `output`: one group, so that calls between modules are plain C calls."""
    from mypyc.build import mypycify

    extensions = mypycify(
        ["--config-file=", *modules], opt_level="3", debug_level="0", group_name="conntrack", target_dir="c"
    )
    for extension in extensions:
        extension.extra_compile_args.append("-Wno-error")  # another compiler's new warning is no reason to fail
    distribution = Distribution({"name": "pairwall", "ext_modules": extensions})
    command = distribution.get_command_obj("build_ext")
    command.build_lib = str(output)
    command.build_temp = "objects"
    command.parallel = os.cpu_count()
    command.ensure_finalized()
    command.run()
