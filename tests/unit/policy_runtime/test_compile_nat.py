"""From the entries of `nat:` to NAT rules, and which connections they are for."""

from __future__ import annotations

import pytest

from conntrack.policy.nat_rule import EXEMPT, FORWARD, MASQUERADE, ONE_TO_ONE, REDIRECT, SOURCE_NAT, NatRule
from conntrack.policy.policy import Policy
from conntrack.policy.runtime import NO_ZONE
from tests.unit.policy_runtime.rulebook import GUEST, LAN, WAN, asked, course, policy

OPEN = "policy: {any -> any: accept}"


def nat(entries: str) -> Policy:
    return policy(f"nat:\n{entries}\n{OPEN}\n")


def entry(text: str) -> NatRule:
    """The only NAT rule of one entry."""
    (rule,) = nat(f"  - {text}").nat_rules
    return rule


def leaving(rules: Policy, line: str) -> str:
    """The source NAT rule of a connection, "" for none."""
    found = rules.source_nat(asked(rules, line))
    return found.name if found is not None else ""


def arriving(rules: Policy, line: str) -> str:
    """The destination NAT rule of a connection, "" for none."""
    found = rules.destination_nat(asked(rules, line))
    return found.name if found is not None else ""


def packed(*addresses: str) -> list[bytes]:
    return [bytes(map(int, address.split("."))) for address in addresses]


class TestFields:
    def test_masquerade(self) -> None:
        rule = entry("{name: out, masquerade: wan, ports: 20000-40000, mapping: endpoint-independent}")

        assert (rule.name, rule.kind, rule.zone, rule.file, rule.line) == ("out", MASQUERADE, WAN, "rules.yaml", 7)
        assert (rule.port_low, rule.port_high, rule.endpoint_independent) == (20000, 40000, True)
        assert (rule.addresses, rule.rule) == ([], None)

    def test_source_nat_lists_every_address_of_its_pool(self) -> None:
        rule = entry("{source-nat: [203.0.113.5, 203.0.113.8-203.0.113.10, 203.0.113.64/31], at: wan}")

        last = ("5", "8", "9", "10", "64", "65")
        assert (rule.name, rule.kind, rule.zone) == ("source-nat #1", SOURCE_NAT, WAN)
        assert rule.addresses == packed(*(f"203.0.113.{host}" for host in last))
        assert (rule.port_low, rule.port_high, rule.endpoint_independent) == (0, 0, False)

    def test_forward_with_its_ports_kept(self) -> None:
        rule = entry("{forward: [http, https], at: wan, to: 192.168.10.20}")

        assert (rule.name, rule.kind, rule.zone) == ("forward #1", FORWARD, WAN)
        assert rule.addresses == packed("192.168.10.20")
        assert [rule.target_port(port) for port in (80, 443)] == [80, 443]

    def test_forward_to_another_port_and_several_hosts(self) -> None:
        rule = entry("{forward: https, at: wan, to: ['192.168.10.20-192.168.10.21:8443', '192.168.10.30:8443']}")

        assert rule.addresses == packed("192.168.10.20", "192.168.10.21", "192.168.10.30")
        assert rule.target_port(443) == 8443

    def test_forward_of_a_range_keeps_the_place_in_it(self) -> None:
        rule = entry("{forward: [tcp/8000-8010, udp/8000-8010], at: wan, to: '192.168.10.20:9000'}")

        assert (rule.first_port, rule.port_low, rule.port_high) == (8000, 9000, 9010)
        assert [rule.target_port(port) for port in (8000, 8007, 8010)] == [9000, 9007, 9010]

    def test_redirect(self) -> None:
        rule = entry("{redirect: dns, from: lan, to: 5353}")

        assert (rule.kind, rule.zone, rule.addresses) == (REDIRECT, NO_ZONE, [])
        assert rule.target_port(53) == 5353

    def test_one_to_one(self) -> None:
        rule = entry("{one-to-one: 203.0.113.7, at: wan, to: 192.168.10.7}")

        assert (rule.kind, rule.zone) == (ONE_TO_ONE, WAN)
        assert rule.addresses == packed("203.0.113.7", "192.168.10.7")

    def test_exempt(self) -> None:
        assert entry("{exempt: [10.0.0.0/8]}").kind == EXEMPT

    def test_what_arrives_carries_an_accept_and_what_leaves_does_not(self) -> None:
        rules = nat("""
  - {name: out, masquerade: wan}
  - {name: in, forward: [ftp], at: wan, to: 192.168.10.20}
        """)

        assert rules.nat_rules[0].rule is None
        accept = rules.nat_rules[1].rule
        assert accept is not None and accept is rules.rules[int(accept.number)]
        assert (accept.name, accept.pair, accept.helpers) == ("in", "nat", ("ftp",))


