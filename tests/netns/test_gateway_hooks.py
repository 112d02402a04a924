"""The hook rules in a real kernel: what they queue, what they spare, and what they leave behind (nothing)."""

from __future__ import annotations

import re
import socket
import struct
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from conntrack.cli.lab import probes
from conntrack.cli.lab.namespace import Namespace
from conntrack.cli.lab.network import (
    CLIENT4,
    CLIENT6,
    INSIDE4,
    INSIDE6,
    OUTSIDE4,
    OUTSIDE6,
    SERVER4,
    SERVER6,
    Network,
)
from conntrack.cli.lab.process import Process
from conntrack.engine.verdict import DONE, FORWARD, HALF, OUTPUT, PREROUTING
from conntrack.gateway.hooks import nft
from conntrack.gateway.hooks.backend import IPTABLES_LEGACY, IPTABLES_NFT, Nft, sweep
from conntrack.gateway.hooks.hooks import Hooks
from conntrack.gateway.hooks.plan import Catch, Wanted, plan
from conntrack.gateway.hooks.probe import try_out
from conntrack.gateway.hooks.tools import HookError
from tests.netns.pump import NUMBER, Pump, Recorder, Seen, accept
from tests.netns.router import PORT, serving

UDP, ICMP, ICMPV6 = 17, 1, 58
EVERYTHING = Wanted(
    NUMBER,
    pool=[ip_network("203.0.113.8/29"), ip_network("2001:db8:aa::/126")],
    catches=[
        Catch("eth1", UDP, (53, 53)),
        Catch("ppp+", 6, (80, 90), network=ip_network("10.0.0.0/8")),
        Catch("eth1", 1),
    ],
    brands=[("eth1", 0x10), ("ppp+", 0x20)],
    untrack=True,
)
FOREIGN = """\
table inet other {
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport 9999 drop
  }
  chain before {
    type filter hook prerouting priority mangle; policy accept;
    meta mark 0x55 counter
  }
}
table ip pairwall {
  chain of_somebody_else {
    counter
  }
}
"""
FOREIGN_IPTABLES = """\
*mangle
:MINE - [0:0]
-A PREROUTING -s 10.9.9.9 -j MARK --set-mark 7
-A FORWARD -j MINE
-A MINE -p tcp -j RETURN
COMMIT
*filter
:PAIR - [0:0]
-A INPUT -p tcp --dport 9998 -j DROP
-A OUTPUT -j PAIR
COMMIT
*raw
-A PREROUTING -s 10.8.8.8 -j DROP
COMMIT
"""


@pytest.fixture
def net() -> Iterator[Network]:
    with serving() as network:
        yield network


@pytest.fixture(params=[IPTABLES_NFT, IPTABLES_LEGACY])
def tool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def dump(host: Namespace) -> dict[str, str]:
    """Every rule of the host as each tool prints it, without counters and dates; tables without rules left out."""
    found = {}
    for program in ("iptables-nft-save", "ip6tables-nft-save", "iptables-legacy-save", "ip6tables-legacy-save"):
        text = re.sub(r"^#.*\n|\[\d+:\d+\]", "", host.run(program).stdout, flags=re.MULTILINE)
        for table in re.findall(r"^\*.*?^COMMIT", text, flags=re.MULTILINE | re.DOTALL):
            if "-A" in table or re.search(r"^:\S+ -", table, flags=re.MULTILINE):
                found[f"{program} {table.split()[0]}"] = table
    for table in re.findall(r"^table .*?^}", host.run("nft", "list", "ruleset").stdout, flags=re.MULTILINE | re.DOTALL):
        if not re.match(r"table ip6? (mangle|filter|raw|nat) ", table):
            found[table.split("{")[0]] = re.sub(r"packets \d+ bytes \d+", "", table)
    return found


def foreign(host: Namespace) -> None:
    assert host.run("nft", "-f", "-", text=FOREIGN).returncode == 0
    for program in ("iptables-nft-restore", "ip6tables-nft-restore", "iptables-legacy-restore"):
        text = FOREIGN_IPTABLES.replace("-s 10.9.9.9 ", "").replace("-s 10.8.8.8 ", "-p 200 ")
        assert host.run(program, "--noflush", text=text).returncode == 0


