"""The base of every model of the rules file: frozen, strict about its keys, and aware of where it stood.

Lives here: the base class and how keys are spelled. May not live here: a model of the language.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, model_validator

from conntrack.policy.values import NOWHERE, Position


def key(field: str) -> str:
    """How a field is spelled in the file: `on_failure` is `on-failure`, `from_` is `from`."""
    return field.rstrip("_").replace("_", "-")


class Table(dict[str, Any]):
    """A mapping as it was read, with its position; what a Node is validated from."""

    position: Position = NOWHERE


class Node(BaseModel):
    """A mapping of the rules file."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=key, arbitrary_types_allowed=True)

    _position: Position = PrivateAttr(default=NOWHERE)

    @property
    def position(self) -> Position:
        """File, line and column where this mapping begins (where a shorthand stands for it: of the shorthand)."""
        return self._position

    @model_validator(mode="wrap")
    @classmethod
    def keep_position(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Carry the position over from what was read."""
        node = handler(data)
        if isinstance(data, Table):
            node._position = data.position
        return node
