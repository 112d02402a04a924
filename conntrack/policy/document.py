"""The rules file as models: what `load()` returns and the compiler reads.

Lives here: zones, sets, the policy and the document as a whole; `nat:` is in document_nat.py, `settings:` in
document_settings.py, the values in values.py. May not live here: reading YAML, cross references (check.py),
anything that runs. Every mapping keeps its `position`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr

from conntrack.policy import fields, hours, runtime, services
from conntrack.policy.document_nat import NatEntry
from conntrack.policy.document_settings import Settings
from conntrack.policy.node import Node, group
from conntrack.policy.problems import Problem
from conntrack.policy.shorthand import ACTIONS, as_rules, as_version
from conntrack.policy.values import Addresses, Case, Pair, Span, Traffic, Window


class Zone(Node):
    """A zone: interfaces, and the networks behind them."""

    called: ClassVar[str] = "a zone"

    interfaces: fields.Interfaces = Field((), description="Names of interfaces; `+` or `*` at the end is any ending.")
    networks: fields.Networks = Field(
        (), description="Networks behind the zone; `replay` and `tests:` find an address's zone by them."
    )
    dhcp: Literal["client"] | None = Field(None, description="`client`: let the answers of DHCP servers in.")
    space: fields.Space = Field(
        "", description="A name: its addresses may be the same as those of zones with another `space`."
    )
    mark: fields.Mark = Field(
        0, description="Packet mark that connections into the zone get before routing, for `ip rule`; needs `space`."
    )
    mss: fields.Mss = Field(
        0, description="Largest TCP segment that connections across the zone may ask for: bytes, or `path`."
    )
    fastpath: Literal["xdp"] | None = Field(
        None, description="`xdp`: what comes in is carried at the driver already, where the cards can do that."
    )


class AddressSet(Node):
    """A set of addresses: members written here, a file of them, or both."""

    called: ClassVar[str] = "a set"

    members: fields.Networks = Field((), description="Addresses, networks and ranges.")
    file: fields.File = Field("", description="A file with one member a line, looked for beside the rules file.")
    refresh: fields.Duration = Field(0, description="How often the file is read again; without it only on reload.")


class PolicyRule(Node):
    """One rule of a pair; exactly one of accept, drop and reject is set."""

    called: ClassVar[str] = "a rule"
    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [action]} for action in ACTIONS]})

    name: fields.Name = Field("", description="What logs, metrics, `flows` and `explain` call it.")
    accept: fields.Services = Field((), description="Let these services pass: a service, a list, or `any`.")
    drop: fields.Services = Field((), description="Drop these services without an answer.")
    reject: fields.Services = Field((), description="Refuse these services: RST for TCP, ICMP for the rest.")
    source: fields.Selection = Field(Addresses(), description="Only from these addresses or sets; `!` excepts.")
    destination: fields.Selection = Field(Addresses(), description="Only to these addresses or sets; `!` excepts.")
    limit: fields.Limit = Field(None, description="Match only as often as this: `5/minute per source burst 10`.")
    log: fields.LogLevel = Field(None, description="`new`, `all`, or the rate at which new connections are logged.")
    when: fields.When = Field("", description="The name of a schedule, or hours: `mon-fri 08:00-18:00`.")
    mark: fields.Mark = Field(0, description="Packet mark of the connection, 28 bits.")
    dscp: fields.Dscp = Field(-1, description="DSCP to set: 0 to 63, or a class (`ef`, `af41`, `cs1`).")
    helper: fields.Helpers = Field((), description="Application helpers for the connection.")
    family: Literal["ipv4", "ipv6", "both"] = Field("both", description="Only IPv4, only IPv6, or both.")

    @property
    def action(self) -> int:
        """runtime.ACCEPT, DROP or REJECT."""
        return runtime.ACCEPT if self.accept else runtime.DROP if self.drop else runtime.REJECT

    @property
    def services(self) -> tuple[str, ...]:
        """The words after accept, drop or reject; Document.traffic() resolves them."""
        return self.accept or self.drop or self.reject


Rules = Annotated[
    tuple[PolicyRule, ...],
    BeforeValidator(
        as_rules, json_schema_input_type=Literal["accept", "drop", "reject"] | PolicyRule | list[PolicyRule]
    ),
]


class Document(Node):
    """A whole rules file, checked. The order of every mapping is the file's."""

    called: ClassVar[str] = "a rules file"
    rescue: ClassVar[dict[str, Any]] = {"version": 1, "zones": {}}

    version: Annotated[Literal[1], BeforeValidator(as_version)] = Field(description="Version of the language: 1.")
    settings: Settings = group(Settings, "Everything that is not a rule.")
    zones: dict[fields.NewZone, Zone] = Field(description="The zones; `self`, the gateway, is always there.")
    sets: dict[fields.NewSet, AddressSet] = Field(default_factory=dict, description="Named sets of addresses.")
    services: dict[fields.NewService, fields.Services] = Field(default_factory=dict, description="Own services.")
    schedules: dict[fields.NewSchedule, fields.Schedule] = Field(default_factory=dict, description="Named hours.")
    nat: tuple[NatEntry, ...] = Field((), description="Address translation, in order.")
    policy: dict[fields.Pair, Rules] = Field(default_factory=dict, description="Rules by pair of zones, in order.")
    tests: fields.Cases = Field((), description="Connections and what must become of them.")

    _folder: Path = PrivateAttr(default=Path())
    _members: Mapping[str, Sequence[Span]] = PrivateAttr(default_factory=dict)
    _versions: dict[str, frozenset[int]] = PrivateAttr(default_factory=dict)
    _warnings: tuple[Problem, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is allowed but looks like a mistake."""
        return self._warnings

    def defined(self, section: str) -> tuple[str, ...]:
        """The names in a section as they were written, those of wrong definitions included."""
        raw = self._raw.get(section)
        return tuple(str(name) for name in raw) if isinstance(raw, dict) else ()

    def file_of(self, name: str) -> Path | None:
        """Where the file of a set is; None for a set without one."""
        file = self.sets[name].file
        return self._folder / file if file else None

    def file_members(self, name: str) -> Sequence[Span]:
        """What the file of a set held when the document was loaded; () for a set without one."""
        return self._members.get(name, ())

    def versions(self, name: str) -> frozenset[int]:
        """The IP versions that occur in a set, as it was when loaded; none for an empty or unknown one."""
        if name not in self._versions:
            spans = (*self.sets[name].members, *self.file_members(name)) if name in self.sets else ()
            self._versions[name] = frozenset(4 if size == 4 else 6 for size in {len(span.low) for span in spans})
        return self._versions[name]

    def traffic(self, names: Iterable[str]) -> tuple[Traffic, ...]:
        """The kinds of traffic that service words stand for, own services included. `any`: one of ANY_PROTOCOL."""
        return services.resolve(names, self.services)

    def windows(self, when: str) -> tuple[Window, ...]:
        """The hours that a `when:` stands for; () is always."""
        return hours.resolve(when, self.schedules)

    def rules(self) -> Iterable[tuple[Pair, int, PolicyRule]]:
        """Every rule with its pair and its place in it, counted from 1, in file order."""
        for pair, rules in self.policy.items():
            for number, rule in enumerate(rules, 1):
                yield pair, number, rule


__all__ = ["AddressSet", "Case", "Document", "NatEntry", "Pair", "PolicyRule", "Rules", "Settings", "Zone"]
