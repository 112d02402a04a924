"""Sysctls of hosts made of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from conntrack.gateway.sysctl import apply, check

FORWARDING = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv4/conf/eth0/forwarding": "1",
    "ipv6/conf/eth0/forwarding": "1",
    "ipv4/conf/eth1/forwarding": "1",
    "ipv6/conf/eth1/forwarding": "1",
}
NAMES = ["eth0", "eth1"]
ROUTES = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "{}\t00000000\t096433C6\t0003\t0\t0\t{}\t00000000\t0\t0\t0\n"
NETWORK = "eth1\t000AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
ROUTE6 = "{} 00 " + "0" * 32 + " 00 fe80000000000000000000000000fffe 00000400 00000001 00000000 {} {}\n"
ZERO = "0" * 32


class Host:
    """A root folder with /proc and /sys as far as they are looked at."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file("proc/net/route", ROUTES + DEFAULT.format("eth0", 100) + NETWORK)
        self.file("proc/net/ipv6_route", ROUTE6.format(ZERO, "00000003", "    eth0"))

    def file(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def sysctls(self, values: dict[str, str]) -> None:
        for path, value in values.items():
            self.file(f"proc/sys/net/{path}", value + "\n")

    def found(self) -> list[tuple[str, str, str]]:
        return [(one.name, one.value, one.wanted) for one in check(NAMES, self.root)]

    def value(self, path: str) -> str:
        return (self.root / "proc/sys/net" / path).read_text().strip()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.sysctls(FORWARDING)
    return made


def test_a_host_that_forwards_needs_nothing(host: Host) -> None:
    assert host.found() == []


def test_a_host_that_does_not_forward_is_told_once_for_each_version(host: Host) -> None:
    host.sysctls(dict.fromkeys(FORWARDING, "0"))
    assert host.found() == [("net.ipv4.ip_forward", "0", "1"), ("net.ipv6.conf.all.forwarding", "0", "1")]


def test_an_interface_that_alone_does_not_forward(host: Host) -> None:
    host.sysctls({"ipv4/conf/eth1/forwarding": "0"})
    (finding,) = check(NAMES, host.root)
    assert finding.complaint() == (
        "net.ipv4.conf.eth1.forwarding is 0, and should be 1: IPv4 from eth1 is not forwarded without it"
    )


def test_interfaces_of_no_zone_are_none_of_our_business(host: Host) -> None:
    host.sysctls({"ipv4/conf/eth1/forwarding": "0"})
    assert check(["eth0"], host.root) == []


def test_a_dot_in_an_interface_s_name_is_written_as_sysctl_does(host: Host) -> None:
    host.sysctls({"ipv4/conf/eth0.10/forwarding": "0"})
    assert [one.name for one in check(["eth0.10"], host.root)] == ["net.ipv4.conf.eth0/10.forwarding"]


def test_a_host_without_ipv6_is_not_told_of_it(tmp_path: Path) -> None:
    made = Host(tmp_path)
    made.sysctls({path: value for path, value in FORWARDING.items() if path.startswith("ipv4")})
    (tmp_path / "proc/net/ipv6_route").unlink()
    assert made.found() == []


def test_an_advertised_default_route_is_saved_before_forwarding_is_switched_on(host: Host) -> None:
    host.sysctls({"ipv6/conf/all/forwarding": "0", "ipv6/conf/eth0/accept_ra": "1"})
    host.file("proc/net/ipv6_route", ROUTE6.format(ZERO, "00450003", "    eth0"))
    assert host.found() == [
        ("net.ipv6.conf.eth0.accept_ra", "1", "2"),
        ("net.ipv6.conf.all.forwarding", "0", "1"),
    ]


@pytest.mark.parametrize(
    ("value", "flags", "why"),
    [
        ("2", "00450003", "accept_ra is 2 already"),
        ("1", "00000003", "the default route is a static one"),
        ("1", "00040001", "only a network is advertised"),
    ],
)
def test_accept_ra_that_is_well_as_it_is(host: Host, value: str, flags: str, why: str) -> None:
    host.sysctls({"ipv6/conf/eth0/accept_ra": value})
    host.file("proc/net/ipv6_route", ROUTE6.format(ZERO, flags, "    eth0"))
    assert host.found() == [], why


@pytest.mark.parametrize(
    ("everywhere", "here", "bites"),
    [
        ("0", "0", False),
        ("0", "1", True),
        ("0", "2", False),
        ("1", "0", True),
        ("1", "1", True),
        ("1", "2", False),
        ("2", "1", False),
    ],
)
def test_strict_reverse_path_checking_bites_with_two_ways_out(
    host: Host, everywhere: str, here: str, bites: bool
) -> None:
    host.sysctls({"ipv4/conf/all/rp_filter": everywhere, "ipv4/conf/eth0/rp_filter": here})
    assert host.found() == [], "with one way out it does not matter"
    host.file("proc/net/route", ROUTES + DEFAULT.format("eth0", 100) + DEFAULT.format("wwan0", 700))
    assert host.found() == ([("net.ipv4.conf.eth0.rp_filter", here, "2")] if bites else [])


@pytest.mark.parametrize(
    ("everywhere", "here", "bites"),
    [("0", "0", False), ("0", "1", True), ("1", "0", True), ("1", "2", False), ("2", "1", False)],
)
def test_strict_reverse_path_checking_bites_where_only_a_mark_leads_back(
    host: Host, everywhere: str, here: str, bites: bool
) -> None:
    host.sysctls({"ipv4/conf/all/rp_filter": everywhere, "ipv4/conf/eth1/rp_filter": here})
    found = [(one.name, one.wanted) for one in check(NAMES, host.root, marked=["eth1"])]
    assert found == ([("net.ipv4.conf.eth1.rp_filter", "2")] if bites else [])
    assert host.found() == []


def test_the_kernel_s_own_answers_need_the_mark_where_only_that_leads_back(host: Host) -> None:
    host.sysctls({"ipv4/fwmark_reflect": "0", "ipv6/fwmark_reflect": "0"})
    found = [(one.name, one.wanted) for one in check(NAMES, host.root, marked=["eth1"])]
    assert found == [("net.ipv4.fwmark_reflect", "1"), ("net.ipv6.fwmark_reflect", "1")]
    assert host.found() == []


def test_bridged_packets_in_the_hooks_are_told_but_never_set(host: Host) -> None:
    host.sysctls({"bridge/bridge-nf-call-iptables": "1", "bridge/bridge-nf-call-ip6tables": "0"})
    assert host.found() == [], "no zone has a bridge"
    (host.root / "sys/class/net/eth1/bridge").mkdir(parents=True)
    assert host.found() == [("net.bridge.bridge-nf-call-iptables", "1", "0")]
    (complaint,) = apply(check(NAMES, host.root))
    assert complaint.startswith("net.bridge.bridge-nf-call-iptables is 1, and should be 0: IPv4 between two ports")
    assert host.value("bridge/bridge-nf-call-iptables") == "1"


def test_what_is_asked_for_is_set_and_only_that(host: Host) -> None:
    host.sysctls({"ipv4/ip_forward": "0", "ipv6/conf/all/forwarding": "0", "ipv4/conf/all/rp_filter": "1"})
    assert apply(check(NAMES, host.root)) == []
    assert (host.value("ipv4/ip_forward"), host.value("ipv6/conf/all/forwarding")) == ("1", "1")
    assert host.value("ipv4/conf/all/rp_filter") == "1"
    assert host.found() == []


def test_what_cannot_be_set_is_told_with_the_cause(host: Host) -> None:
    host.sysctls({"ipv4/ip_forward": "0"})
    findings = check(NAMES, host.root)
    (host.root / "proc/sys/net/ipv4/ip_forward").unlink()
    (host.root / "proc/sys/net/ipv4/ip_forward").mkdir()
    assert apply(findings) == [
        "net.ipv4.ip_forward is 0, and should be 1: IPv4 is not forwarded without it "
        "(it cannot be set here: Is a directory)"
    ]
