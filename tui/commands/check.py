"""`midwatch check NAME`: one check, for cron and monitoring, with the conventions of monitoring plug-ins.

Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, which includes a command line that cannot be used (Monitoring
Plugins Development Guidelines, "Plugin return codes").
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from midwatch.api.action import Check, Outcome
from midwatch.api.probe import Level
from midwatch.reports.check_report import WORDS, CheckReport
from midwatch.system.errors import BadInput, Exit, Failed, MidwatchError, OutcomeUnknown, in_words
from midwatch.system.units import Seconds
from tui.action_options import add_names, list_actions, parse_action, require_check
from tui.output import Parser, say, say_document, say_json

_TIME_LIMIT = Seconds(120)
_TEXTFILE_MODE = 0o644
"""The textfile collector runs as another user."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch check` to its parser."""
    add_names(parser, "check")


def run(args: argparse.Namespace) -> int:
    """Evaluate a check and print the result."""
    if not args.name:
        return list_actions(checks=True)
    try:
        return _run(args.name, args.rest)
    except BadInput as error:
        error.exit = Exit.UNKNOWN
        raise
    except SystemExit as ended:  # of the parser, which has said what is wrong
        if ended.code == Exit.BAD_INPUT:
            return Exit.UNKNOWN
        raise


def _run(name: str, rest: list[str]) -> int:
    require_check(name)
    form = Parser(f"midwatch check {name}", add_help=False, allow_abbrev=False)
    form.add_argument("--json", action="store_true", help="print the result as JSON")
    form.add_argument("--openmetrics", action="store_true", help="print the result as OpenMetrics")
    form.add_argument("--textfile", metavar="FILE", help="also write it for Prometheus' textfile collector, as *.prom")
    form.add_argument("--time-limit", metavar="TIME", help=f"when it ends as unknown (default: {_TIME_LIMIT})")
    options, _ = form.parse_known_args(rest)  # also for what ends before all options are read
    if options.json and options.openmetrics:
        raise BadInput("--json and --openmetrics exclude one another", hint="Choose one")
    limit, textfile = _limit(options.time_limit), _textfile(options.textfile)
    said = io.StringIO()
    report, outcome, is_late = _evaluate(name, Parser(f"midwatch check {name}", parents=[form]), rest, limit, said)
    if options.json:
        say_json(_json(report, outcome), indent=None)
    elif options.openmetrics:
        sys.stdout.write(report.metrics(is_openmetrics=True))
    else:
        say(report.line())
        say_document(said.getvalue())
    if textfile is not None:
        _write(textfile, report)
    if is_late:
        sys.stdout.flush()
        _end_late(report.code)
    return report.code


def _end_late(code: int) -> NoReturn:
    """End at once with what the check has started: its threads hang, and would hold up the end of the process."""
    import psutil

    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()
    os._exit(code)


def _evaluate(
    name: str, parser: argparse.ArgumentParser, rest: list[str], limit: Seconds, said: io.StringIO
) -> tuple[CheckReport, Outcome | None, bool]:
    """Evaluate the check. The report, the outcome unless it is unknown, and whether the check still runs."""
    from midwatch.engine.process_console import ProcessConsole
    from midwatch.runbook.secret_sources import known_secrets
    from midwatch.system.clock import SystemClock
    from probes.storage.timeout import TimedOut, within

    started, given, outcome, is_late = time.monotonic(), {}, None, False
    try:
        action, context, _ = parse_action(parser, name, rest)
        given = action.given()
        context = replace(context, console=ProcessConsole(said, secrets=known_secrets(context.runbook)))
        assert isinstance(action, Check)
        check = action
        outcome = within(limit, f"the check {name}", lambda: check.evaluate(context))
        level, summary = outcome.state, outcome.summary
    except BadInput:
        raise
    except (MidwatchError, OSError, MemoryError) as error:
        is_late = isinstance(error, TimedOut)
        level, summary = Level.UNKNOWN, str(error) if isinstance(error, MidwatchError) else f"{in_words(error)}."
    figures = outcome.figures if outcome is not None else ()
    now, took = SystemClock().now(), time.monotonic() - started
    return CheckReport(name, given, level, summary, figures, now, took), outcome, is_late


def _json(report: CheckReport, outcome: Outcome | None) -> dict[str, object]:
    figures = [
        {"label": item.label, "value": item.value, "unit": item.unit, "level": item.level.value}
        for item in report.figures
    ]
    return {
        "check": report.check,
        "result": WORDS[report.level].lower(),
        "exit": report.code,
        "summary": report.summary,
        "values": dict(outcome.values) if outcome is not None else {},
        "figures": figures,
    }


def _limit(text: str | None) -> Seconds:
    try:
        limit = _TIME_LIMIT if text is None else Seconds.parse(text)
    except ValueError as error:
        raise BadInput(f"--time-limit: {error}") from None
    if not limit > 0:
        raise BadInput("--time-limit takes a length of time above 0", hint="Write it like '30 s'")
    return limit


def _textfile(text: str | None) -> Path | None:
    if text is None:
        return None
    if not text.endswith(".prom"):
        raise BadInput(f"The textfile collector reads *.prom only, not {text!r}", hint="Name it like disk.prom")
    return Path(text)


def _write(file: Path, report: CheckReport) -> None:
    from midwatch.system.trusted_files import atomic_write

    try:
        atomic_write(file, report.metrics(is_openmetrics=False).encode(), mode=_TEXTFILE_MODE, trust=None)
    except (OSError, Failed) as error:
        raise OutcomeUnknown(f"{file} cannot be written: {in_words(error)}", hint="See its folder") from error