def install(host: Namespace, hooks: Hooks, wanted: Wanted = EVERYTHING) -> bool:
    with host.entered():
        return hooks.install(wanted)


def test_another_tool_s_rules_are_never_touched(net: Network, tool: str) -> None:
    foreign(net.gateway)
    before = dump(net.gateway)
    hooks = Hooks(tool)
    install(net.gateway, hooks)
    meanwhile = dump(net.gateway)
    for table, text in before.items():
        lines = [line for line in meanwhile[table].splitlines() if "PAIRWALL" not in line]
        assert lines == text.splitlines(), table
    with net.gateway.entered():
        hooks.remove()
    assert dump(net.gateway) == before


def test_our_jumps_come_first(net: Network, tool: str) -> None:
    foreign(net.gateway)
    install(net.gateway, Hooks(tool))
    program = "iptables-nft" if tool == IPTABLES_NFT else "iptables-legacy"
    for table, chain in (("mangle", "PREROUTING"), ("mangle", "FORWARD"), ("filter", "INPUT"), ("raw", "PREROUTING")):
        rules = [
            line for line in net.gateway.run(program, "-t", table, "-S", chain).stdout.splitlines() if "-A" in line
        ]
        assert "PAIRWALL" in rules[0]
        assert "PAIRWALL" not in "".join(rules[1:])


def test_installing_again_changes_nothing_and_a_new_plan_replaces_the_old(net: Network, tool: str) -> None:
    hooks = Hooks(tool)
    assert install(net.gateway, hooks) is True
    first = dump(net.gateway)
    assert install(net.gateway, hooks) is False
    assert install(net.gateway, Hooks(tool)) is True  # another run over its leftovers
    assert dump(net.gateway) == first
    assert install(net.gateway, hooks, EVERYTHING._replace(pool=[])) is True
    assert not [text for text in dump(net.gateway).values() if "203.0.113.8" in text]
    assert install(net.gateway, hooks, EVERYTHING) is True
    assert dump(net.gateway) == first


def test_a_plan_that_cannot_be_loaded_leaves_the_old_one_standing(net: Network, tool: str) -> None:
    hooks = Hooks(tool)
    install(net.gateway, hooks)
    before = dump(net.gateway)
    with pytest.raises(HookError, match="restore"):
        install(net.gateway, hooks, EVERYTHING._replace(catches=[Catch("a-name-too-long-for-linux", UDP, (53, 53))]))
    assert dump(net.gateway) == before


def test_leftovers_of_another_tool_are_swept(net: Network, tool: str) -> None:
    other = IPTABLES_LEGACY if tool == IPTABLES_NFT else IPTABLES_NFT
    install(net.gateway, Hooks(other))
    hooks = Hooks(tool)
    install(net.gateway, hooks)
    with net.gateway.entered():
        assert hooks.intact()
        hooks.remove()
    assert dump(net.gateway) == {}


