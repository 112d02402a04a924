"""The metrics of a real engine, as Prometheus would read them, and checked by its own promtool."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from conntrack.engine.granting import Wanted
from conntrack.gateway.queue.base import Tally
from conntrack.gateway.queue.stats import Stats
from conntrack.policy.runtime import ACCEPT, Rule
from conntrack.service.configuration import Configuration
from conntrack.service.latency import Histogram
from conntrack.service.loop import PacketLoop
from conntrack.service.metrics.families import united
from conntrack.service.metrics.health import HealthCollector, Sources
from conntrack.service.metrics.page import pieces, without_comments
from conntrack.service.metrics.rules import RulesCollector
from conntrack.service.metrics.traffic import TrafficCollector
from conntrack.service.naming import naming
from tests.host import Host
from tests.unit.service.fakes import FakeQueue

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
sets:
  admins: {members: [198.51.100.0/24, 203.0.113.7]}
nat:
  - {name: internet, masquerade: wan, from: [lan], ports: 20000-29999}
  - {name: webshop, forward: tcp/443, at: wan, to: 192.168.10.20}
policy:
  lan -> wan:
    - {name: no-mail, drop: [tcp/25]}
    - {name: no-telnet, reject: [tcp/23]}
    - {name: outbound, accept: any}
  wan -> self:
    - {name: admin, accept: [ssh], source: admins}
"""

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def a_gateway_at_work() -> Host:
    host = Host(RULES)
    outside = host.arrive("lan", "tcp 192.168.10.5:40000 > 1.1.1.1:443 SYN seq=1").split()[2]
    host.arrive("wan", f"tcp 1.1.1.1:443 > {outside} SYN+ACK seq=9 ack=2")
    host.arrive("lan", "udp 192.168.10.5:40000 > 1.1.1.1:53")
    host.arrive("lan", "tcp 192.168.10.5:40001 > 1.1.1.1:25 SYN seq=1")
    host.arrive("lan", "tcp 192.168.10.5:40001 > 1.1.1.1:23 SYN seq=1")
    host.arrive("wan", "tcp 198.51.100.9:40000 > 203.0.113.1:22 SYN seq=1")
    host.arrive("wan", "tcp 192.0.2.9:40000 > 203.0.113.1:22 SYN seq=1")
    host.arrive("wan", "tcp 192.0.2.9:40000 > 203.0.113.1:80 ACK seq=1 ack=1 broken")
    return host


def registry_of(host: Host) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TrafficCollector(host.engine, naming(host.engine).state_name))
    registry.register(RulesCollector(host.engine))
    return registry


