"""The hook rules in iptables' words: one iptables-restore input for each IP version, chains of our own.

Lives here: rendering, and recognising what is ours in an iptables-save dump. May not live here: running the commands
(tools.py), which rules there are (plan.py).
"""

from __future__ import annotations

from typing import Final

from conntrack.engine.verdict import DONE, HALF, USER_MASK
from conntrack.gateway.hooks import plan
from conntrack.gateway.hooks.plan import CHAINS, OURS, Mark, Plan, Rule

PREFIX: Final = "PAIRWALL-"
#: holds rules that are only tried out; nothing jumps here
_TRIAL: Final = "TRY-PAIRWALL"

#: chain → table, built-in chain that jumps to it, and what the jump spares
_BASES: Final = {
    plan.UNTRACK_IN: ("raw", "PREROUTING", "! -i lo"),
    plan.UNTRACK_OUT: ("raw", "OUTPUT", "! -o lo"),
    plan.PREROUTING: ("mangle", "PREROUTING", "! -i lo"),
    plan.GUARD: ("mangle", "INPUT", "! -i lo"),
    plan.FORWARD: ("mangle", "FORWARD", "! -i lo"),
    plan.OUTPUT: ("mangle", "OUTPUT", "! -o lo"),
    plan.ANSWER_IN: ("filter", "INPUT", "! -i lo"),
    plan.ANSWER_FORWARD: ("filter", "FORWARD", "! -i lo"),
    plan.ANSWER_OUT: ("filter", "OUTPUT", "! -o lo"),
}
#: the order in which tables are committed: marks are obeyed before the queue can set any
_TABLES: Final = ("raw", "filter", "mangle")
_ACTIONS: Final = {
    plan.LEAVE: "-j RETURN",
    plan.DROP: "-j DROP",
    plan.CLEAR: f"-j MARK --set-xmark 0x0/{OURS:#x}",
    plan.SETTLE: f"-j MARK --set-xmark {DONE:#x}/{DONE:#x}",
    plan.HALVE: f"-j MARK --set-xmark {HALF:#x}/{HALF:#x}",
    plan.UNTRACK: "-j CT --notrack",
    plan.RESET: "-j REJECT --reject-with tcp-reset",
}
_REJECTS: Final = {
    (plan.PORT_UNREACHABLE, 4): "-j REJECT --reject-with icmp-port-unreachable",
    (plan.PORT_UNREACHABLE, 6): "-j REJECT --reject-with icmp6-port-unreachable",
    (plan.PROHIBITED, 4): "-j REJECT --reject-with icmp-admin-prohibited",
    (plan.PROHIBITED, 6): "-j REJECT --reject-with icmp6-adm-prohibited",
}
#: no chain jumps here: that the match exists is what makes the kernel put fragments together before every other hook
_DEFRAGMENT: Final = (f"{PREFIX}DEFRAGMENT", "-m socket --nowildcard")
_NEIGHBOURS: Final = range(133, 137)


def install(wanted: Plan, version: int, dump: str) -> str:
    """Replaces what is ours, given what iptables-save printed; our jumps come first in their chains."""
    tables = []
    for table in _TABLES:
        names = [name for name in CHAINS if _BASES[name][0] == table and wanted.of(name, version)]
        lines = [f":{chain(name)} - [0:0]" for name in names]
        lines += _stale(table, dump, keep={chain(name) for name in names} | {_DEFRAGMENT[0]})
        if table == "mangle":
            lines += [f":{_DEFRAGMENT[0]} - [0:0]", f"-A {_DEFRAGMENT[0]} {_DEFRAGMENT[1]}"]
        for name in names:
            rules = wanted.of(name, version)
            lines += [f"-A {chain(name)} {text}" for rule in rules for text in rule_texts(rule, version, wanted)]
            lines.append(f"-I {_BASES[name][1]} {_BASES[name][2]} -j {chain(name)}")
        tables.append(_table(table, lines))
    return "".join(tables)


def remove(dump: str) -> str:
    """Takes out what is ours, given what iptables-save printed; "" if nothing is. The queue's rules go last."""
    return "".join(_table(table, _stale(table, dump, keep=set())) for table in _TABLES)


def trial_rules(wanted: Plan, version: int) -> list[tuple[str, str]]:
    """Every different rule of a plan with its table, to be tried out."""
    rules = [("mangle", _DEFRAGMENT[1])]
    for rule in wanted.rules:
        if rule.version in (0, version):
            rules += [(_BASES[rule.chain][0], text) for text in rule_texts(rule, version, wanted)]
    return list(dict.fromkeys(rules))


