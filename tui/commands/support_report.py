"""`midwatch support-report [INCIDENT]`: one page to paste for whoever helps, without secrets."""

from __future__ import annotations

import argparse
from pathlib import Path

from midwatch.system.errors import Exit, MidwatchError
from tui.cli_context import add_incident, add_runbook, load_runbook
from tui.output import say, say_json

_READ_LIMIT_S = 8.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument("--json", action="store_true", help="print the sections as JSON")


def run(args: argparse.Namespace) -> int:
    from midwatch.engine.repository import find
    from midwatch.runbook.secret_sources import environment_secrets, known_secrets
    from probes.storage.timeout import within
    from tui.support_report import report, usual_places

    trouble, secrets, runbook, folder = {}, environment_secrets(), None, None
    try:
        runbook = within(_READ_LIMIT_S, "the runbook", lambda: load_runbook(args))
        secrets |= within(_READ_LIMIT_S, "the password files", lambda: known_secrets(runbook))
    except (MidwatchError, OSError) as error:
        trouble["runbook"] = str(error)
    logs = runbook.location_of("logs") if runbook else Path("logs").absolute()
    try:
        folder = within(_READ_LIMIT_S, "the incidents", lambda: find(logs, args.incident))
    except (MidwatchError, OSError) as error:
        trouble["incident"] = str(error)
    sections = report(usual_places(runbook.base if runbook else Path("/"), logs, folder), folder, secrets, trouble)
    if args.json:
        say_json(sections)
        return Exit.DONE
    say("Midwatch support report. Known secrets are masked; read the page once before you pass it on.")
    for name, entries in sections.items():
        say()
        say(f"## {name}")
        for label, text in entries.items():
            say(f"{label}: {text}")
    return Exit.DONE
