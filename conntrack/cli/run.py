"""`pairwall run`: the gateway daemon, in the foreground."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from conntrack.cli.options import epilog
from conntrack.service.protocol import DEFAULT_SOCKET

EXAMPLES = """\
examples:
  pairwall run --rules /etc/pairwall/rules.yaml
  pairwall run --rules rules.yaml --control /tmp/pw.sock --set-sysctls --log-format text

Needs CAP_NET_ADMIN. Signals: HUP loads the rules again (the old ones stay if there is a mistake); TERM and INT end it,
and take its hook rules out of the kernel. `on-failure` in the rules file says what happens to packets if it dies.
Exit codes: 1 it cannot run (the message says why), 78 the rules file has mistakes or failing tests.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)
    parser.add_argument("--rules", type=Path, required=True, metavar="FILE", help="the rules file")
    parser.add_argument(
        "--queue-backend",
        choices=("auto", "netlink", "netfilterqueue"),
        help="how packets are taken from the kernel (default: `settings: queue: backend:`)",
    )
    parser.add_argument(
        "--set-sysctls", action="store_true", help="set the sysctls that a gateway needs, instead of complaining"
    )
    parser.add_argument(
        "--control",
        type=Path,
        default=Path(DEFAULT_SOCKET),
        metavar="PATH",
        help=f"control socket (default {DEFAULT_SOCKET})",
    )
    parser.add_argument(
        "--control-group",
        metavar="GROUP",
        help="group that may read over the control socket (default: pairwall, if there is one)",
    )
    parser.add_argument("--log-format", choices=("journal", "json", "text"), help="default: `settings: log: format:`")
    parser.add_argument(
        "--state-dir", type=Path, metavar="FOLDER", help="keep a record of the rules in force here (default: none)"
    )


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    gc.disable()  # all that start makes is to stay: service/memory.py takes over once it is done
    from conntrack.service.daemon import Options, serve

    return serve(
        Options(
            rules=options.rules,
            control=options.control,
            control_group=options.control_group,
            backend=options.queue_backend,
            set_sysctls=options.set_sysctls,
            log_format=options.log_format,
            state_dir=options.state_dir,
        )
    )