def samples(page: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


@pytest.fixture
def health() -> Iterator[Collector]:
    configuration = Configuration(Path("rules.yaml"))
    configuration.worked("c0ffee", 1700000000.0, [])
    configuration.failed(["a mistake"])
    configuration.set_failed("blocklist")
    tally = Tally()
    tally.packets, tally.overruns, tally.faults = 1000, 2, 1
    latency = Histogram()
    latency.observe(8e-6, 10)

    async def make() -> PacketLoop:
        queue = FakeQueue()
        loop = PacketLoop(queue, a_gateway_at_work().engine, lambda: None)
        queue.close()
        return loop

    loop = asyncio.run(make())
    sources = Sources(
        loop=loop,
        latency=latency,
        configuration=configuration,
        tally=lambda: tally,
        queue=lambda: Stats(7, 4711, 3, 20, 1, 1000),
        control_requests=lambda: 12,
        log_records_lost=lambda: 0,
        watchers=lambda: 1,
    )
    yield HealthCollector(sources)


def whole_page(health: Collector) -> bytes:
    registry = registry_of(a_gateway_at_work())
    registry.register(health)
    return generate_latest(registry)


def test_traffic() -> None:
    found = samples(generate_latest(registry_of(a_gateway_at_work())).decode())

    def value(name: str, **labels: str) -> float:
        return found[f"pairwall_{name}", tuple(sorted(labels.items()))]

    assert value("connections", protocol="tcp", state="syn_recv") == 1
    assert value("connections", protocol="tcp", state="established") == 0
    assert value("connections_limit") == 262144
    assert value("connections_created_total") == 3
    assert value("connections_closed_total", reason="timeout") == 0
    assert value("packets_total", verdict="accept", from_zone="lan", to_zone="wan") == 2
    assert value("packets_total", verdict="accept", from_zone="wan", to_zone="lan") == 1
    assert value("packets_total", verdict="reject", from_zone="lan", to_zone="wan") == 1
    assert value("packets_total", verdict="accept", from_zone="wan", to_zone="self") == 1
    assert value("bytes_total", verdict="accept", from_zone="lan", to_zone="wan") == 40 + 28
    assert value("dropped_packets_total", reason="policy-drop") == 1
    assert value("dropped_packets_total", reason="policy-reject") == 1
    assert value("dropped_packets_total", reason="no-rule") == 1
    assert value("dropped_packets_total", reason="bad-checksum") == 1
    assert value("dropped_packets_total", reason="table-full") == 0


def test_rules_nat_and_sets() -> None:
    found = samples(generate_latest(registry_of(a_gateway_at_work())).decode())
    assert found["pairwall_rule_hits_total", (("action", "drop"), ("pair", "lan -> wan"), ("rule", "no-mail"))] == 1
    assert found["pairwall_rule_hits_total", (("action", "accept"), ("pair", "lan -> wan"), ("rule", "outbound"))] == 2
    assert found["pairwall_nat_hits_total", (("kind", "masquerade"), ("rule", "internet"))] == 2
    assert found["pairwall_nat_failures_total", (("kind", "masquerade"), ("rule", "internet"))] == 0
    assert found["pairwall_set_members", (("set", "admins"),)] == 2
    # one IPv4 address on eth0 with 10 000 ports, of which the TCP connection took one
    assert found["pairwall_nat_ports_free", (("pool", "internet"), ("protocol", "tcp"))] == 9_999
    assert not any(name == "pairwall_nat_ports_free" and ("pool", "webshop") in labels for name, labels in found)


def test_port_blocks_and_requested_mappings() -> None:
    host = Host(RULES.replace("ports: 20000-29999", "ports: 20000-29999, port-blocks: {size: 100}"))
    for last in (5, 6, 6):
        host.arrive("lan", f"udp 192.168.10.{last}:40000 > 1.1.1.1:53")
    host.engine.requests.request(Wanted(17, bytes((192, 168, 10, 5)), 40001, 60.0, "test"), host.now)
    found = samples(generate_latest(registry_of(host)).decode())
    assert found["pairwall_nat_port_blocks", (("pool", "internet"),)] == 2
    assert found["pairwall_nat_requested_mappings", ()] == 1


def test_health(health: Collector) -> None:
    found = samples(whole_page(health).decode())
    assert found["pairwall_queue_packets", (("queue", "7"),)] == 3
    assert found["pairwall_queue_dropped_packets_total", (("cause", "queue-full"), ("queue", "7"))] == 20
    assert found["pairwall_queue_dropped_packets_total", (("cause", "socket-full"), ("queue", "7"))] == 1
    assert found["pairwall_queue_overruns_total", ()] == 2
    assert found["pairwall_internal_errors_total", ()] == 1
    assert found["pairwall_verdict_latency_seconds_bucket", (("le", "1e-05"),)] == 10
    assert found["pairwall_verdict_latency_seconds_count", ()] == 10
    assert found["pairwall_configuration_info", (("hash", "c0ffee"),)] == 1
    assert found["pairwall_configuration_generation", ()] == 1
    assert found["pairwall_configuration_load_timestamp_seconds", ()] == 1700000000
    assert found["pairwall_configuration_last_load_successful", ()] == 0
    assert found["pairwall_configuration_loads_total", (("result", "failed"),)] == 1
    assert found["pairwall_set_refresh_failures_total", (("set", "blocklist"),)] == 1
    assert ("pairwall_loop_lag_seconds", ()) in found


def test_promtool_has_nothing_to_complain_of(health: Collector) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    checked = subprocess.run([promtool, "check", "metrics"], input=whole_page(health), capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_no_address_and_no_port_in_a_label(health: Collector) -> None:
    address = re.compile(r"\d+\.\d+\.\d+\.\d+|[0-9a-f]*::[0-9a-f]*")
    for _, labels in samples(whole_page(health).decode()):
        assert not any(address.search(value) for name, value in labels if name not in ("version", "python"))
        assert not any("port" in name or "address" in name for name, _ in labels)


def test_every_metric_has_the_prefix_and_a_sentence(health: Collector) -> None:
    for family in text_string_to_metric_families(whole_page(health).decode()):
        assert family.name.startswith("pairwall_")
        assert family.documentation.endswith(".")


def test_two_rules_of_one_name_make_one_sample() -> None:
    """Prometheus would refuse the whole page for the sake of one doubled sample."""
    host = a_gateway_at_work()
    twin = Rule(0, "outbound", "lan -> wan", ACCEPT, "rules.yaml", 99)
    twin.hits = 40
    host.engine.policy.rules.append(twin)
    found = samples(generate_latest(registry_of(host)).decode())
    assert found["pairwall_rule_hits_total", (("action", "accept"), ("pair", "lan -> wan"), ("rule", "outbound"))] == 42
    assert united([(("a",), 1), (["a"], 2), (("b",), 3)]) == [(("a",), 3), (("b",), 3)]


def test_a_zone_that_is_gone_is_called_none() -> None:
    host = Host(RULES)
    host.engine.packet(b"\x45" + bytes(30), 2, 99, 98, 0, host.now)
    found = samples(generate_latest(registry_of(host)).decode())
    labels = (("from_zone", "none"), ("to_zone", "none"), ("verdict", "drop"))
    assert found["pairwall_packets_total", labels] == 1


def many(count: int) -> Metric:
    family = GaugeMetricFamily("pairwall_many", "Many.", labels=("name",))
    for number in range(count):
        family.add_metric((f'# odd "{number}"\n',), number)
    return family


@pytest.mark.parametrize("family", [many(0), many(1), many(450), CounterMetricFamily("x", "X.", value=1)])
def test_a_family_in_pieces_is_the_family(family: Metric) -> None:
    class One(Collector):
        def collect(self) -> Iterator[Metric]:
            yield family

    whole = generate_latest(One())
    assert b"".join(pieces(family, generate_latest)) == whole


def test_a_long_family_has_one_head() -> None:
    texts = list(pieces(many(450), generate_latest))
    assert len(texts) == 3
    assert b"".join(texts).count(b"# TYPE") == 1
    assert len(list(pieces(InfoMetricFamily("about", "About.", value={"a": "b"}), generate_latest))) == 1


def test_only_comments_are_left_out() -> None:
    assert without_comments(b'# HELP a b\n# TYPE a gauge\na{x="# "} 1\n# EOF\n') == b'a{x="# "} 1\n# EOF\n'
