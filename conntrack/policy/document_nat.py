"""The models of `nat:`, one a kind. The kind is told by the key that names it.

Lives here: the seven kinds and what they share. May not live here: cross references (check.py), the runtime's NatRule.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from conntrack.policy import fields
from conntrack.policy.document_blocks import PortBlocks
from conntrack.policy.node import Node, stated
from conntrack.policy.values import Addresses


class NatCommon(Node):
    """What every kind may say: which new connections it is for."""

    name: fields.Name = Field("", description="Shown by logs, metrics, `flows` and `explain`.")
    from_: fields.Zones = Field((), description="Zones that the connection comes from; none: every zone.")
    source: fields.Selection = Field(Addresses(), description="Only from these addresses or sets; `!` excepts.")
    when: fields.When = Field("", description="The name of a schedule, or hours: `mon-fri 08:00-18:00`.")
    family: Literal["ipv4", "ipv6", "both"] = Field("both", description="Only IPv4, only IPv6, or both.")


class SourceSide(NatCommon):
    """What masquerade and source-nat share."""

    destination: fields.Selection = Field(Addresses(), description="Only to these addresses or sets; `!` excepts.")
    ports: fields.PortRange = Field(None, description="Outside ports to choose from, `20000-40000`.")
    port_blocks: PortBlocks | None = Field(None, description="Give every subscriber ports of its own.")
    mapping: Literal["endpoint-independent"] | None = Field(
        None, description="`endpoint-independent`: one outside port an inside socket, whoever the peer is."
    )
    preserve: Literal["nothing", "parity", "contiguity"] = Field(
        "parity",
        description="What a mapped UDP port keeps of the inside one where it can: that it is even or odd, and with "
        "`contiguity` that an odd one follows the even one below it (RTP and RTCP). Only with `mapping`.",
    )
    filtering: Literal["endpoint-independent"] | None = Field(
        None, description="`endpoint-independent`: while a mapping lives, anybody may send to it. Needs that `mapping`."
    )
    inbound_refresh: fields.Bool = stated(
        "yes", "Whether packets from outside keep a UDP, ICMP or GRE mapping alive too, not only those from inside."
    )


class DestinationSide(NatCommon):
    """What forward, redirect and one-to-one share: the implicit accept's extras."""

    destination: fields.Selection = Field(
        Addresses(), description="Only where the original destination is one of these addresses or sets."
    )
    limit: fields.Limit = Field(None, description="Translate only as often as this.")
    log: fields.LogLevel = Field(None, description="`new`, `all`, or the rate at which new connections are logged.")
    mark: fields.Mark = Field(0, description="Packet mark of the connection, 28 bits.")
    dscp: fields.Dscp = Field(-1, description="DSCP to set: 0 to 63, or a class (`ef`, `af41`, `cs1`).")


class Masquerade(SourceSide):
    """Behind the address of the interface that the connection leaves by."""

    called: ClassVar[str] = "a masquerade entry"

    masquerade: fields.Zone = Field(description="The zone that the connection leaves by.")
    family: Literal["ipv4", "ipv6", "both"] = Field("ipv4", description="IPv4 unless said otherwise.")


class SourceNat(SourceSide):
    """Behind fixed addresses."""

    called: ClassVar[str] = "a source-nat entry"

    source_nat: fields.Networks = Field(description="Outside addresses: one, a list, ranges.")
    at: fields.Zone = Field(description="The zone that the connection leaves by.")


class Forward(DestinationSide):
    """From outside to a host inside."""

    called: ClassVar[str] = "a forward entry"

    forward: fields.Services = Field(description="The services (outside ports) to forward.")
    at: fields.Zone = Field(description="The zone whose addresses are forwarded.")
    to: fields.Targets = Field(description="Inside address, `address:port`, or a list to share the load.")
    inside: fields.Zone = Field("", description="The zone that `to` lies in, where several have such addresses.")
    hairpin: fields.Zones = Field((), description="Inside zones that may reach the service by its outside address.")


class Redirect(DestinationSide):
    """To a port of the gateway, whatever the destination was."""

    called: ClassVar[str] = "a redirect entry"

    from_: fields.Zones = Field(description="Zones whose connections are redirected.")
    redirect: fields.Services = Field(description="The services to redirect.")
    to: fields.Port = Field(description="The gateway's port.")


class OneToOne(DestinationSide):
    """An outside address for an inside one, or a network for a network of the same size, both ways."""

    called: ClassVar[str] = "a one-to-one entry"

    one_to_one: fields.Network = Field(description="The outside address or network.")
    at: fields.Zone = Field(description="The zone of the outside address.")
    to: fields.Network = Field(description="The inside address, or a network of the same size.")
    inside: fields.Zone = Field("", description="The zone that `to` lies in, where several have such addresses.")
    mapping: Literal["checksum-neutral"] | None = Field(
        None, description="`checksum-neutral`: IPv6 prefixes up to /64 for each other as RFC 6296 says (NPTv6)."
    )
    hairpin: fields.Zones = Field((), description="Inside zones that may reach the host by its outside address.")


class Exempt(NatCommon):
    """No source translation towards these destinations."""

    called: ClassVar[str] = "an exempt entry"

    exempt: fields.Selection = Field(description="Destinations: networks, addresses, ranges, sets.")


class Nat64(NatCommon):
    """From IPv6 to IPv4, behind the address of the interface that the connection leaves by."""

    called: ClassVar[str] = "a nat64 entry"

    nat64: fields.Network = Field(description="The IPv6 prefix that IPv4 addresses are embedded in: `64:ff9b::/96`.")
    at: fields.Zone = Field(description="The zone that the IPv4 side leaves by.")
    ports: fields.PortRange = Field(None, description="Outside ports to choose from, `20000-40000`.")


#: the key that tells the kind → its model
KINDS: dict[str, type[NatCommon]] = {
    "masquerade": Masquerade,
    "source-nat": SourceNat,
    "forward": Forward,
    "redirect": Redirect,
    "one-to-one": OneToOne,
    "exempt": Exempt,
    "nat64": Nat64,
}


def kind_of(data: Any) -> str | None:
    """The tag of an entry's kind; None where no key tells it, or two do."""
    if isinstance(data, Node):
        return next(f"<{word}>" for word, model in KINDS.items() if isinstance(data, model))
    words = [word for word in KINDS if isinstance(data, dict) and word in data]
    return f"<{words[0]}>" if len(words) == 1 else None


NatEntry = Annotated[
    Annotated[Masquerade, Tag("<masquerade>")]
    | Annotated[SourceNat, Tag("<source-nat>")]
    | Annotated[Forward, Tag("<forward>")]
    | Annotated[Redirect, Tag("<redirect>")]
    | Annotated[OneToOne, Tag("<one-to-one>")]
    | Annotated[Exempt, Tag("<exempt>")]
    | Annotated[Nat64, Tag("<nat64>")],
    Discriminator(kind_of),
]
