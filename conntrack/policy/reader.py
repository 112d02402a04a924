"""YAML text → words, rows and tables with positions. Nothing in YAML that could surprise gets through.

Lives here: the walk over libyaml's events; every scalar stays the text it was, so `no`, `22:30` or `010` mean what the
rules language says. Refused: duplicate keys, anchors, aliases, merge keys, tags, a second document, texts
over the bounds. May not live here: any knowledge of the language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from conntrack.policy.problems import Report
from conntrack.policy.raw import Row, Table, Word, word
from conntrack.policy.syntax import syntax_error
from conntrack.policy.values import Position

MAX_BYTES: Final = 8 << 20
MAX_DEPTH: Final = 12
#: what YAML (and a terminal) cannot take: control characters but tab and line breaks, lone surrogates
FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read(text: str, name: str, report: Report) -> Table | None:
    """The top mapping of a text; None where there is none or the text cannot be read. Mistakes go to the report."""
    if not _fit(text, name, report):
        return None
    builder = _Builder(name, report)
    try:
        for event in _events(text):
            if not builder.take(event):
                return None
    except yaml.MarkedYAMLError as error:
        report.error(*syntax_error(error, name, report.lines))
        return None
    if not isinstance(builder.root, Table):
        report.error(Position(name, 1, 1), "there are no rules in this file", 'it begins with "version: 1"')
        return None
    return builder.root


def _events(text: str) -> Iterator[Any]:
    yield from yaml.parse(text, Loader=LOADER)


def _fit(text: str, name: str, report: Report) -> bool:
    """Whether the text may be given to the parser at all."""
    if len(text) > MAX_BYTES:
        hint = "put long lists of addresses into a file of their own and name it in `sets:`"
        report.error(Position(name, 0, 0), f"the file is over {MAX_BYTES >> 20} MiB", hint)
        return False
    bad = FORBIDDEN.search(text)
    if bad is None:
        return True
    line = text.count("\n", 0, bad.start()) + 1
    column = bad.start() - text.rfind("\n", 0, bad.start())
    report.error(Position(name, line, column), f"a control character (U+{ord(bad.group()):04X})", "delete it")
    return False


class _Builder:
    """Puts events together; what is under construction is a stack, so that depth is bounded without recursion."""

    def __init__(self, name: str, report: Report) -> None:
        self.name = name
        self.report = report
        self.root: Any = None
        self.stack: list[Table | Row] = []
        self.keys: list[Word | None] = []  # the key that waits for its value, for each container
        self.documents = 0

    def take(self, event: Any) -> bool:
        """One event; False: give up."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._refuse_extras(event)
            self._put(word(event.value if event.tag in (None, "!") else event.tag + event.value, self._position(event)))
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            return self._open(event, Table() if kind is yaml.MappingStartEvent else Row())
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self.stack.pop()
            self.keys.pop()
        elif kind is yaml.AliasEvent:
            self._error(
                event, f"an alias (*{event.anchor})", 'write it out; a word that begins with * needs quotes ("*")'
            )
            self._put(word("", self._position(event)))
        elif kind is yaml.DocumentStartEvent:
            return self._document(event)
        return True

    def _document(self, event: Any) -> bool:
        self.documents += 1
        if self.documents > 1:
            self._error(event, "a second document", "a rules file is one document: delete the `---`")
        return self.documents == 1

    def _open(self, event: Any, container: Table | Row) -> bool:
        self._refuse_extras(event)
        container.position = self._position(event)
        self._put(container)
        self.stack.append(container)
        self.keys.append(None)
        if len(self.stack) > MAX_DEPTH:
            self._error(
                event,
                "nesting this deep",
                "nothing in the language goes this deep; look for a stray bracket",
            )
        return len(self.stack) <= MAX_DEPTH

    def _put(self, value: Any) -> None:
        """Give a value its place: the document, a row, or a table's key or value."""
        if not self.stack:
            self.root = value
            return
        container = self.stack[-1]
        if isinstance(container, Row):
            container.append(value)
        elif self.keys[-1] is None:
            self.keys[-1] = self._key(value)
        else:
            self._enter(container, self.keys[-1], value)
            self.keys[-1] = None

    def _key(self, value: Any) -> Word:
        if isinstance(value, Word):
            return value
        self.report.error(value.position, "a key must be a plain word", "a value that begins with [ or { needs quotes")
        return word("", value.position)

    def _enter(self, table: Table, key: Word, value: Any) -> None:
        if key == "<<":
            self.report.error(key.position, "a merge key (<<)", "write the keys out")
        elif key in table:
            first = table.key_position(key).line
            self.report.error(key.position, f'the key "{key}" stands here twice', f"the first is in line {first}")
        else:
            table[key] = value

    def _refuse_extras(self, event: Any) -> None:
        if event.anchor is not None:
            self._error(event, f"an anchor (&{event.anchor})", "write it out; a word that begins with & needs quotes")
        if event.tag is not None:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._error(event, f"a tag ({shown})", f'a word that begins with ! needs quotes: "{shown}"')

    def _error(self, event: Any, message: str, hint: str) -> None:
        self.report.error(self._position(event), f"{message} is not part of the rules language", hint)

    def _position(self, event: Any) -> Position:
        mark = event.start_mark
        return Position(self.name, mark.line + 1, mark.column + 1)