class TestLeaving:
    def test_masquerade_is_ipv4_unless_said_otherwise(self) -> None:
        rules = nat("  - {name: out, masquerade: wan}")

        assert leaving(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/443") == "out"
        assert leaving(rules, "lan fd10::5 -> 2001:db8::1 tcp/443") == ""
        assert (
            leaving(nat("  - {name: both, masquerade: wan, family: both}"), "lan fd10::5 -> 2001:db8::1 udp/9")
            == "both"
        )

    def test_only_what_leaves_by_its_zone(self) -> None:
        rules = nat("  - {name: out, masquerade: wan}")

        assert leaving(rules, "guest 192.168.20.5 -> 1.1.1.1 tcp/443") == "out"
        assert leaving(rules, "guest 192.168.20.5 -> 192.168.10.5 tcp/443") == ""

    def test_without_from_it_is_for_every_zone_but_the_gateway(self) -> None:
        assert leaving(nat("  - {name: out, masquerade: wan}"), "self -> 1.1.1.1 tcp/443") == ""
        assert leaving(nat("  - {name: out, masquerade: wan, from: self}"), "self -> 1.1.1.1 tcp/443") == "out"

    def test_from_source_and_destination_narrow_it(self) -> None:
        rules = nat("  - {name: out, masquerade: wan, from: lan, source: 192.168.10.0/25, destination: '!1.1.1.1'}")

        assert leaving(rules, "lan 192.168.10.5 -> 1.1.1.2 tcp/443") == "out"
        assert leaving(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/443") == ""
        assert leaving(rules, "lan 192.168.10.200 -> 1.1.1.2 tcp/443") == ""
        assert leaving(rules, "guest 192.168.20.5 -> 1.1.1.2 tcp/443") == ""

    def test_a_pool_of_one_family_is_for_that_family(self) -> None:
        rules = nat("""
  - {name: four, source-nat: 203.0.113.5, at: wan}
  - {name: six, source-nat: "2001:db8:1::5", at: wan}
        """)

        assert leaving(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/443") == "four"
        assert leaving(rules, "lan fd10::5 -> 2001:db8::1 tcp/443") == "six"

    def test_the_first_in_the_file_wins_and_exempt_stops_the_search(self) -> None:
        rules = nat("""
  - {name: tunnel, exempt: [10.8.0.0/16], from: lan}
  - {name: pool, source-nat: 203.0.113.5, at: wan, source: 192.168.10.0/28}
  - {name: out, masquerade: wan}
        """)

        assert leaving(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/443") == "pool"
        assert leaving(rules, "lan 192.168.10.99 -> 1.1.1.1 tcp/443") == "out"
        assert leaving(rules, "lan 192.168.10.5 -> 10.8.1.1 tcp/443") == ""
        assert leaving(rules, "guest 192.168.20.5 -> 10.8.1.1 tcp/443") == "out"

    def test_when(self) -> None:
        rules = nat("  - {name: out, masquerade: wan, when: daily 08:00-09:00}")

        line = "lan 192.168.10.5 -> 1.1.1.1 tcp/443 at tue"
        assert (leaving(rules, f"{line} 08:30"), leaving(rules, f"{line} 09:00")) == ("out", "")

    def test_one_to_one_gives_the_inside_host_its_outside_address(self) -> None:
        rules = nat("  - {name: pair, one-to-one: 203.0.113.7, at: wan, to: 192.168.10.7, source: 1.1.1.0/24}")

        assert leaving(rules, "lan 192.168.10.7 -> 1.1.1.1 tcp/443") == "pair"
        assert leaving(rules, "lan 192.168.10.7 -> 8.8.8.8 tcp/443") == ""  # `source:` names its peers
        assert leaving(rules, "lan 192.168.10.8 -> 1.1.1.1 tcp/443") == ""
        assert leaving(rules, "lan 192.168.10.7 -> 192.168.20.1 tcp/443") == ""


class TestArriving:
    RULES = """
  - {name: shop, forward: https, at: wan, to: 192.168.10.20, hairpin: [lan]}
  - {name: second, forward: [https, http], at: wan, to: 192.168.10.21, destination: 203.0.113.9}
    """

    def test_an_address_of_the_zone_that_it_came_by(self) -> None:
        rules = nat(self.RULES)
        query = asked(rules, "wan 1.1.1.1 -> self tcp/443")

        found = {}
        for zone in (NO_ZONE, 0, WAN, LAN, GUEST):
            query.address_zone = zone
            match = rules.destination_nat(query)
            found[zone] = match.name if match is not None else ""
        assert found == {NO_ZONE: "", 0: "", WAN: "shop", LAN: "", GUEST: ""}

    def test_any_address_of_the_gateway(self) -> None:
        rules = nat(self.RULES)

        assert arriving(rules, "wan 1.1.1.1 -> self tcp/443") == "shop"
        assert arriving(rules, "wan 1.1.1.1 -> self tcp/444") == ""

    def test_hairpin_zones_ask_by_the_outside_address(self) -> None:
        rules = nat(self.RULES)

        assert arriving(rules, "lan 192.168.10.5 -> self tcp/443") == "shop"
        assert arriving(rules, "guest 192.168.20.5 -> self tcp/443") == ""
        query = asked(rules, "lan 192.168.10.5 -> self tcp/443")
        query.address_zone = LAN  # the gateway's inside address
        assert rules.destination_nat(query) is None

    def test_an_explicit_destination_need_not_be_the_gateway_s(self) -> None:
        rules = nat(self.RULES)

        assert arriving(rules, "wan 1.1.1.1 -> 203.0.113.9 tcp/80") == "second"
        assert arriving(rules, "wan 1.1.1.1 -> self 203.0.113.9 tcp/80") == "second"
        assert arriving(rules, "wan 1.1.1.1 -> self 203.0.113.9 tcp/443") == "shop"
        assert arriving(rules, "wan 1.1.1.1 -> 203.0.113.10 tcp/80") == ""

    def test_from_says_who_may_instead_of_the_zone(self) -> None:
        rules = nat("  - {name: inner, forward: https, at: wan, from: guest, to: 192.168.10.20, hairpin: lan}")

        lines = ("wan 1.1.1.1", "lan 192.168.10.5", "guest 192.168.20.5")
        assert [arriving(rules, f"{line} -> self tcp/443") for line in lines] == ["", "inner", "inner"]

    def test_source_family_and_schedule_narrow_it(self) -> None:
        rules = nat("""
  - {name: six, forward: https, at: wan, to: "fd10::20"}
  - {name: some, forward: https, at: wan, to: 192.168.10.20, source: 1.1.1.0/24, when: daily 08:00-09:00}
        """)

        assert arriving(rules, "wan 2001:db8::1 -> self tcp/443") == "six"
        assert arriving(rules, "wan 1.1.1.1 -> self tcp/443 at 08:00") == "some"
        assert arriving(rules, "wan 1.1.1.1 -> self tcp/443 at 10:00") == ""
        assert arriving(rules, "wan 1.1.2.1 -> self tcp/443 at 08:00") == ""

    @pytest.mark.parametrize("target", ["self", "192.168.20.1", "8.8.8.8", "192.168.10.1"])
    def test_redirect_takes_whatever_the_destination_was(self, target: str) -> None:
        rules = nat("  - {name: dns, redirect: dns, from: [lan], to: 5353}")

        assert arriving(rules, f"lan 192.168.10.5 -> {target} udp/53") == "dns"
        assert arriving(rules, f"guest 192.168.20.5 -> {target} udp/53") == ""

    def test_one_to_one_takes_everything_to_the_outside_address(self) -> None:
        rules = nat("  - {name: pair, one-to-one: 203.0.113.7, at: wan, to: 192.168.10.7, hairpin: lan}")

        assert arriving(rules, "wan 1.1.1.1 -> 203.0.113.7 tcp/1") == "pair"
        assert arriving(rules, "wan 1.1.1.1 -> 203.0.113.7 ping") == "pair"
        assert arriving(rules, "lan 192.168.10.5 -> 203.0.113.7 tcp/1") == "pair"
        assert arriving(rules, "guest 192.168.20.5 -> 203.0.113.7 tcp/1") == ""
        assert arriving(rules, "wan 1.1.1.1 -> 203.0.113.8 tcp/1") == ""

    @pytest.mark.parametrize(("destination", "rule"), [("203.0.113.0/29", "pair"), ("203.0.113.8/29", "")])
    def test_a_destination_narrows_one_to_one_to_all_or_nothing(self, destination: str, rule: str) -> None:
        rules = nat(
            f"  - {{name: pair, one-to-one: 203.0.113.7, at: wan, to: 192.168.10.7, destination: {destination}}}"
        )

        assert arriving(rules, "wan 1.1.1.1 -> 203.0.113.7 tcp/1") == rule


class TestCourse:
    """All phases together, as explain and tests see them."""

    RULES = """
  - {name: out, masquerade: wan, from: [lan, guest]}
  - {name: shop, forward: https, at: wan, to: '192.168.10.20:8443', hairpin: [lan]}
  - {name: dns, redirect: dns, from: [guest], to: 5353}
  - {name: pair, one-to-one: 203.0.113.7, at: wan, to: 192.168.10.7}
    """

    def test_out(self) -> None:
        found = course(nat(self.RULES), "lan 192.168.10.5 -> 1.1.1.1 tcp/443")

        assert found.forward is None and not found.hairpin
        assert found.departure is not None and found.departure.name == "out"

    def test_in(self) -> None:
        found = course(nat(self.RULES), "wan 1.1.1.1 -> self tcp/443")

        assert found.forward is not None and found.forward.name == "shop"
        assert (found.query.zone_out, found.query.destination, found.query.destination_port) == (
            LAN,
            bytes((192, 168, 10, 20)),
            8443,
        )
        assert (found.arrived.zone_out, found.arrived.destination_port) == (0, 443)
        assert found.departure is None and not found.hairpin

    def test_hairpin(self) -> None:
        found = course(nat(self.RULES), "lan 192.168.10.5 -> self tcp/443")

        assert found.hairpin and found.departure is None

    def test_redirect_ends_at_the_gateway(self) -> None:
        found = course(nat(self.RULES), "guest 192.168.20.5 -> 8.8.8.8 udp/53")

        assert (found.query.zone_out, found.query.destination_port, found.crosses) == (0, 5353, False)

    def test_one_to_one_keeps_the_service(self) -> None:
        found = course(nat(self.RULES), "wan 1.1.1.1 -> 203.0.113.7 tcp/25")

        assert (found.query.zone_out, found.query.destination_port) == (LAN, 25)

    def test_the_gateway_s_own_connections_are_not_translated(self) -> None:
        found = course(nat(self.RULES), "self -> 203.0.113.7 tcp/443")

        assert (found.forward, found.departure, found.crosses) == (None, None, False)

    def test_what_is_dropped_is_not_translated(self) -> None:
        rules = policy("nat: [{masquerade: wan}]")

        found = course(rules, "lan 192.168.10.5 -> 1.1.1.1 tcp/443")

        assert (found.rule.name, found.departure) == ("default", None)
