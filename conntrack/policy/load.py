"""The way into the front half: a rules file in, a checked Document out.

Lives here: the order of the phases: text, words, models, files of sets, cross references. May not live here: any of
them.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from conntrack.policy import setfile
from conntrack.policy.check import check
from conntrack.policy.document import AddressSet, Document
from conntrack.policy.problems import PolicyError, Problem, Report
from conntrack.policy.raw import Table, without
from conntrack.policy.reader import MAX_BYTES, read
from conntrack.policy.values import Span


def load(path: str | Path) -> Document:
    """Read and check a rules file. Raises PolicyError with every problem; files of sets are looked for beside it."""
    path = Path(path)
    return load_text(setfile.text_of(path, MAX_BYTES, "the rules file"), str(path), path.parent)


def load_text(text: str, name: str, folder: Path | None = None) -> Document:
    """The same from a text; `name` stands for it in messages, files of sets are looked for in `folder`."""
    report = Report(name, text)
    root = read(text, name, report)
    if root is None:
        raise PolicyError(report.errors())
    report.settle()
    document = _validated(root, report)
    if document is None:
        raise PolicyError(report.errors())
    document._folder = folder if folder is not None else Path(name).parent
    document._members = _set_files(document, report)
    report.settle()
    check(document, report)
    if report.errors():
        raise PolicyError(report.errors())
    document._warnings = report.warnings()
    return document


def _validated(root: Table, report: Report) -> Document | None:
    """The models; a section under which nothing stands is left out."""
    empty = [(key,) for key, value in root.items() if value == "" and key != "version"]
    try:
        return Document.model_validate(without(root, empty), context=report)
    except ValidationError:
        return None


def _set_files(document: Document, report: Report) -> dict[str, list[Span]]:
    """Read the file of every set. One that is not there yet leaves the set as it is written: lists come by download."""
    found: dict[str, list[Span]] = {}
    for name, one in document.sets.items():
        path = document.file_of(name)
        if path is None:
            continue
        if not path.exists():
            hint = "a relative path starts at the folder of the rules file"
            report.warn(one.place("file"), f'{path} does not exist: "{name}" is without its members', hint)
            continue
        try:
            found[name] = setfile.read(path)
        except PolicyError as error:
            for problem in error.problems:
                _tell(problem, one, report)
    return found


def _tell(problem: Problem, one: AddressSet, report: Report) -> None:
    """A bad line where it stands; what concerns the whole file at the line that names it."""
    if problem.position.line:
        report.add(problem)
    else:
        report.error(one.place("file"), f"{problem.position.file}: {problem.message}", problem.hint)
