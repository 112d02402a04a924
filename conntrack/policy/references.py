"""Whether what a rule names exists: zones, sets, services, schedules.

Lives here: one question for each kind of name, which reports what is wrong. May not live here: which keys hold names
(check_*.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from conntrack.policy.document import Document
from conntrack.policy.node import Node
from conntrack.policy.problems import Report, Wrong, did_you_mean
from conntrack.policy.values import Addresses, Position, Traffic


class References:
    """Asks a document and tells a report. Names that were defined, if wrongly, count as known."""

    def __init__(self, document: Document, report: Report) -> None:
        self.document = document
        self.report = report
        self.zones = document.defined("zones")
        self.sets = document.defined("sets")
        self.services = document.defined("services")
        self.schedules = document.defined("schedules")

    def zone(self, name: str, position: Position, *also: str) -> bool:
        """A zone, or one of the words `also` ("self", "any")."""
        if name in self.zones or name in also:
            return True
        if name in ("self", "any"):
            meaning = "the gateway itself" if name == "self" else "every zone"
            self.report.error(
                position, f'"{name}" ({meaning}) cannot stand here', f"name one of: {', '.join(self.zones)}"
            )
        else:
            hint = did_you_mean(name, [*self.zones, *also]) or "define it in `zones:`"
            self.report.error(position, f'unknown zone "{name}"', hint)
        return False

    def zone_list(self, node: Node, key: str, names: Iterable[str], *also: str) -> None:
        """Every zone behind a key."""
        for name in names:
            self.zone(name, node.place_of_word(key, name), *also)

    def selection(self, node: Node, key: str, chosen: Addresses) -> None:
        """Every set that a selection names."""
        for name in (*chosen.sets, *chosen.except_sets):
            if name in self.sets:
                continue
            hint = did_you_mean(name, self.sets)
            if not hint.startswith("did") and name in self.zones:
                hint = "this is a zone: zones stand in the pair, `lan -> wan`"
            elif not hint.startswith("did") and "." in name:
                hint = "names of hosts are not looked up: write addresses, or a set with a file"
            self.report.error(node.place_of_word(key, name), f'unknown set "{name}"', hint or "define it in `sets:`")

    def traffic(self, node: Node, key: str, words: Iterable[str]) -> tuple[Traffic, ...]:
        """The traffic of every service behind a key; those that are unknown are told and left out."""
        found: dict[Traffic, None] = {}
        for word in words:
            try:
                found.update(dict.fromkeys(self.document.traffic([word])))
            except Wrong as wrong:
                self._service(word, node.place_of_word(key, word), wrong)
        return tuple(found)

    def service(self, word: str, position: Position) -> None:
        """One service word."""
        try:
            self.document.traffic([word])
        except Wrong as wrong:
            self._service(word, position, wrong)

    def _service(self, word: str, position: Position, wrong: Wrong) -> None:
        """Tell what is wrong with a service; an own one is judged where it is defined."""
        if word not in self.services:
            self.report.error(position, wrong.message, wrong.hint)

    def when(self, node: Node, when: str) -> None:
        """The schedule behind `when:`."""
        try:
            self.document.windows(when)
        except Wrong as wrong:
            if when not in self.schedules:
                self.report.error(node.place("when"), wrong.message, wrong.hint)
