"""The sysctls without which a gateway does not work, or works against its rules.

Lives here: which, why, and setting them when asked. May not live here: sysctls that only tune or harden: they are the
administrator's. Files are taken from `root`, so that tests need no kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

_ROOT: Final = Path("/")
#: linux/ipv6_route.h: a default route that came by router advertisement
_RTF_DEFAULT_BY_RA: Final = 0x0001_0000 | 0x0004_0000
_ALL6: Final = "ipv6/conf/all/forwarding"


class Finding(NamedTuple):
    """A sysctl that is not as it should be."""

    name: str  # as sysctl(8) writes it
    value: str
    wanted: str
    why: str
    path: Path
    settable: bool = True  # False: another tool may need it as it is

    def complaint(self) -> str:
        """One sentence for the log."""
        return f"{self.name} is {self.value}, and should be {self.wanted}: {self.why}"


class _Need(NamedTuple):
    path: str  # below proc/sys/net
    wanted: tuple[str, ...]  # any of these will do; the first is set
    why: str
    settable: bool = True


def check(interfaces: Iterable[str], root: Path = _ROOT, marked: Iterable[str] = ()) -> list[Finding]:
    """What is not as it should be, in the order in which it is to be set.

    interfaces: those of the zones that exist now; marked: those of them that packets are routed to by a mark. Sysctls
    that the kernel does not have (IPv6 off) are not missed.
    """
    names, apart = list(interfaces), list(marked)
    found = []
    for need in [
        *_routers(names, root),
        *_forwarding(names, root),
        *_reverse_path(names, apart, root),
        *_reflected(apart),
        *_bridges(names, root),
    ]:
        finding = _judge(need, root)
        if finding is not None:
            found.append(finding)
    return found


def apply(findings: Iterable[Finding]) -> list[str]:
    """Sets what may be set; returns complaints about the rest, each with its remedy."""
    complaints = []
    for finding in findings:
        if not finding.settable:
            complaints.append(finding.complaint())
            continue
        try:
            finding.path.write_text(finding.wanted + "\n")
        except OSError as error:
            complaints.append(f"{finding.complaint()} (it cannot be set here: {error.strerror})")
    return complaints


def _forwarding(names: list[str], root: Path) -> Iterator[_Need]:
    """Each interface has its own switch, which the general one sets: it is looked at only where that is on already."""
    for general, each in (("ipv4/ip_forward", "ipv4/conf/{}/forwarding"), (_ALL6, "ipv6/conf/{}/forwarding")):
        version = "IPv6" if general == _ALL6 else "IPv4"
        yield _Need(general, ("1",), f"{version} is not forwarded without it")
        if _read(root, general) == "1":
            for name in names:
                yield _Need(each.format(name), ("1",), f"{version} from {name} is not forwarded without it")


def _routers(names: list[str], root: Path) -> Iterator[_Need]:
    """Before forwarding: switching it on throws advertised default routes away, unless accept_ra is 2."""
    for name in names:
        if name in _advertised(root):
            why = f"{name} has its IPv6 default route from a router advertisement, and a forwarding host ignores those"
            yield _Need(f"ipv6/conf/{name}/accept_ra", ("2",), why)


def _reverse_path(names: list[str], marked: list[str], root: Path) -> Iterator[_Need]:
    """Strict checking (the higher value of `all` and the interface counts) bites with several ways out, or back."""
    ways = _default_routes(root)
    if _read(root, "ipv4/conf/all/rp_filter") == "2":
        return
    strict_everywhere = _read(root, "ipv4/conf/all/rp_filter") == "1"
    wanted = ("2",) if strict_everywhere else ("2", "0")  # with `all` at 1, 0 here means 1
    for name in names:
        path = f"ipv4/conf/{name}/rp_filter"
        if name in marked:
            why = f"the way back to hosts behind {name} is found by a mark only, so what they send is dropped unseen"
            yield _Need(path, wanted, why)
        elif name in ways and len(ways) > 1:
            why = f"packets that come in by {name} while the better default route is another's are dropped unseen"
            yield _Need(path, wanted, why)


def _reflected(marked: list[str]) -> Iterator[_Need]:
    """The kernel's own errors and resets go the way of the packet that they answer, if they carry its mark."""
    for version in ("ipv4", "ipv6") if marked else ():
        why = f"what the kernel itself answers to hosts behind {marked[0]} goes to others with the same addresses"
        yield _Need(f"{version}/fwmark_reflect", ("1",), why)


def _bridges(names: list[str], root: Path) -> Iterator[_Need]:
    if not any((root / "sys/class/net" / name / "bridge").is_dir() for name in names):
        return
    for version, table in (("IPv4", "iptables"), ("IPv6", "ip6tables")):
        why = f"{version} between two ports of one bridge is judged as if it were routed; another tool may have set it"
        yield _Need(f"bridge/bridge-nf-call-{table}", ("0",), why, settable=False)


def _judge(need: _Need, root: Path) -> Finding | None:
    value = _read(root, need.path)
    if value is None or value in need.wanted:
        return None
    return Finding(_name(need.path), value, need.wanted[0], need.why, _path(root, need.path), need.settable)


def _read(root: Path, path: str) -> str | None:
    try:
        return _path(root, path).read_text().strip()
    except OSError:
        return None


def _path(root: Path, path: str) -> Path:
    return root / "proc/sys/net" / path


def _name(path: str) -> str:
    """Dots between the parts, and a slash for a dot within one (eth0.10), as sysctl(8) has it."""
    return ".".join(part.replace(".", "/") for part in ("net", *path.split("/")))


def _default_routes(root: Path) -> set[str]:
    """The interfaces with an IPv4 default route: /proc/net/route's lines `interface destination … mask …`."""
    lines = [line.split() for line in _text(root / "proc/net/route").splitlines()[1:]]
    return {words[0] for words in lines if len(words) > 7 and words[1] == words[7] == "00000000"}


def _advertised(root: Path) -> set[str]:
    """The interfaces with an advertised IPv6 default route: /proc/net/ipv6_route ends in `… flags interface`."""
    lines = [line.split() for line in _text(root / "proc/net/ipv6_route").splitlines()]
    wanted = _RTF_DEFAULT_BY_RA
    return {words[9] for words in lines if len(words) == 10 and int(words[8], 16) & wanted == wanted}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