@pytest.mark.parametrize("backend", ["netlink"])
@pytest.mark.parametrize(("bypass", "meanwhile"), [(False, probes.TIMEOUT), (True, "server sees")])
def test_a_killed_run_leaves_rules_that_do_what_on_failure_says(
    net: Network, backend: str, bypass: bool, meanwhile: str, tmp_path: Path
) -> None:
    program = (
        "import time\nfrom tests.netns.pump import *\nfrom conntrack.gateway.queue.choose import open_queue\n"
        f"queue = open_queue('{backend}', Options(NUMBER), Recorder())\n"
        f"Hooks().install(Wanted(NUMBER, bypass={bypass}))\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    with Process(net.gateway, [sys.executable, "-c", program], tmp_path / "log", environment) as killed:
        deadline = time.monotonic() + 10
        while "ready" not in killed.output():
            assert time.monotonic() < deadline and killed.exit_code() is None, killed.output()
            time.sleep(0.02)
        killed.signal(9)
        killed.wait(5)
    assert any("PAIRWALL" in text for text in dump(net.gateway).values())
    assert probes.udp(net.client, SERVER4, PORT, timeout=0.3).startswith(meanwhile)
    with Pump(net.gateway, Recorder(), backend, bypass=bypass):
        assert probes.udp(net.client, SERVER4, PORT).startswith("server sees")
    assert dump(net.gateway) == {}


def test_flushed_rules_are_noticed_and_put_back(net: Network) -> None:
    hooks = Hooks(IPTABLES_NFT)
    install(net.gateway, hooks)
    before = dump(net.gateway)
    with net.gateway.entered():
        assert hooks.intact()
        assert not hooks.repair()
        net.gateway.run("nft", "flush", "ruleset")
        assert not hooks.intact()
        assert hooks.repair()
        assert hooks.intact()
    assert dump(net.gateway) == before


def test_nothing_is_left_by_sweeping_where_nothing_was(net: Network) -> None:
    foreign(net.gateway)
    before = dump(net.gateway)
    with net.gateway.entered():
        assert sweep() == []
    assert dump(net.gateway) == before


def test_what_nft_lacks_is_named(net: Network) -> None:
    with net.gateway.entered():
        missing = try_out(Nft(), plan(EVERYTHING))
        if not missing:
            pytest.skip("this kernel has nft_queue")
        assert missing == ["the kernel has no nft_queue (CONFIG_NFT_QUEUE)"]
        with pytest.raises(HookError, match="nft: the kernel has no nft_queue"):
            Hooks("nft").install(EVERYTHING)
        with pytest.raises(HookError, match="no tool for hook rules is named 'ipfw'"):
            Hooks("ipfw").install(EVERYTHING)
    assert dump(net.gateway) == {}


def test_nft_s_table_loads_replaces_itself_and_goes(net: Network) -> None:
    """With another verdict in place of `queue`, which not every kernel has."""
    text = nft.install(plan(EVERYTHING)).replace(f"queue num {NUMBER}", "counter accept")
    for _ in range(2):
        loaded = net.gateway.run("nft", "-f", "-", text=text)
        assert loaded.returncode == 0, loaded.stdout
    with net.gateway.entered():
        assert Nft().intact(plan(EVERYTHING))
        Nft().remove()
        Nft().remove()
        assert not Nft().intact(plan(EVERYTHING))
    assert dump(net.gateway) == {}


def test_nft_s_table_puts_fragments_together(net: Network) -> None:
    counted = net.gateway.run(
        "nft",
        "table inet probe { chain f { type filter hook forward priority 0; iifname eth1 meta l4proto udp counter; }; }",
    )
    assert counted.returncode == 0, counted.stdout
    text = nft.install(plan(EVERYTHING)).replace(f"queue num {NUMBER}", "counter accept")
    text = text.replace("!= 0x80000000 drop", "== 0 counter")
    assert net.gateway.run("nft", "-f", "-", text=text).returncode == 0
    for server in (SERVER4, SERVER6):
        assert probes.udp(net.client, server, PORT, b"x" * 3000).startswith("server sees")
    assert "packets 2 bytes 6076" in net.gateway.run("nft", "list", "table", "inet", "probe").stdout


def tracked(host: Namespace) -> int:
    """Connections that the kernel tracks in this namespace."""
    with host.entered():
        return int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text())


def traffic(net: Network) -> None:
    for address in (SERVER4, SERVER6):
        assert probes.udp(net.client, address, PORT).startswith("server sees")
    for address in (INSIDE4, INSIDE6):
        assert probes.ping(net.client, address) == "answered"
    for address in ("127.0.0.1", "::1"):
        assert probes.ping(net.gateway, address) == "answered"


def test_the_kernel_s_connection_tracking_is_not_started(net: Network, backend: str) -> None:
    """Loopback is spared by our notrack rules, so it would show if tracking ran."""
    with Pump(net.gateway, Recorder(), backend):
        traffic(net)
        assert tracked(net.gateway) == 0


def test_connection_tracking_that_another_tool_started_does_not_see_our_packets(net: Network, backend: str) -> None:
    for program in ("iptables", "ip6tables"):
        net.gateway.run(program, "-A", "INPUT", "-m", "conntrack", "--ctstate", "INVALID")
    with Pump(net.gateway, Recorder(), backend):
        traffic(net)
        assert tracked(net.gateway) == 2  # loopback's two pings


