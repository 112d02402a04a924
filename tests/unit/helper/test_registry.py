"""The helpers there are, and what the rules language says of them."""

from __future__ import annotations

from conntrack.helper.registry import HELPERS, by_name
from conntrack.policy import wellknown


def test_no_name_is_taken_twice() -> None:
    assert len(by_name()) == len(HELPERS)


def test_the_language_knows_the_helpers_and_their_protocols() -> None:
    known = {name: tuple(helper.protocols()) for name, helper in by_name().items()}
    assert {name: wellknown.HELPER_PROTOCOLS[name] for name in known} == known


def test_services_name_helpers_that_the_language_knows() -> None:
    assert set(wellknown.HELPERS.values()) <= set(wellknown.HELPER_PROTOCOLS)
    assert set(wellknown.HELPERS) <= set(wellknown.SERVICES)
