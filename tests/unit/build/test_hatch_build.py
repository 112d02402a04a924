"""The build hook without a compiler run: which modules it takes, when it stays pure, what it copies."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import conntrack

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "deploy/build/hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if path.name == "__init__.py" else "X = 1\n")


def test_takes_what_the_patterns_name_once_and_leaves_empty_packages(hook: ModuleType, tmp_path: Path) -> None:
    tree(tmp_path, "c/a/__init__.py", "c/a/one.py", "c/a/b/two.py", "c/d/three.py", "c/d/four.py")
    assert hook.matching(tmp_path, ["c/a/**/*.py", "c/d/three.py", "c/a/one.py"]) == [
        "c/a/b/two.py",
        "c/a/one.py",
        "c/d/three.py",
    ]


def test_a_pattern_that_matches_nothing_is_an_error(hook: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"c/gone\.py"):
        hook.matching(tmp_path, ["c/gone.py"])


def test_stays_pure_where_it_is_asked_to(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAIRWALL_PURE", "1")
    assert hook.reason_for_pure() == "PAIRWALL_PURE is set"


def test_stays_pure_without_a_compiler_and_says_which(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAIRWALL_PURE", raising=False)
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    assert hook.reason_for_pure() == "no C compiler: no-such-compiler is not installed"


def test_stays_pure_without_python_s_headers(hook: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PAIRWALL_PURE", "0")
    monkeypatch.setenv("CC", "true")
    monkeypatch.setattr(hook.sysconfig, "get_path", lambda _name: str(tmp_path))
    assert hook.reason_for_pure().startswith("no Python.h for Python 3.")


def test_compiles_in_a_copy_without_shared_objects_and_caches(hook: ModuleType, tmp_path: Path) -> None:
    tree(tmp_path, "from/a.py", "from/a.so", "from/__pycache__/a.pyc", "from/.mypy_cache/x.py", "to/old.py")
    hook.refresh(tmp_path / "from", tmp_path / "to")
    assert [path.name for path in sorted((tmp_path / "to").rglob("*"))] == ["a.py"]


def test_the_list_of_compiled_modules_holds_no_library_that_cannot_be() -> None:
    """pyproject.toml's list, by the names that CONTRIBUTING.md forbids in compiled modules."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = document["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["compile"]
    assert "conntrack/engine/*.py" in patterns
    package = Path(conntrack.__file__).parents[1]
    forbidden = ("import pydantic", "from pydantic", "import yaml", "pyroute2", "prometheus_client", "import asyncio")
    found = [path for pattern in patterns for path in package.glob(pattern)]
    assert len(found) > 80
    assert [path.name for path in found if any(word in path.read_text() for word in forbidden)] == []
