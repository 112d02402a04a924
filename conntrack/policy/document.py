"""The rules file as models: what `load()` returns and the compiler reads.

Lives here: zones, sets, the policy and the document as a whole; `nat:` is in document_nat.py, `settings:` in
document_settings.py, the values in values.py. May not live here: reading YAML, cross references (check.py),
anything that runs. Every mapping keeps its `position`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field, PrivateAttr

from conntrack.policy import fields, hours, runtime, services
from conntrack.policy.document_nat import NatEntry
from conntrack.policy.document_settings import Settings
from conntrack.policy.node import Node
from conntrack.policy.problems import Problem
from conntrack.policy.values import Addresses, Case, Log, Pair, Rate, Span, Traffic, Window


class Zone(Node):
    """A zone: interfaces, and the networks behind them."""

    interfaces: fields.Interfaces = Field((), description="Names of interfaces; a trailing `+` or `*` stands for any ending.")
    networks: fields.Networks = Field((), description="Networks that lie behind the zone; `replay` and `tests` find zones by them.")
    dhcp: Literal["client"] | None = Field(None, description="`client`: let the answers of a DHCP server in.")


class AddressSet(Node):
    """A set of addresses: members written here, a file of them, or both."""

    members: fields.Networks = Field((), description="Addresses, networks and ranges.")
    file: str = Field("", description="A file with one member a line; a relative path starts at the rules file's folder.")
    refresh: fields.Duration = Field(0, description="How often the file is read again (`1h`); without it only on reload.")


class PolicyRule(Node):
    """One rule of a pair; exactly one of accept, drop and reject is set."""

    name: fields.Name = Field("", description="Shown by logs, metrics, `flows` and `explain`.")
    accept: fields.Services = Field((), description="Let these services pass: a service, a list, or `any`.")
    drop: fields.Services = Field((), description="Drop these services without an answer.")
    reject: fields.Services = Field((), description="Refuse these services: RST for TCP, ICMP for everything else.")
    source: fields.Selection = Field(Addresses(), description="Only from these addresses, networks, ranges or sets; `!` excepts.")
    destination: fields.Selection = Field(Addresses(), description="Only to these.")
    limit: fields.Limit = Field(None, description="Match only as often as this: `5/minute per source burst 10`.")
    log: fields.LogLevel = Field(None, description="`new`, `all`, or a rate at which new connections are logged.")
    when: str = Field("", description="A schedule: its name, or `mon-fri 08:00-18:00`.")
    mark: fields.Mark = Field(0, description="Packet mark of the connection, 28 bits.")
    dscp: fields.Dscp = Field(-1, description="DSCP to set: 0–63 or a class (`ef`, `af41`, `cs1`).")
    helper: fields.Names = Field((), description="Application helpers for the connection.")
    family: Literal["ipv4", "ipv6", "both"] = Field("both", description="Only IPv4, only IPv6, or both.")

    @property
    def action(self) -> int:
        """runtime.ACCEPT, DROP or REJECT."""
        return runtime.ACCEPT if self.accept else runtime.DROP if self.drop else runtime.REJECT

    @property
    def services(self) -> tuple[str, ...]:
        """The words after accept, drop or reject; Document.traffic() resolves them."""
        return self.accept or self.drop or self.reject


class Document(Node):
    """A whole rules file, checked. The order of every mapping is the file's."""

    version: Literal[1]
    settings: Settings = Field(default_factory=Settings)
    zones: dict[str, Zone]
    sets: dict[str, AddressSet] = Field(default_factory=dict)
    services: dict[str, fields.Services] = Field(default_factory=dict)
    schedules: dict[str, fields.Schedule] = Field(default_factory=dict)
    nat: tuple[NatEntry, ...] = ()
    policy: dict[Pair, fields.Rules] = Field(default_factory=dict)
    tests: fields.Cases = ()

    _members: Mapping[str, Sequence[Span]] = PrivateAttr(default_factory=dict)
    _warnings: tuple[Problem, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is allowed but looks like a mistake."""
        return self._warnings

    def members(self, name: str) -> Sequence[Span]:
        """The spans of a set: those written in it and those of its file, unsorted, as they were when loaded."""
        return self._members[name]

    def traffic(self, names: Iterable[str]) -> tuple[Traffic, ...]:
        """The kinds of traffic that service words stand for, own services included. `any`: one of ANY_PROTOCOL."""
        return services.resolve(names, self.services)

    def windows(self, when: str) -> tuple[Window, ...]:
        """The hours that a `when:` stands for; () is always."""
        return hours.resolve(when, self.schedules)
