"""Names and the keys made of them: zones, sets, services, schedules, rules, helpers, and pairs of zones.

Lives here: which words may be names, and the parser of `lan, guest -> wan`. May not live here: whether something of
that name exists (check.py).
"""

from __future__ import annotations

import re
from typing import Any, Final

from conntrack.policy import hours, services, wellknown
from conntrack.policy.problems import Wrong, did_you_mean
from conntrack.policy.units import text
from conntrack.policy.values import Pair

ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}", re.ASCII)
SET: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}", re.ASCII)
#: application helpers there are
HELPERS: Final = tuple(wellknown.HELPER_PROTOCOLS)
RULE_LENGTH: Final = 64


def zone(raw: Any) -> str:
    """A zone that a rule names; `self` and `any` are for check.py to judge."""
    word = text(raw, "a zone")
    if not ZONE.fullmatch(word):
        separated = [part for part in re.split(r"[,\s]+", word) if part]
        listed = len(separated) > 1 and all(ZONE.fullmatch(part) for part in separated)
        raise Wrong(f'"{word}" is not a zone', f"write a list: [{', '.join(separated)}]" if listed else "")
    return word


def new_zone(raw: Any) -> str:
    """A zone that is being defined."""
    word = text(raw, "the name of a zone")
    if word == "self":
        raise Wrong('"self" cannot be defined: it is the gateway itself', "choose another name")
    if word == "any":
        raise Wrong('"any" cannot be defined: it stands for every zone', "choose another name")
    return _named(word, ZONE, "a zone", "letters, digits, - and _, a letter first, at most 31")


def space(raw: Any) -> str:
    """An address space, which is defined by being named."""
    return _named(text(raw, "the name of an address space"), ZONE, "an address space", "letters, digits, - and _")


def new_set(raw: Any) -> str:
    """A set that is being defined."""
    word = text(raw, "the name of a set")
    if word == "any":
        raise Wrong('"any" cannot be defined: it stands for every address', "choose another name")
    return _named(word, SET, "a set", "letters, digits, -, _ and ., a letter first")


def new_service(raw: Any) -> str:
    """A service that is being defined; a name of the table may be defined anew, a protocol may not."""
    word = text(raw, "the name of a service")
    if word in services.RESERVED:
        raise Wrong(f'"{word}" cannot be defined: it is a word of the language', "choose another name")
    return _named(word, services.NAME, "a service", "letters, digits, -, _ and .")


def new_schedule(raw: Any) -> str:
    """A schedule that is being defined."""
    word = text(raw, "the name of a schedule")
    if not hours.is_name(word):
        raise Wrong(f'"{word}" cannot be the name of a schedule', "a letter first, and not the name of a day")
    return word


def _named(word: str, form: re.Pattern[str], what: str, hint: str) -> str:
    if not form.fullmatch(word):
        raise Wrong(f'"{word}" cannot be the name of {what}', hint)
    return word


def rule(raw: Any) -> str:
    """What a rule is called in logs and metrics."""
    word = text(raw, "a name")
    if len(word) > RULE_LENGTH or not word.isprintable():
        raise Wrong("this name is too long", f"at most {RULE_LENGTH} characters in one line")
    return word


def helper(raw: Any) -> str:
    """An application helper."""
    word = text(raw, "a helper").lower()
    if word not in HELPERS:
        raise Wrong(f'unknown helper "{word}"', did_you_mean(word, HELPERS))
    return word


def pair(raw: Any) -> Pair:
    """`lan -> wan`, `lan, guest -> wan`, `any -> self`."""
    word = text(raw, "a pair of zones")
    source, arrow, destination = word.partition("->")
    if not arrow or "->" in destination:
        raise Wrong(f'"{word}" is not a pair of zones', "write: lan -> wan, or: lan, guest -> wan")
    found = Pair(_side(source, word), _side(destination, word))
    if found == (("self",), ("self",)):
        raise Wrong("what the gateway sends to itself is never judged", "delete this pair")
    return found


def _side(side: str, pair: str) -> tuple[str, ...]:
    zones = tuple(part.strip() for part in side.split(","))
    if zones == ("",):
        raise Wrong(f'"{pair}" lacks a zone', "write: lan -> wan; any stands for every zone")
    if "" in zones:
        raise Wrong("a comma without a zone", "zones are separated by commas: lan, guest -> wan")
    for index, name in enumerate(zones):
        if not ZONE.fullmatch(name):
            raise Wrong(f'"{name}" is not a zone', "zones are separated by commas: lan, guest -> wan")
        if name in zones[:index]:
            raise Wrong(f'the zone "{name}" stands here twice', "delete one")
    if "any" in zones and len(zones) > 1:
        raise Wrong('"any" already stands for every zone', "write any alone")
    return zones