def test_loopback_and_neighbour_discovery_are_not_queued(net: Network, backend: str) -> None:
    net.client.ip("neighbour flush dev eth0")
    recorder = Recorder()
    with Pump(net.gateway, recorder, backend):
        traffic(net)
    kinds = {one.raw[40] for one in recorder.seen if one.raw[0] >> 4 == 6 and one.raw[6] == ICMPV6}
    assert kinds == {128, 129}
    assert not [one for one in recorder.seen if one.raw[12:16] == bytes((127, 0, 0, 1))]


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        pytest.param("0.2", ("-b", "192.168.10.255"), id="broadcast"),
        pytest.param("0.2", ("-I", "eth0", "224.0.0.1"), id="multicast"),
        pytest.param("0.2", ("-I", "eth0", "ff02::1"), id="IPv6 multicast"),
        # its neighbour advertisement is delayed by up to a second (RFC 4861 §7.2.7)
        pytest.param("3", ("2001:db8:10::",), id="IPv6 subnet-router anycast"),
    ],
)
def test_group_and_anycast_addresses_are_queued_on_the_way_in(net: Network, wait: str, words: tuple[str, ...]) -> None:
    recorder = Recorder()
    with Pump(net.gateway, recorder, "netlink"):
        net.client.run("ping", "-c", "1", "-W", wait, *words)
    assert [one for one in recorder.seen if one.hook == PREROUTING and is_echo_request(one.raw)]


def is_echo_request(raw: bytes) -> bool:
    return raw[9] == ICMP and raw[20] == 8 if raw[0] >> 4 == 4 else raw[6] == ICMPV6 and raw[40] == 128


def test_link_local_addresses_of_the_gateway_are_queued(net: Network) -> None:
    recorder = Recorder()
    with Pump(net.gateway, recorder, "netlink"):
        for host, near, far in ((net.client, "eth0", "eth1"), (net.server, "eth0", "eth0")):
            shown = net.gateway.run("ip", "-6", "-o", "address", "show", "dev", far, "scope", "link").stdout
            assert probes.ping(host, shown.split()[3].split("/")[0] + f"%{near}") == "answered"
    assert len([one for one in recorder.of(PREROUTING, ICMPV6) if is_echo_request(one.raw)]) == 2


def test_what_the_gateway_sends_to_a_group_and_hears_itself_is_judged_once(net: Network) -> None:
    recorder = Recorder()
    with net.gateway.entered():
        inside = socket.if_nametoindex("eth1")
    with (
        net.gateway.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=1) as hearing,
        net.gateway.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending,
        Pump(net.gateway, recorder, "netlink"),
    ):
        hearing.bind(("", PORT))
        group = socket.inet_aton("239.1.1.1")
        hearing.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("=4s4si", group, bytes(4), inside))
        sending.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", bytes(4), bytes(4), inside))
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for address in ("239.1.1.1", "192.168.10.255"):
            sending.sendto(address.encode(), (address, PORT))
            assert hearing.recv(100) == address.encode()
    assert [one.hook for one in recorder.seen if one.raw[9] == UDP] == [OUTPUT, OUTPUT]


def test_a_packet_out_of_a_tunnel_is_judged_though_its_outer_packet_was(net: Network) -> None:
    """The decapsulated packet keeps the outer packet's mark: without clearing, DONE would let it be forwarded."""
    for host, near, far, inner in (
        (net.client, CLIENT4, INSIDE4, "10.99.0.2"),
        (net.gateway, INSIDE4, CLIENT4, "10.99.0.1"),
    ):
        host.ip(
            f"link add tunnel type vxlan id 9 local {near} remote {far} dstport 4789",
            f"address add {inner}/24 dev tunnel",
            "link set tunnel up",
        )
    net.client.ip(f"route add {SERVER4} via 10.99.0.1")
    net.server.ip(f"route add 10.99.0.0/24 via {OUTSIDE4}")
    recorder = Recorder()
    with Pump(net.gateway, recorder, "netlink"):
        assert probes.ping(net.client, SERVER4) == "answered"
    inner = [one for one in recorder.of(FORWARD, ICMP) if is_echo_request(one.raw)]
    outer = [one for one in recorder.of(PREROUTING, UDP) if inner and inner[0].raw[20:] in one.raw]
    assert (len(inner), len(outer)) == (1, 1)
    assert inner[0].mark == 0


