"""Counters of outside ports: few cost little, many cost 256 kB, addresses that nobody uses cost nothing for long."""

import sys
from array import array

from hypothesis import given
from hypothesis import strategies as st

from conntrack.nat.ports import SWEEP_FROM, Ports
from conntrack.nat.use import FEW, PORTS, PortUse
from tests.host import Host

ADDRESS = bytes((198, 51, 100, 1))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=60))
def test_counts_what_is_taken_and_given_back(steps: list[tuple[bool, int]]) -> None:
    use, counts = PortUse(6, ADDRESS), dict.fromkeys(range(6), 0)
    for taken, port in steps:
        if taken:
            use.take(port)
            counts[port] += 1
        elif counts[port]:
            use.give(port)
            counts[port] -= 1
        assert {port: int(use.holders(port)) for port in counts} == counts
        assert use.used == sum(1 for count in counts.values() if count)
        assert use.idle(0.0) == (not any(counts.values()))


def test_counts_the_same_with_every_port_in_use_and_back() -> None:
    use = PortUse(17, ADDRESS)
    for _ in range(2):
        for port in range(PORTS):
            use.take(port)
    assert use.used == PORTS
    assert {int(use.holders(port)) for port in range(PORTS)} == {2}
    for port in range(PORTS):
        use.give(port)
        use.give(port)
    assert use.used == 0
    assert use.idle(0.0)


def test_an_address_with_few_ports_in_use_is_small() -> None:
    use = PortUse(6, ADDRESS)
    for port in range(16):
        use.take(port)
    everything = [getattr(use, name) for name in ("_few", "_many", "exclusive", "_resting")]
    assert sum(sys.getsizeof(one) for one in everything) < 4096
    for port in range(FEW + 1):
        use.take(port)
    assert isinstance(use._many, array)


def test_a_resting_port_keeps_its_address_until_it_has_rested() -> None:
    use = PortUse(6, ADDRESS)
    use.rest(5000, 120.0, b"\n\0\0\1")
    assert not use.idle(119.0)
    assert use.idle(120.0)


def test_ports_rest_one_by_one_and_are_forgotten_together() -> None:
    use, one, other = PortUse(6, ADDRESS), b"\n\0\0\1", b"\n\0\0\2"
    use.rest(5000, 120.0, one)
    use.rest(5001, 130.0, one)
    assert (use.rests(5000, other, 119.0), use.rests(5000, one, 119.0)) == (True, False)
    assert (use.rests(5000, other, 120.0), use.rests(5001, other, 129.0)) == (False, True)
    assert not use.rests(5001, other, 130.0)
    assert use._resting == {}


def test_addresses_that_are_idle_are_forgotten_and_used_ones_are_not() -> None:
    ports = Ports()
    kept = ports.use(6, ADDRESS)
    kept.take(80)
    for number in range(50 * SWEEP_FROM):
        ports.use(17, number.to_bytes(4, "big"))
    assert len(ports.uses()) <= SWEEP_FROM + 1
    assert ports.use(6, ADDRESS) is kept


RULES = """
version: 1
zones:
  wan: {interfaces: [eth0]}
  lan: {interfaces: [eth1], networks: [192.168.10.0/24, "fd10::/64"]}
nat:
  - {one-to-one: "2001:db8:77::/64", at: wan, to: "fd10::/64", mapping: checksum-neutral}
policy:
  lan -> wan: accept
"""


def test_a_host_that_speaks_from_every_address_of_its_prefix_leaves_no_memory_taken() -> None:
    """A /64 has more addresses than there is memory; what is kept for each must go with its connections."""
    host = Host(RULES)
    for number in range(4 * SWEEP_FROM):
        assert host.arrive("lan", f"udp [fd10::{number + 1:x}]:5000 > [2001:db8:f::9]:53").startswith("wan ")
        host.wait(31 if number % 100 == 99 else 0)
    host.wait(31)
    host.arrive("lan", "udp [fd10::ffff]:5000 > [2001:db8:f::9]:53")
    assert len(host.engine.ports.uses()) <= SWEEP_FROM + 1
