"""The tools that can hold our rules, behind one interface: nft, iptables over nf_tables, the older iptables.

Lives here: what each runs to install, remove, recognise and try out rules. May not live here: which one is taken
(probe.py), the text of rules (nft.py, iptables.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from conntrack.gateway.hooks import iptables, nft
from conntrack.gateway.hooks.plan import Plan
from conntrack.gateway.hooks.tools import LOCK_WAIT, HookError, Missing, run

NFT: Final = "nft"
IPTABLES_NFT: Final = "iptables-nft"
IPTABLES_LEGACY: Final = "iptables-legacy"

#: absent where the kernel runs without IPv6
_IPV6: Final = Path("/proc/net/if_inet6")


class Backend(Protocol):
    """One tool. Every method raises HookError with the tool's complaint."""

    name: str

    def install(self, wanted: Plan) -> None:
        """Puts the rules in place, in place of any of ours that are there already."""

    def remove(self) -> None:
        """Takes out what is ours; does nothing where nothing is."""

    def intact(self, wanted: Plan) -> bool:
        """Whether all our chains are there and reached; the rules inside them are not compared."""


class Nft:
    """nftables: a table of our own, replaced in one transaction."""

    name = NFT

    def install(self, wanted: Plan) -> None:
        """One transaction."""
        run("nft", "-f", "-", text=nft.install(wanted))

    def remove(self) -> None:
        """One transaction."""
        run("nft", "-f", "-", text=nft.remove())

    def intact(self, wanted: Plan) -> bool:
        """Whether every base chain of the table is there."""
        try:
            listed = run("nft", "list", "table", *nft.TABLE.split())
        except HookError:
            return False
        return nft.chains(wanted) <= nft.listed_chains(listed)


class Iptables:
    """iptables of either kind: chains of our own, one commit for each table and IP version."""

    def __init__(self, kind: str) -> None:
        self.name = kind  # IPTABLES_NFT or IPTABLES_LEGACY
        self._variant = kind.removeprefix("iptables-")

    def install(self, wanted: Plan) -> None:
        """Both IP versions, table by table; where one fails, those before it are in place."""
        for version in versions():
            self.restore(version, iptables.install(wanted, version, self.dump(version)))

    def remove(self) -> None:
        """Both IP versions."""
        for version in versions():
            text = iptables.remove(self.dump(version))
            if text:
                self.restore(version, text)

    def intact(self, wanted: Plan) -> bool:
        """Whether built-in chains jump to every chain of ours."""
        return all(iptables.chains(wanted, version) <= iptables.jumps(self.dump(version)) for version in versions())

    def dump(self, version: int) -> str:
        """What iptables-save prints of the tables that exist."""
        return run(self._program(version, "save"))

    def restore(self, version: int, text: str) -> None:
        """Applies iptables-restore input to what is there."""
        run(self._program(version, "restore"), "--noflush", "-w", LOCK_WAIT, text=text)

    def _program(self, version: int, verb: str) -> str:
        return f"{'ip6tables' if version == 6 else 'iptables'}-{self._variant}-{verb}"


def versions() -> tuple[int, ...]:
    """The IP versions that the kernel runs."""
    return (4, 6) if _IPV6.exists() else (4,)


def every() -> tuple[Backend, ...]:
    """All tools, the best first."""
    return Nft(), Iptables(IPTABLES_NFT), Iptables(IPTABLES_LEGACY)


def sweep(keep: Backend | None = None) -> list[str]:
    """Takes out what an earlier run left behind with any tool but `keep`; returns the complaints of tools that fail.

    A tool that is not installed, or that may not even look (the older iptables without root), had nothing of ours.
    """
    complaints = []
    for backend in every():
        if keep is not None and backend.name == keep.name:
            continue
        if backend.name == IPTABLES_LEGACY and not _legacy_in_use():
            continue
        try:
            backend.remove()
        except Missing:
            continue
        except HookError as error:
            complaints.append(str(error))
    return complaints


def _legacy_in_use() -> bool:
    for name in ("ip_tables_names", "ip6_tables_names"):
        try:
            if Path("/proc/net", name).read_text().strip():
                return True
        except OSError:
            continue
    return False