def trial(rules: list[tuple[str, str]]) -> str:
    """Puts rules where no packet meets them, by table."""
    return "".join(
        _table(table, [f":{_TRIAL} - [0:0]", *(f"-A {_TRIAL} {text}" for place, text in rules if place == table)])
        for table in dict.fromkeys(table for table, _ in rules)
    )


def remove_trial(dump: str) -> str:
    """Takes out what `trial` put in, given what iptables-save printed; "" if nothing is there."""
    lines = [f"-F {_TRIAL}", f"-X {_TRIAL}"]
    sections = _sections(dump)
    return "".join(
        _table(table, lines) for table, there in sections.items() if any(_names(line) == _TRIAL for line in there)
    )


def chains(wanted: Plan, version: int) -> set[str]:
    """The names of the chains that built-in chains are to jump to."""
    return {chain(name) for name in CHAINS if wanted.of(name, version)}


def jumps(dump: str) -> set[str]:
    """The names of our chains that built-in chains jump to in an iptables-save dump."""
    return {line.split()[-1] for lines in _sections(dump).values() for line in lines if _is_jump(line)}


def chain(name: str) -> str:
    """The iptables chain of a plan's chain: ours are upper case, and not over 28 characters long."""
    return PREFIX + name.upper()


def rule_texts(rule: Rule, version: int, wanted: Plan) -> list[str]:
    """One rule, without its chain, as iptables-restore reads it; several lines where a match takes one value only."""
    if rule.action == plan.BRAND:
        return [" ".join([*_matches(rule), f"-j MARK --set-xmark {rule.value:#x}/{USER_MASK:#x}"])]
    words = [*_matches(rule), action_text(rule.action, version, wanted)]
    if not rule.neighbour:
        return [" ".join(words)]
    return [" ".join([f"-p icmpv6 -m icmp6 --icmpv6-type {kind} -m hl --hl-eq 255", *words]) for kind in _NEIGHBOURS]


def action_text(action: str, version: int, wanted: Plan) -> str:
    """What a rule does, as iptables-restore reads it."""
    if action == plan.QUEUE:
        return f"-j NFQUEUE --queue-num {wanted.queue}{' --queue-bypass' if wanted.bypass else ''}"
    return _ACTIONS.get(action) or _REJECTS[action, version]


def _matches(rule: Rule) -> list[str]:
    words = []
    if rule.interface:
        words.append(f"-i {rule.interface[:-1]}+" if rule.interface.endswith("*") else f"-i {rule.interface}")
    if rule.network:
        words.append(f"-d {rule.network}")
    if rule.protocol >= 0:
        words.append(f"-p {rule.protocol}")
    if rule.ports != (0, 0):
        low, high = rule.ports
        words.append(f"-m multiport --dports {low if low == high else f'{low}:{high}'}")
    if rule.mark:
        words.append(_mark(rule.mark))
    if rule.own_source:
        words.append("-m addrtype --src-type LOCAL")
    if rule.kinds:
        words.append(f"-m addrtype --dst-type {','.join(rule.kinds).upper()}")
    return words


def _mark(mark: Mark) -> str:
    return f"-m mark {'! ' if mark.unless else ''}--mark {mark.value:#x}/{mark.mask:#x}"


def _stale(table: str, dump: str, keep: set[str]) -> list[str]:
    """Takes out every jump of ours, and the chains of ours that are not kept."""
    lines = _sections(dump).get(table, [])
    gone = [name for name in map(_names, lines) if name.startswith(PREFIX) and name not in keep]
    deletions = [f"-D{line[2:]}" for line in lines if _is_jump(line)]
    return [*deletions, *(f"-F {name}" for name in gone), *(f"-X {name}" for name in gone)]


def _names(line: str) -> str:
    """The chain that a line of an iptables-save dump declares; "" if it is a rule."""
    return line[1:].split()[0] if line.startswith(":") else ""


def _is_jump(line: str) -> bool:
    words = line.split()
    return words[0] == "-A" and not words[1].startswith(PREFIX) and words[-1].startswith(PREFIX) and words[-2] == "-j"


def _sections(dump: str) -> dict[str, list[str]]:
    """The lines of an iptables-save dump by table."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in dump.splitlines():
        if line.startswith("*"):
            lines = sections.setdefault(line[1:].strip(), [])
        elif line.startswith((":", "-A")):
            lines.append(line)
    return sections


def _table(name: str, lines: list[str]) -> str:
    return "\n".join([f"*{name}", *lines, "COMMIT", ""]) if lines else ""
