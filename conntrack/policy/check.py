"""What no single value can tell: whether the parts of a rules file fit together.

Lives here: the order of the checks, and those of zones, sets, services, settings and tests. Rules are checked in
check_rules.py, translation in check_nat.py, what can never match in reach.py. May not live here: the form of values.
"""

from __future__ import annotations

from conntrack.policy import check_nat, check_rules, check_spaces, check_zones, reach, services, wellknown
from conntrack.policy.document import Document
from conntrack.policy.problems import Report, Wrong
from conntrack.policy.references import References


def check(document: Document, report: Report) -> None:
    """Report every mistake and every oddity."""
    references = References(document, report)
    check_zones.check(document, report)
    check_spaces.check(references)
    _sets(document, report)
    _services(references)
    _settings(references)
    check_nat.check(references)
    check_rules.check(references)
    _names(document, report)
    _tests(references)
    if not report.errors():
        reach.check(document, report)


def _sets(document: Document, report: Report) -> None:
    for name, one in document.sets.items():
        if one.says("refresh") and not one.says("file"):
            report.error(
                one.key_place("refresh"), f'the set "{name}" has nothing to refresh', "refresh belongs to a file"
            )
        if not one.says("members") and not one.says("file") and not one.broken:
            report.error(one.position, f'the set "{name}" has no members', "add members: […] or file: …")


def _services(references: References) -> None:
    """Own services: each word that they are made of, and no going round in circles."""
    document = references.document
    for name, words in document.services.items():
        for index, word in enumerate(words):
            if word not in references.services and word not in wellknown.SERVICES and services.direct(word) is None:
                references.service(word, document.place("services", name, index))
        try:
            document.traffic([name])
        except Wrong as wrong:
            if "leads back" in wrong.message:
                references.report.error(document.place("services", name), wrong.message, wrong.hint)


def _settings(references: References) -> None:
    settings = references.document.settings
    for zone in settings.per_zone if settings.says("per-zone") else ():
        references.zone(zone, settings.key_place("per-zone", zone), "any", "self")


def _names(document: Document, report: Report) -> None:
    """Metrics and logs tell rules apart by name."""
    first: dict[str, int] = {}
    for rule in [*document.nat, *(rule for _, _, rule in document.rules())]:
        if rule.name in first:
            hint = f"the first is in line {first[rule.name]}; metrics and logs tell rules apart by name"
            report.error(rule.place("name"), f'two rules are called "{rule.name}"', hint)
        elif rule.name:
            first[rule.name] = rule.position.line


def _tests(references: References) -> None:
    for case in references.document.tests:
        source, arrow, target = case.text.partition("->")
        report = references.report
        references.zone(case.zone_in, report.inside(case.position, case.text, case.zone_in), "self")
        behind = case.position._replace(column=case.position.column + len(source + arrow))
        if case.zone_out:
            references.zone(case.zone_out, report.inside(behind, target, case.zone_out), "self")
        references.service(case.service, report.inside(behind, target, case.service))
