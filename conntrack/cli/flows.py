"""`pairwall flows`: list, get, delete and watch tracked connections.

Lives here: options and columns. May not live here: filtering (the daemon does it, service/filters.py).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from conntrack.cli import conntrack_text, output
from conntrack.cli.client import Client
from conntrack.cli.endpoints import pair_text, translated_text
from conntrack.cli.options import add_control, add_output, epilog
from conntrack.cli.output import Column, amount, duration
from conntrack.service.exits import FAILED, OK, USAGE, Failure
from conntrack.service.protocol import Item

FORMS = ("table", "json", "jsonl", "conntrack")
EXAMPLES = """\
examples:
  pairwall flows list --port 443 --zone lan
  pairwall flows list -o conntrack
  pairwall flows get 1234
  pairwall flows delete --source 192.168.10.7
  pairwall flows watch --event new -o jsonl

A flow is meant if all filters match. Addresses may be networks.
Exit code 1: no flow matched.
"""
COLUMNS = (
    Column("ID", lambda flow: flow["id"], right=True),
    Column("PROTO", lambda flow: flow["protocol"]),
    Column("STATE", lambda flow: flow["state"] + (" RELATED" if flow["related"] else "")),
    Column("SOURCE", lambda flow: pair_text(flow["original"])[0]),
    Column("DESTINATION", lambda flow: pair_text(flow["original"])[1]),
    Column("LEAVES AS", translated_text),
    Column("ZONES", lambda flow: f"{flow['zone_in'] or '-'}>{flow['zone_out'] or '-'}"),
    Column("EXPIRES", lambda flow: duration(flow["timeout"]), right=True),
    Column("PACKETS", lambda flow: flow["original"]["packets"] + flow["reply"]["packets"], right=True),
    Column("BYTES", lambda flow: amount(flow["original"]["bytes"] + flow["reply"]["bytes"]), right=True),
    Column("PATH", lambda flow: flow["path"]),
    Column("RULE", lambda flow: flow["rule"]),
)
#: filter → help; options are named after the filters of service/filters.py
FILTERS = {
    "address": "any of the four addresses (before and after translation)",
    "source": "address that began the flow",
    "destination": "address asked for, or the one that answers",
    "port": "any of the four ports",
    "source-port": "port it began from",
    "destination-port": "port asked for, or the one that answers",
    "protocol": "tcp, udp, icmp, … or a number",
    "state": "established, syn_sent, time_wait, …",
    "zone": "zone on either side",
    "rule": "part of the deciding rule's name or place",
    "mark": "packet mark",
    "family": "ipv4 or ipv6",
    "status": "assured, replied, unreplied, related, helped, source-nat, destination-nat or nat64",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The four subcommands."""
    epilog(parser, EXAMPLES)
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, title="actions", prog="pairwall flows"
    )
    listing = actions.add_parser("list", help="list flows")
    add_filters(listing)
    listing.add_argument("--limit", type=int, metavar="N", help="stop after so many")
    single = actions.add_parser("get", help="show one flow")
    single.add_argument("id", type=int, help="the flow's ID")
    delete = actions.add_parser("delete", help="end flows (root)")
    delete.add_argument("id", type=int, nargs="*", help="IDs of flows")
    delete.add_argument("--all", action="store_true", help="every flow there is")
    add_filters(delete)
    watch = actions.add_parser("watch", help="print flows as they begin and end")
    watch.add_argument("--event", choices=("new", "end"), help="only these")
    add_filters(watch)
    for action in (listing, single, watch):
        add_output(action, FORMS)
    for action in (listing, single, delete, watch):
        add_control(action)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """One option a filter."""
    group = parser.add_argument_group("filters")
    for name, text in FILTERS.items():
        group.add_argument(f"--{name}", metavar=name.upper().replace("-", "_"), help=text)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    actions = {"list": run_list, "get": run_get, "delete": run_delete, "watch": run_watch}
    with Client(options.control) as client:
        return actions[options.action](client, options)


def run_list(client: Client, options: argparse.Namespace) -> int:
    """`flows list`."""
    count = write(client.items("flows list", filters=filters(options), limit=options.limit), options.output)
    return OK if count else FAILED


def run_get(client: Client, options: argparse.Namespace) -> int:
    """`flows get`."""
    write(client.items("flows get", id=options.id), options.output)
    return OK


def run_delete(client: Client, options: argparse.Namespace) -> int:
    """`flows delete`: never everything by accident."""
    chosen = filters(options)
    if not (chosen or options.id or options.all):
        raise Failure("say which flows: IDs, filters, or --all", USAGE)
    if options.id and (chosen or options.all):
        raise Failure("give IDs, or filters, or --all: not several of them", USAGE)
    arguments: Item = {"ids": options.id} if options.id else {"filters": chosen}
    deleted = sum(item["deleted"] for item in client.items("flows delete", **arguments))
    print(f"{deleted} flow{'' if deleted == 1 else 's'} deleted")
    return OK if deleted else FAILED


def run_watch(client: Client, options: argparse.Namespace) -> int:
    """`flows watch`: until interrupted."""
    for event in client.items("flows watch", filters=filters(options), event=options.event):
        print(event_text(event, options.output), flush=True)
    return OK


def filters(options: argparse.Namespace) -> Item:
    """The filters that were given, by the daemon's names for them."""
    given = {name.replace("-", "_"): getattr(options, name.replace("-", "_")) for name in FILTERS}
    return {name: value for name, value in given.items() if value is not None}


def write(flows: Iterable[Item], form: str) -> int:
    """Prints flows in a form; returns how many there were."""
    if form != "conntrack":
        return output.write(flows, form, COLUMNS)
    count = 0
    for flow in flows:
        sys.stdout.write(conntrack_text.flow_line(flow) + "\n")
        count += 1
    return count


def event_text(event: Item, form: str) -> str:
    """One event as a line."""
    if form in ("json", "jsonl"):
        return output.json_line(event)
    if event["event"] == "lost":
        return f"# {event['count']} events lost: too many for this watcher"
    if form == "conntrack":
        return conntrack_text.event_line(event)
    source, destination = pair_text(event["original"])
    ending = f" after {duration(event['age'])}: {event['reason']}" if event["event"] == "end" else ""
    return f"{event['event']:<4} {event['protocol']} {source} -> {destination}{ending} [{event['rule'] or '-'}]"
