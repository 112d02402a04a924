"""How much of a pool is in use: told at every scrape of the metrics, between packets."""

from conntrack.service.pools import held, outside
from tests.host import Host, address

RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24]}
nat:
  - {name: pool, source-nat: 203.0.113.16/28, at: wan, from: lan}
policy:
  lan -> wan: accept
"""


class OnlyGoneThrough(list[bytes]):
    """A list that is never searched: with a large pool every address in use would be looked for in all of it."""

    def __contains__(self, wanted: object) -> bool:
        raise AssertionError("searched")


def test_what_is_held_of_a_pool_by_protocol_and_in_all() -> None:
    host = Host(RULES)
    host.arrive("lan", "udp 192.168.10.5:5000 > 198.51.100.9:53")
    host.arrive("lan", "udp 192.168.10.5:5001 > 198.51.100.9:53")
    host.arrive("lan", "tcp 192.168.10.6:5000 > 198.51.100.9:80 SYN")
    host.engine.ports.use(17, address("203.0.113.99")).take(5000)  # of no pool
    pool = OnlyGoneThrough(outside(host.engine, host.engine.policy.nat_rules[0]))
    assert len(pool) == 16
    assert (held(host.engine, pool), held(host.engine, pool, 17), held(host.engine, pool, 6)) == (3, 2, 1)
