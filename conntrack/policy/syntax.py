"""What libyaml cannot parse, told to an administrator.

Lives here: the sentence and hint for each of the parser's complaints. May not live here: anything about rules.
"""

from __future__ import annotations

from typing import Any, Final

from conntrack.policy.values import Position

#: a part of the parser's "context: problem" → (sentence, hint); the first that is found counts
COMPLAINTS: Final = (
    (
        "mapping values are not allowed",
        'a second ": " in one line',
        "quote the text, or write a line for each key; or the line before lacks its colon",
    ),
    ("quoted scalar", "the quote that begins here is not closed", "close it with the same quote"),
    ("while parsing a flow sequence", "the list that begins here is not closed", "close it with ]"),
    ("while parsing a flow mapping", "the mapping that begins here is not closed", "close it with }"),
    ("parsing a flow node", "a word is missing here", "delete the comma or bracket too many, or close the bracket"),
    ("scanning an alias", "* begins an alias, which the rules language does not have", 'quote the word: "*…"'),
    ("scanning an anchor", "& begins an anchor, which the rules language does not have", 'quote the word: "&…"'),
    ("could not find expected ':'", "a key without its colon", "write `key: value`"),
    ("scanning a simple key", "a key without its colon", "write `key: value`"),
    ("block sequence entries are not allowed", "a list may not begin here", "begin it on a line of its own"),
    ("parsing a block mapping", "this line does not fit in here", "indent the keys of a mapping alike"),
    ("parsing a block collection", "this line does not fit in here", "indent the items of a list alike; quote [ and {"),
    ("block collection", "this line does not fit in here", "indent the items of a list alike; quote [ and {"),
    ("scanning a tag", "! begins a tag, which the rules language does not have", 'quote the word: "!…"'),
    ("directive", "% begins a directive, which the rules language does not have", "delete it, or quote the word"),
)
#: complaints that are better shown where the thing began than where the parser noticed
BEGAN: Final = ("quoted scalar", "while parsing a flow", "scanning a")


def syntax_error(error: Any, name: str, lines: list[str]) -> tuple[Position, str, str]:
    """Position, sentence and hint of a parser's error (a yaml.MarkedYAMLError)."""
    complaint = f"{error.context or ''}: {error.problem or ''}"
    began = error.context_mark is not None and any(part in complaint for part in BEGAN)
    mark = error.context_mark if began else error.problem_mark
    position = _within(Position(name, mark.line + 1, mark.column + 1), lines) if mark else Position(name, 0, 0)
    line = lines[position.line - 1] if position.line else ""
    if "cannot start any token" in complaint:
        return position, *_stray(line, position.column)
    if line[position.column - 2 : position.column - 1] in ("]", "}") and "did not find" in complaint:
        return position, "something follows a closing bracket", "a word that begins with [ or { needs quotes"
    for part, message, hint in COMPLAINTS:
        if part in complaint:
            return position, message, hint
    return position, f"not valid YAML ({error.problem})", "compare with the examples in config/examples"


def _within(position: Position, lines: list[str]) -> Position:
    """The same, or the end of the last line where the parser noticed only behind it."""
    if position.line <= len(lines):
        return position
    return Position(position.file, len(lines), len(lines[-1]) + 1)


def _stray(line: str, column: int) -> tuple[str, str]:
    """A character that nothing can begin with."""
    if "\t" in line[: column + 1]:
        return "a tab in the indentation", "indent with spaces"
    char = line[column - 1 : column]
    return f'a word cannot begin with "{char}"', "put it in quotes"
