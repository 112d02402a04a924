"""The `pairwall` command: finds the command that is meant, imports it alone, runs it.

Lives here: the list of commands, the parser, the last line of defence. May not live here: what a command does, or any
import that a client does not need: `pairwall flows list` must answer within 60 ms.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from conntrack import __version__
from conntrack.service.exits import FAILED, OK, USAGE, Failure

#: command → one line about it. The module of the same name has `configure(parser)` and `run(options) -> exit code`.
COMMANDS: Final = {
    "run": "run the gateway",
    "check": "check a rules file: mistakes, warnings, its tests",
    "explain": "say what the rules do with a connection, and why",
    "flows": "list, watch and delete tracked connections",
    "nat": "show NAT rules and how many ports they hold",
    "rules": "show the policy's rules and how often each decided",
    "sets": "show sets of addresses",
    "stats": "show counters: packets, drops, connections",
    "status": "show how the daemon fares",
    "reload": "make the daemon load its rules again",
    "unload": "take the fast path out of the kernel, where its daemon is gone (root)",
    "replay": "run a capture file through the rules",
    "schema": "print the JSON Schema of rules files",
    "demo": "build a small network and show the gateway at work (root)",
}
EPILOG: Final = """\
Exit codes: 0 ok, 1 no match or failed, 2 wrong usage, 69 no daemon answers, 78 bad rules file;
`explain`: 0 accept, 3 drop, 4 reject.

`pairwall COMMAND --help` tells more, with examples.
"""
SHELLS: Final = ("bash", "zsh", "tcsh")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code (service/exits.py)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = build(wanted(arguments))
    options = parser.parse_args(arguments)
    if options.completion:
        return print_completion(options.completion)
    if options.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    return guarded(module_of(options.command), options)


def guarded(module: ModuleType, options: argparse.Namespace) -> int:
    """Runs a command; whatever ends it, the user gets one clear line and the right code."""
    try:
        code = int(module.run(options))
        sys.stdout.flush()
        return code
    except Failure as failure:
        print(f"pairwall: {failure}", file=sys.stderr)
        return failure.code
    except BrokenPipeError:  # `pairwall flows list | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        print(f"pairwall: {name}{error.strerror or error}", file=sys.stderr)
        return FAILED


def wanted(arguments: Sequence[str]) -> str | None:
    """The command named on the line, if there is one: the only module worth importing."""
    return next((word for word in arguments if not word.startswith("-")), None)


def build(command: str | None, everything: bool = False) -> argparse.ArgumentParser:
    """The parser. Only the options of `command` are filled in, unless everything is asked for."""
    parser = argparse.ArgumentParser(
        prog="pairwall",
        description="A stateful firewall and NAT gateway.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pairwall {__version__}")
    parser.add_argument(
        "--print-completion",
        dest="completion",
        choices=SHELLS,
        metavar="SHELL",
        help="print completion for bash, zsh, tcsh",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="pairwall")
    for name, text in COMMANDS.items():
        filled = everything or name == command
        description = text[0].upper() + text[1:] + "."
        sub = commands.add_parser(
            name,
            help=text,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=filled,
        )
        if filled:
            module_of(name).configure(sub)
    return parser


def module_of(command: str) -> ModuleType:
    """The module of a command. Failure: this installation lacks it."""
    return importlib.import_module(f"conntrack.cli.{command}")


def print_completion(shell: str) -> int:
    """Writes the completion script of a shell to standard output."""
    import shtab

    print(shtab.complete(build(None, everything=True), shell=shell))
    return OK


if __name__ == "__main__":
    sys.exit(main())
