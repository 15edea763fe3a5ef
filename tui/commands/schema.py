"""`midwatch schema`: the JSON Schema of the runbook format, for editors."""

from __future__ import annotations

import argparse

from midwatch.system.errors import Exit
from tui.output import say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch schema` to its parser."""
    parser.epilog = "An editor with a YAML language server checks as you type: midwatch schema > runbook.schema.json"


def run(args: argparse.Namespace) -> int:
    """Print the JSON Schema of runbooks."""
    from midwatch.runbook.json_schema import schema

    say_json(schema())
    return Exit.DONE
