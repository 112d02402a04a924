"""Which tool can hold our rules on this machine, and what the others lack.

Lives here: the trial. May not live here: installing (backend.py). A trial leaves no rule behind, and no packet meets
it: nft's is a dry run that the kernel checks and throws away, iptables' is in chains that nothing jumps to.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from conntrack.gateway.hooks import iptables, nft, plan
from conntrack.gateway.hooks.backend import (
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    NFT,
    Backend,
    Iptables,
    Nft,
    every,
    versions,
)
from conntrack.gateway.hooks.plan import Plan
from conntrack.gateway.hooks.tools import HookError, Missing, run

_LOG = logging.getLogger(__name__)
#: there as soon as kernel connection tracking is loaded, whether or not this network namespace uses it
_TRACKING: Final = Path("/proc/sys/net/netfilter/nf_conntrack_max")
#: what a kernel must offer for a rule of ours to load, by rule
_NEEDS: Final = {
    plan.QUEUE: "nft_queue (CONFIG_NFT_QUEUE)",
    plan.RESET: "nft_reject (CONFIG_NFT_REJECT_INET)",
    plan.PORT_UNREACHABLE: "nft_reject (CONFIG_NFT_REJECT_INET)",
    plan.PROHIBITED: "nft_reject (CONFIG_NFT_REJECT_INET)",
    plan.UNTRACK: "nft_ct (CONFIG_NFT_CT)",
}


def choose(wanted: Plan, prefer: str = "auto") -> Backend:
    """The first tool, in the order nft, iptables-nft, iptables-legacy, that takes every rule of the plan.

    prefer: a tool's name, to take that one or none. HookError: none works; the text says what each lacks.
    """
    lacks = []
    for backend in every():
        if prefer not in ("auto", backend.name):
            continue
        missing = try_out(backend, wanted)
        if not missing:
            return backend
        _LOG.info("%s cannot hold the hook rules: %s", backend.name, ", ".join(missing))
        lacks.append(f"{backend.name}: {', '.join(missing)}")
    if not lacks:
        names = ", ".join(("auto", NFT, IPTABLES_NFT, IPTABLES_LEGACY))
        raise HookError(f"no tool for hook rules is named {prefer!r}: use one of {names}")
    raise HookError(f"no tool can hold the hook rules ({'; '.join(lacks)}): install nftables or iptables")


def try_out(backend: Backend, wanted: Plan) -> list[str]:
    """What a tool lacks for this plan, in words for the user; [] if nothing."""
    if isinstance(backend, Nft):
        return _try_nft(wanted)
    assert isinstance(backend, Iptables)
    return _try_iptables(backend, wanted)


def tracking_present() -> bool:
    """Whether kernel connection tracking is loaded, so that another tool may be using it in this namespace.

    Whether it is in use here cannot be told safely: its counters stay 0 until it sees a packet. Nor is it needed:
    notrack rules never start it, neither nft's nor iptables' (unlike every `ct` or `-m conntrack` match).
    """
    return _TRACKING.exists()


def _try_nft(wanted: Plan) -> list[str]:
    try:
        run("nft", "-c", "-f", "-", text=nft.install(wanted))
    except Missing as error:
        return [str(error)]
    except HookError as error:
        return _nft_lacks(wanted, str(error)) or [str(error)]
    return []


def _nft_lacks(wanted: Plan, complaint: str) -> list[str]:
    """The features whose rules nft's complaint quotes."""
    actions = dict.fromkeys(rule.action for rule in wanted.rules)
    needs = [_NEEDS[action] for action in actions if action in _NEEDS and nft.action_text(action, wanted) in complaint]
    return [f"the kernel has no {need}" for need in dict.fromkeys(needs)]


def _try_iptables(backend: Iptables, wanted: Plan) -> list[str]:
    for version in versions():
        rules = iptables.trial_rules(wanted, version)
        try:
            _try_rules(backend, version, rules)
        except Missing as error:
            return [str(error)]
        except HookError as error:
            refused = [f"`{text}`" for table, text in rules if not _taken(backend, version, table, text)]
            return [f"IPv{version} refuses {', '.join(refused)}"] if refused else [str(error)]
    return []


def _taken(backend: Iptables, version: int, table: str, text: str) -> bool:
    try:
        _try_rules(backend, version, [(table, text)])
    except HookError:
        return False
    return True


def _try_rules(backend: Iptables, version: int, rules: list[tuple[str, str]]) -> None:
    try:
        backend.restore(version, iptables.trial(rules))
    finally:
        left = iptables.remove_trial(backend.dump(version))
        if left:
            backend.restore(version, left)
