"""The JSON Schema of the rules file, for editors: `pairwall schema` prints it.

Lives here: the schema of the models, with what makes it a schema of its own. May not live here: the models.
"""

from __future__ import annotations

from typing import Any, Final

from conntrack.policy.document import Document

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema of a whole rules file. It knows keys, shapes and fixed words; only `pairwall check` knows the rest."""
    found = Document.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, "title": "Pairwall rules", **{key: found[key] for key in found if key != "title"}}
