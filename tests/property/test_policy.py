"""The compiled policy against the obvious: rules asked one by one, lists searched from end to end, exact fractions.

Addresses, ports and zones come from universes so small that rules overlap, touch and hide each other all the time.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from fractions import Fraction
from random import Random
from time import gmtime, struct_time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from conntrack.policy import why
from conntrack.policy.classifier import Classifier
from conntrack.policy.limits import Limit
from conntrack.policy.match import Match, service_key
from conntrack.policy.nat_rule import FORWARD, NatRule
from conntrack.policy.policy import Parts, Policy
from conntrack.policy.ranges import EVERYWHERE, Ranges, edges_below, split, united
from conntrack.policy.runtime import ACCEPT, DROP, Query, Rule
from conntrack.policy.schedules import Schedule
from conntrack.policy.selection import Selection
from conntrack.policy.sets import NetworkSet
from conntrack.policy.tables import NumberTable, number_edges
from conntrack.policy.values import Span, Window
from conntrack.policy.zones import Zone

ZONES = 3
PORTS = (0, 1, 79, 80, 81, 255, 256, 443, 65535)
PROTOCOLS = (1, 6, 17, 58)
QUERIES = 60

#: a handful of addresses, at the ends of each space and side by side, so that edges are met
LAST4 = b"\xff" * 4
UNIVERSE4 = [bytes(4), bytes((0, 0, 0, 1)), *(bytes((10, 0, 0, last)) for last in range(8)), b"\xff\xff\xff\xfe", LAST4]
UNIVERSE6 = [bytes(16), *(bytes((0x20, 1, *[0] * 12, 0, last)) for last in range(4)), b"\xff" * 16]


def spans(universe: list[bytes]) -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    """Intervals between addresses of a universe."""
    pair = (
        st.tuples(st.sampled_from(universe), st.sampled_from(universe)).map(sorted).map(lambda both: (both[0], both[1]))
    )
    return st.lists(pair, max_size=5)


BOTH = st.tuples(spans(UNIVERSE4), spans(UNIVERSE6)).map(lambda two: two[0] + two[1])


def within(intervals: list[tuple[bytes, bytes]], address: bytes) -> bool:
    """The obvious search."""
    return any(len(low) == len(address) and low <= address <= high for low, high in intervals)


class TestRanges:
    @given(BOTH)
    def test_contains_is_what_a_list_says(self, intervals: list[tuple[bytes, bytes]]) -> None:
        ranges = united(intervals)

        for address in UNIVERSE4 + UNIVERSE6:
            assert ranges.contains(address) == within(intervals, address)

    @given(BOTH, BOTH)
    def test_without_is_set_difference(
        self, intervals: list[tuple[bytes, bytes]], removed: list[tuple[bytes, bytes]]
    ) -> None:
        left = united(intervals).without(united(removed))

        for address in UNIVERSE4 + UNIVERSE6:
            assert left.contains(address) == (within(intervals, address) and not within(removed, address))

    @given(BOTH)
    def test_edges_ascend_and_intervals_do_not_touch(self, intervals: list[tuple[bytes, bytes]]) -> None:
        ranges = united(intervals)

        for version in (4, 6):
            edges = ranges.edges(version)
            assert edges == sorted(set(edges))
        assert ranges.size() <= len(intervals)

    @given(st.lists(st.binary(min_size=4, max_size=4), unique=True), st.binary(min_size=4, max_size=4))
    def test_binary_search_counts_like_bisect(self, edges: list[bytes], address: bytes) -> None:
        edges.sort()

        assert edges_below(b"".join(edges), address) == bisect_right(edges, address)
        assert split(b"".join(edges), 4) == edges

    @given(st.lists(st.sampled_from(UNIVERSE6), unique=True), st.sampled_from(UNIVERSE6))
    def test_binary_search_with_long_common_prefixes(self, edges: list[bytes], address: bytes) -> None:
        edges.sort()

        assert edges_below(b"".join(edges), address) == bisect_right(edges, address)


@given(st.lists(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 700)), min_size=1, max_size=3), max_size=6))
def test_number_tables_hold_what_lists_say(groups: list[list[tuple[int, int]]]) -> None:
    demands = [[(low, min(low + width, 65535)) for low, width in group] for group in groups]
    table = NumberTable([(number_edges(demand), 1 << bit) for bit, demand in enumerate(demands)], 0, 1 << 16)
    edges = {end + step for demand in demands for both in demand for end in both for step in (-1, 0, 1)} | {0, 65535}

    for number in (edge for edge in edges if 0 <= edge <= 65535):
        expected = sum(
            1 << bit for bit, demand in enumerate(demands) if any(low <= number <= high for low, high in demand)
        )
        assert table.masks[table.find(number)] == expected


class Chosen(NamedTuple):
    """What a made-up rule selects addresses by; sets by their place in Made.sets."""

    spans: list[tuple[bytes, bytes]]
    sets: list[int]
    but: list[tuple[bytes, bytes]]
    but_sets: list[int]

    def holds(self, made: Made, address: bytes) -> bool:
        everywhere = not self.spans and not self.sets
        inside = everywhere or within(self.spans, address) or any(within(made.sets[one], address) for one in self.sets)
        return (
            inside
            and not within(self.but, address)
            and not any(within(made.sets[one], address) for one in self.but_sets)
        )


class Said(NamedTuple):
    """A made-up rule, as numbers and lists."""

    zones_in: list[int]
    zones_out: list[int]
    version: int
    services: list[tuple[int, int, int]]  # protocol, low, high
    source_ports: list[tuple[int, int]]
    source: Chosen | None
    destination: Chosen | None
    window: int  # place in WINDOWS, -1: none

    def matches(self, made: Made, query: Query) -> bool:
        """Demand by demand."""
        return (
            query.zone_in in self.zones_in
            and query.zone_out in self.zones_out
            and self.version in (0, query.version)
            and (not self.services or any(_serves(one, query) for one in self.services))
            and (not self.source_ports or any(low <= query.source_port <= high for low, high in self.source_ports))
            and (self.source is None or self.source.holds(made, query.source))
            and (self.destination is None or self.destination.holds(made, query.destination))
            and (self.window < 0 or _open(WINDOWS[self.window], int(query.minute)))
        )

    def unconditional(self) -> bool:
        return (
            not (self.version or self.services or self.source_ports or self.source or self.destination)
            and self.window < 0
        )


class Made(NamedTuple):
    """A made-up policy. Sets with an even place have a file, so that they are asked."""

    rules: list[Said]
    sets: list[list[tuple[bytes, bytes]]]


WINDOWS = [Window(0b0000001, 0, 720), Window(0b1111111, 1200, 300), Window(0b1000000, 1439, 1)]


def _serves(service: tuple[int, int, int], query: Query) -> bool:
    protocol, low, high = service
    return query.protocol == protocol and low <= query.destination_port <= high


def _open(window: Window, minute: int) -> bool:
    """Whether any opening of the last eight days still lasts, opening by opening."""
    length = (window.end - window.start) % 1440 or 1440
    starts = [day * 1440 + window.start for day in range(-1, 7) if window.days >> (day % 7) & 1]
    return any(start <= minute < start + length for start in starts)


SETS = 4
SPANS = st.lists(
    st.tuples(st.sampled_from(UNIVERSE4 + UNIVERSE6), st.integers(0, 3)).map(lambda one: _span(*one)), max_size=3
)


def _span(low: bytes, width: int) -> tuple[bytes, bytes]:
    top = (1 << 8 * len(low)) - 1
    return low, min(int.from_bytes(low, "big") + width, top).to_bytes(len(low), "big")


CHOSEN = st.builds(
    Chosen, SPANS, st.lists(st.integers(0, SETS - 1), max_size=2), SPANS, st.lists(st.integers(0, SETS - 1), max_size=1)
)
PORT_RANGES = st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(lambda two: (min(two), max(two)))
SOME_ZONES = st.lists(st.integers(0, ZONES - 1), min_size=1, max_size=ZONES, unique=True)
NOTHING: st.SearchStrategy[list[Any]] = st.just([])
SAID = st.builds(
    Said,
    SOME_ZONES,
    SOME_ZONES,
    st.sampled_from((0, 0, 0, 4, 6)),
    NOTHING
    | st.lists(st.tuples(st.sampled_from(PROTOCOLS), PORT_RANGES).map(lambda two: (two[0], *two[1])), max_size=4),
    NOTHING | NOTHING | st.lists(PORT_RANGES, max_size=1),
    st.none() | CHOSEN,
    st.none() | CHOSEN,
    st.sampled_from((-1, -1, *range(len(WINDOWS)))),
)
MADE = st.builds(Made, st.lists(SAID, min_size=3, max_size=12), st.lists(SPANS, min_size=SETS, max_size=SETS))


def selection(made: Made, sets: list[NetworkSet], chosen: Chosen | None) -> Selection | None:
    """As lowering.py would: the members of sets without a file among the literal ranges."""
    if chosen is None:
        return None
    literal = [span for one in chosen.sets if one % 2 for span in made.sets[one]]
    excepted = [span for one in chosen.but_sets if one % 2 for span in made.sets[one]]
    inside: Ranges = united(chosen.spans + literal) if chosen.spans or chosen.sets else EVERYWHERE
    asked = [sets[one] for one in chosen.sets if not one % 2]
    return Selection(
        "…", inside, asked, united(chosen.but + excepted), [sets[one] for one in chosen.but_sets if not one % 2]
    )


def matches(made: Made) -> list[Match]:
    """The made-up rules as the classifier takes them; named by their place."""
    sets = [NetworkSet(str(place), file="x") for place in range(SETS)]
    for one, members in zip(sets, made.sets, strict=True):
        one.replace([Span(*span) for span in members], 1.0)
    schedules = [Schedule(str(place), [window], gmtime) for place, window in enumerate(WINDOWS)]
    found = []
    for place, said in enumerate(made.rules):
        match = Match(said.zones_in, said.zones_out, Rule(0, str(place), "a -> b", DROP, "", 1))
        match.version = said.version
        match.services = tuple(
            (int(service_key(protocol, low)), int(service_key(protocol, high))) for protocol, low, high in said.services
        )
        match.source_ports = tuple(said.source_ports)
        match.source = selection(made, sets, said.source)
        match.destination = selection(made, sets, said.destination)
        match.schedule = schedules[said.window] if said.window >= 0 else None
        found.append(match)
    return found


def queries(seed: int) -> list[Query]:
    """Connections of every kind."""
    random = Random(seed)
    found = []
    for _ in range(QUERIES):
        query = Query()
        query.zone_in, query.zone_out = random.randrange(ZONES), random.randrange(ZONES)
        query.version = random.choice((4, 6))
        universe = UNIVERSE4 if query.version == 4 else UNIVERSE6
        query.source, query.destination = random.choice(universe), random.choice(universe)
        query.protocol = random.choice(PROTOCOLS)
        query.source_port, query.destination_port = random.choice(PORTS), random.choice(PORTS)
        query.minute = random.randrange(7 * 1440)
        found.append(query)
    return found


class TestClassifier:
    @given(MADE, st.integers(0, 1 << 32))
    def test_it_finds_the_rule_that_asking_one_by_one_finds(self, made: Made, seed: int) -> None:
        classifier = Classifier(matches(made), ZONES, ZONES)

        for query in queries(seed) * 2:  # the second time from memory
            pair = int(query.zone_in * ZONES + query.zone_out)
            found = classifier.first(query, classifier.candidates(query, pair), True)
            expected = next((str(place) for place, said in enumerate(made.rules) if said.matches(made, query)), "")
            assert (found.rule.name if found is not None and found.rule is not None else "") == expected

    @given(MADE, st.integers(0, 1 << 32))
    def test_a_rule_has_no_mismatch_to_tell_exactly_if_it_matches(self, made: Made, seed: int) -> None:
        for query in queries(seed)[:20]:
            for said, match in zip(made.rules, matches(made), strict=True):
                here = query.zone_in in said.zones_in and query.zone_out in said.zones_out
                assert (here and why.mismatches(match, query) == []) == said.matches(made, query)

    @given(MADE, st.integers(0, 1 << 32))
    def test_a_policy_judges_forwards_before_the_first_unconditional_rule(self, made: Made, seed: int) -> None:
        parts = Parts()
        parts.zones = [Zone(number, f"zone{number}", (), ()) for number in range(ZONES)]
        parts.rules = matches(made)
        forward = NatRule(0, "forward", FORWARD, "", 1)
        forward.rule = Rule(0, "forward", "nat", ACCEPT, "", 1)
        parts.nat_rules = [forward]
        policy = Policy(parts)

        for query in queries(seed):
            if 0 in (query.zone_in, query.zone_out):
                continue  # there, built-in rules stand first
            assert policy.foresee(query, None).name == judged(made, query, False)
            assert policy.decide(query, forward).name == judged(made, query, True)


def judged(made: Made, query: Query, forwarded: bool) -> str:
    """Rules in order, the implicit accept where the first unconditional one of the pair stands."""
    for place, said in enumerate(made.rules):
        here = query.zone_in in said.zones_in and query.zone_out in said.zones_out
        if forwarded and here and said.unconditional():
            return "forward"
        if said.matches(made, query):
            return str(place)
    return "forward" if forwarded else "default"


class TestLimits:
    @given(
        st.integers(1, 9),
        st.sampled_from((1, 7, 60)),
        st.integers(1, 6),
        st.lists(st.integers(0, 40), min_size=1, max_size=60),
    )
    def test_a_bucket_is_a_bucket(self, count: int, period: int, burst: int, steps: list[int]) -> None:
        """Against tokens counted in exact fractions; times are eighths of a second."""
        limit = Limit(count, period, burst)
        tokens, last, now = Fraction(burst), 0, 0
        for step in steps:
            now += step
            tokens = min(Fraction(burst), tokens + Fraction((now - last) * count, 8 * period))
            last = now
            expected = tokens >= 1
            assert limit.left(b"", now / 8) == expected
            assert limit.take(b"", now / 8) == expected
            tokens -= expected

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), min_size=1, max_size=120), st.integers(1, 4))
    def test_no_source_gets_more_than_its_rate_and_none_is_remembered_beyond_the_bound(
        self, asked: list[tuple[int, int]], remembered: int
    ) -> None:
        limit = Limit(2, 10, 2, per_source=True, remembered=remembered)
        now, taken = 0.0, dict[int, list[float]]()
        for source, step in asked:
            now += step / 4
            if limit.take(bytes((10, 0, 0, source)), now):
                taken.setdefault(source, []).append(now)
            assert limit.sources() <= remembered
        for times in taken.values():
            for first in range(len(times)):
                for after in range(first, len(times)):
                    allowed = 2 + (times[after] - times[first]) * 2 / 10
                    assert after - first + 1 <= allowed + 2 + 1e-6  # 2 more: a new source may find the shared bucket


class TestSchedules:
    @given(
        st.lists(st.builds(Window, st.integers(0, 127), st.integers(0, 1439), st.integers(0, 1440)), max_size=3),
        st.integers(0, 7 * 1440 - 1),
    )
    def test_open_at_is_what_every_opening_says(self, windows: list[Window], minute: int) -> None:
        assert Schedule("s", windows, gmtime).open_at(minute) == any(_open(window, minute) for window in windows)

    @given(
        st.lists(st.builds(Window, st.integers(0, 127), st.integers(0, 1439), st.integers(0, 1440)), max_size=2),
        st.sampled_from(("Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "UTC")),
        st.sampled_from(("2026-03-28", "2026-10-03", "2026-10-24", "2026-11-01", "2026-04-04")),
        st.lists(st.integers(-600, 7200), min_size=1, max_size=40),
    )
    def test_active_is_open_at_by_local_time_whatever_the_clock_does(
        self, windows: list[Window], zone: str, day: str, steps: list[int]
    ) -> None:
        place = ZoneInfo(zone)

        def localtime(wall: float) -> struct_time:
            return datetime.fromtimestamp(wall, place).timetuple()

        schedule = Schedule("s", windows, localtime)
        wall = datetime.fromisoformat(day).replace(tzinfo=place).timestamp()
        for step in steps:
            wall += step
            local = localtime(wall)
            minute = local.tm_wday * 1440 + local.tm_hour * 60 + local.tm_min
            assert schedule.active(wall) == schedule.open_at(minute)