@pytest.mark.parametrize("bypass", [False, True])
def test_what_reaches_the_host_past_prerouting_is_not_taken_in(net: Network, bypass: bool) -> None:
    """A local route outside the local table, as TPROXY set-ups have it."""
    net.gateway.ip("route add local 198.18.0.0/24 dev lo table 100", "rule add to 198.18.0.0/24 lookup 100")
    recorder = Recorder()
    with (
        net.gateway.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=0.3) as hearing,
        net.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending,
        Pump(net.gateway, recorder, "netlink", bypass=bypass),
    ):
        hearing.bind(("", PORT))
        sending.sendto(b"past", ("198.18.0.1", PORT))
        if bypass:
            assert hearing.recv(100) == b"past"
        else:
            with pytest.raises(TimeoutError):
                hearing.recv(100)
    assert not recorder.of(PREROUTING, UDP)


def test_pool_addresses_and_caught_ports_are_queued_before_routing(net: Network) -> None:
    recorder = Recorder()
    with Pump(net.gateway, recorder, "netlink", pool=EVERYTHING.pool, catches=EVERYTHING.catches):
        for address in ("203.0.113.9", "203.0.113.16", "2001:db8:aa::2", SERVER4, SERVER6):
            for port in (53, 54):
                with net.client.socket(
                    socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
                ) as sender:
                    sender.sendto(b"?", (address, port))
        probes.ping(net.client, SERVER4)
    assert [asked(one) for one in recorder.of(PREROUTING, UDP)] == [
        ("203.0.113.9", 53),
        ("203.0.113.9", 54),
        ("203.0.113.16", 53),
        ("2001:db8:aa::2", 53),
        ("2001:db8:aa::2", 54),
        (SERVER4, 53),
        (SERVER6, 53),
    ]
    assert len([one for one in recorder.of(PREROUTING, ICMP) if is_echo_request(one.raw)]) == 1


def asked(seen: Seen) -> tuple[str, int]:
    raw = seen.raw
    if raw[0] >> 4 == 4:
        return socket.inet_ntop(socket.AF_INET, raw[16:20]), int.from_bytes(raw[22:24], "big")
    return socket.inet_ntop(socket.AF_INET6, raw[24:40]), int.from_bytes(raw[42:44], "big")


@pytest.mark.parametrize(
    ("mark", "again"), [(DONE, False), (0, True), (HALF, True), (DONE | HALF, True), (DONE | 0x123, False)]
)
def test_the_mark_says_whether_forward_queues_a_packet_again(net: Network, mark: int, again: bool) -> None:
    def judge(seen: Seen) -> tuple[int, bytes | None, int]:
        return (1, None, mark) if seen.hook == PREROUTING else accept(seen)

    recorder = Recorder(judge)
    with Pump(net.gateway, recorder, "netlink", catches=[Catch("eth1", UDP, (PORT, PORT))]):
        probes.udp(net.client, SERVER4, PORT)
    there = [one for one in recorder.seen if one.raw[9] == UDP and asked(one) == (SERVER4, PORT)]
    assert [one.hook for one in there] == [PREROUTING, FORWARD] if again else [PREROUTING]
    assert again is False or there[1].mark == mark


def test_marks_that_came_in_from_elsewhere_mean_nothing(net: Network) -> None:
    """Another tool's rule before ours sets our bits: the packet is judged all the same, and keeps the other bits."""
    rule = "-t raw -A PREROUTING -i eth1 -j MARK --set-mark 0xF0000009"
    assert net.gateway.run("iptables", *rule.split()).returncode == 0
    recorder = Recorder()
    with Pump(net.gateway, recorder, "netlink"):
        assert probes.udp(net.client, SERVER4, PORT).startswith("server sees")
        assert probes.ping(net.client, INSIDE4) == "answered"
    (there, _), (request,) = recorder.of(FORWARD, UDP), recorder.of(PREROUTING, ICMP)
    assert (there.mark, request.mark) == (9, 9)


def test_the_outside_address_works_as_well(net: Network, backend: str) -> None:
    with Pump(net.gateway, Recorder(), backend):
        for address in (OUTSIDE4, OUTSIDE6):
            assert probes.ping(net.client, address) == "answered"
            assert probes.ping(net.server, address) == "answered"
        assert probes.ping(net.gateway, CLIENT6) == "answered"
