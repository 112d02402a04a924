"""The JSON Schema for editors, and the copy of it beside the examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conntrack.policy.document_nat import KINDS
from conntrack.policy.schema import schema

CONFIG = Path(__file__).parents[3] / "config"


def resolve(found: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in found:
        found = root["$defs"][found["$ref"].removeprefix("#/$defs/")]
    return found


def test_it_is_plain_json() -> None:
    assert json.loads(json.dumps(schema())) == schema()
    assert schema()["$schema"].startswith("https://json-schema.org/")


def test_keys_are_spelled_as_in_the_file() -> None:
    root = schema()
    assert list(root["properties"]) == [
        "version",
        "settings",
        "zones",
        "sets",
        "services",
        "schedules",
        "nat",
        "policy",
        "tests",
    ]
    assert root["required"] == ["version", "zones"]
    assert "on-failure" in root["$defs"]["Settings"]["properties"]
    assert "from" in root["$defs"]["Masquerade"]["properties"]


def test_no_mapping_takes_keys_that_it_does_not_know() -> None:
    root = schema()
    models = [root, *root["$defs"].values()]
    assert all(model["additionalProperties"] is False for model in models if "properties" in model)


def test_every_key_says_what_it_is_for() -> None:
    for name, model in schema()["$defs"].items():
        for key, value in model.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"


def test_defaults_are_shown_as_they_would_be_written() -> None:
    defs = schema()["$defs"]
    assert defs["TcpTimeouts"]["properties"]["established"]["default"] == "5d"
    assert defs["Settings"]["properties"]["reject-rate"]["default"] == "50/second burst 100"
    assert defs["Metrics"]["properties"]["listen"]["default"] == "127.0.0.1:9469"


def test_each_kind_of_translation_is_one_shape() -> None:
    root = schema()
    shapes = [resolve(shape, root) for shape in root["properties"]["nat"]["items"]["oneOf"]]
    assert {kind for shape in shapes for kind in shape["required"] if kind in KINDS} == set(KINDS)


def test_a_rule_needs_exactly_one_action() -> None:
    rule = schema()["$defs"]["PolicyRule"]
    assert rule["oneOf"] == [{"required": [action]} for action in ("accept", "drop", "reject")]


def test_a_pair_may_hold_a_word() -> None:
    shapes = schema()["properties"]["policy"]["additionalProperties"]["anyOf"]
    assert {"enum": ["accept", "drop", "reject"], "type": "string"} in shapes


@pytest.mark.parametrize(
    "path", [CONFIG / "rules.yaml", *(CONFIG / "examples").glob("*.yaml")], ids=lambda path: path.name
)
def test_examples_point_to_it(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == CONFIG / "rules.schema.json"
