"""The base of every model of the rules file: frozen, strict about its keys, and aware of where it stood.

Lives here: the base class and how keys are spelled. May not live here: a model of the language.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticOmit

from conntrack.policy import rephrase
from conntrack.policy.problems import Report
from conntrack.policy.raw import Row, Table, follow, locate, position_of, without
from conntrack.policy.values import Position


def key(field: str) -> str:
    """How a field is spelled in the file: `on_failure` is `on-failure`, `from_` is `from`."""
    return field.rstrip("_").replace("_", "-")


class Node(BaseModel):
    """A mapping of the rules file.

    Validated with a Report as context, a node tells its mistakes there, drops the keys that hold them, and
    goes on, so that one run finds all of them; such a node is `broken`, and the report then has errors. Without a
    context, a mistake is pydantic's ValidationError as usual.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=key, arbitrary_types_allowed=True)
    #: what an administrator calls it
    called: ClassVar[str] = "this mapping"
    #: what stands in for required keys that are missing or wrong, so that the rest can still be checked
    rescue: ClassVar[dict[str, Any]] = {}

    _raw: Table = PrivateAttr(default_factory=Table)
    _broken: frozenset[str] = PrivateAttr(default=frozenset())

    @property
    def position(self) -> Position:
        """File, line and column where this mapping begins (where a shorthand stands for it: of the shorthand)."""
        return self._raw.position

    def place(self, *path: int | str) -> Position:
        """Where something inside it stands: a key, an item of the list behind a key."""
        return locate(self._raw, path)

    def place_of_word(self, key: str, wanted: str) -> Position:
        """Where a word stands behind a key, alone or in a list, with or without its `!`."""
        raw = self._raw.get(key)
        items = raw if isinstance(raw, Row) else [raw]
        found = (item for item in items if isinstance(item, str) and item.removeprefix("!").strip() == wanted)
        return next((position_of(item) for item in found), self.place(key))

    def key_place(self, *path: str) -> Position:
        """Where a key stands, of this mapping or of one inside it."""
        table = follow(self._raw, path[:-1])
        return table.key_position(path[-1]) if isinstance(table, Table) else self.place(*path)

    def says(self, key: str) -> bool:
        """Whether the key was written."""
        return key in self._raw

    @property
    def broken(self) -> frozenset[str]:
        """The keys that were left out because of a mistake; always empty in what `load()` returns."""
        return self._broken

    @classmethod
    def keys(cls) -> list[str]:
        """The keys it may have."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @classmethod
    def describe(cls, wanted: str) -> str:
        """What a key is for."""
        found = (field.description for name, field in cls.model_fields.items() if (field.alias or name) == wanted)
        return (next(found, None) or "").rstrip(".")

    @staticmethod
    def keys_of(model: str) -> list[str]:
        """The keys of another model by its name; none for something else."""
        return next((one.keys() for one in Node.__subclasses__() if one.__name__ == model), [])

    @model_validator(mode="wrap")
    @classmethod
    def keep_position(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Carry the position over from what was read; report mistakes and go on without them."""
        report = info.context
        if not isinstance(data, Table) or not isinstance(report, Report):
            return handler(data)
        broken: set[tuple[str, ...]] = set()
        try:
            node = handler(data)
        except ValidationError as error:
            broken = rephrase.tell(cls, data, error, report)
            node = cls._without(broken, data, handler)
        node._raw = data
        node._broken = frozenset(path[0] for path in broken)
        return node

    @classmethod
    def _without(cls, broken: set[tuple[str, ...]], data: Table, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """The node without what is broken; left out altogether where it cannot do without that."""
        try:
            return handler({**cls.rescue, **without(data, broken)})
        except ValidationError:
            raise PydanticOmit from None


def stated(default: str, description: str) -> Any:
    """A field whose default stands as it would be written, so that the schema and the reference show it so."""
    return Field(default, description=description, validate_default=True)


def group(model: type[Node], description: str) -> Any:
    """A field that holds a group of keys, each with its default."""
    return Field(default_factory=model, description=description)
