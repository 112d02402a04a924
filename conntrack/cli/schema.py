"""`pairwall schema`: the JSON Schema of rules files, for editors."""

from __future__ import annotations

import argparse
import json

from conntrack.cli.options import epilog
from conntrack.service.exits import OK

EXAMPLES = """\
example:
  pairwall schema > rules.schema.json

Editors with a YAML language server then complete and check a rules file that begins with
  # yaml-language-server: $schema=rules.schema.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options."""
    epilog(parser, EXAMPLES)


def run(options: argparse.Namespace) -> int:
    """Called by main."""
    from conntrack.policy.schema import schema

    print(json.dumps(schema(), indent=2))
    return OK
