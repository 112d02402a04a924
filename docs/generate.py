"""Writes the reference pages of docs/reference, and two files of config/, from the code: `make docs`.

Lives here: how tables of the code become Markdown. May not live here: facts of their own; a page that is not current
fails `make check` (tests/unit/docs).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from conntrack.packet.reason import REASONS
from conntrack.policy.schema import schema
from conntrack.policy.wellknown import SERVICES
from conntrack.tracker.tcp import diagram

FOLDER: Final = Path(__file__).parent / "reference"
CONFIG: Final = Path(__file__).parents[1] / "config"
#: what the keys of a mapping stand for, where they are not just names
_EACH: Final = {"policy": "FROM -> TO"}
NOTE: Final = "<!-- written by `make docs` from the code: do not edit -->\n\n"


def rules() -> str:
    """Every key of a rules file, in the order of the file, each model under the place where it stands first."""
    found = schema()
    parts = ["# Keys of a rules file\n\nThe guide with examples is [rules.md](../rules.md).\n"]
    for place, model in _models(found, found, "", set()):
        rows = ((f"`{key}`", *_key(value)) for key, value in model["properties"].items())
        title = f"`{place}`" if place else "The file"
        parts.append(f"## {title}\n\n{model['description']}\n\n{_table(('key', 'default', 'meaning'), rows)}")
    return "\n".join(parts)


def reasons() -> str:
    """Every reason for which a packet is not passed."""
    rows = ((f"`{name}`", meaning) for name, meaning in REASONS.values())
    head = "# Why a packet was not passed\n\nThe names that metrics, logs, `explain` and `replay` print.\n\n"
    return head + _table(("reason", "meaning"), rows)


def services() -> str:
    """Every service known by name."""
    rows = ((f"`{name}`", f"`{words}`", meaning) for name, (words, meaning) in SERVICES.items())
    head = "# Services known by name\n\nA rules file adds its own under `services:`.\n\n"
    return head + _table(("name", "traffic", "meaning"), rows)


PAGES: Final = {
    "reasons.md": reasons,
    "rules.md": rules,
    "services.md": services,
    "tcp-states.md": diagram.page,
}


def service_list() -> str:
    """config/services: the table of services as plain text."""
    head = (
        "# The services that a rules file knows by name, and the traffic each stands for. This list is for reading;\n"
        "# it is part of the program. To add names, or to give one another meaning, write them under `services:`\n"
        "# in the rules file.\n\n"
    )
    return head + "".join(f"{name:<16}{words:<42}# {meaning}\n" for name, (words, meaning) in SERVICES.items())


def schema_file() -> str:
    """config/rules.schema.json: what editors check the examples with."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


#: files of config/ that the code writes
FILES: Final = {"services": service_list, "rules.schema.json": schema_file}


def write() -> None:
    """Writes every page and file."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(NOTE + page())
    for name, file in FILES.items():
        (CONFIG / name).write_text(file())


def _models(found: dict[str, Any], model: dict[str, Any], place: str, seen: set[str]) -> Iterator[tuple[str, Any]]:
    """A model and those within it, depth first: (where it stands, its schema)."""
    yield place, model
    for key, value in model["properties"].items():
        for reference in _references(value):
            name = reference.rpartition("/")[2]
            if name not in seen:
                seen.add(name)
                inner = found["$defs"][name]
                each = f" {_EACH.get(key, 'NAME')}:" if "additionalProperties" in value else ""
                kind = f" {_kebab(name)}:" if key == "nat" else ""
                yield from _models(found, inner, f"{place} {key}:{each}{kind}".strip(), seen)


def _kebab(name: str) -> str:
    """OneToOne → one-to-one: the models of `nat:` are named after their key."""
    return re.sub(r"(?<=.)([A-Z])", r"-\1", name).lower()


def _references(value: object) -> Iterator[str]:
    """Every $ref in a piece of a schema."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _key(value: dict[str, Any]) -> tuple[str, str]:
    default = value.get("default")
    shown = "" if default in (None, "", [], {}) or isinstance(default, list | dict) else f"`{_plain(default)}`"
    return shown, value.get("description", "")


def _plain(default: object) -> str:
    return default if isinstance(default, str) else json.dumps(default)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write()
