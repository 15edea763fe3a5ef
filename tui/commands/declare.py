"""`midwatch declare [RUNBOOK]`: declare an incident without a screen, by a request of the watcher, or by an alert."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from midwatch.runbook.model import Runbook
from midwatch.runbook.severity import Severity
from midwatch.system.errors import BadInput, Exit
from tui.cli_context import add_inputs, add_runbook, inputs_given, load_runbook
from tui.output import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch declare` to its parser."""
    add_runbook(parser, positional=True)
    parser.add_argument(
        "--from-alert",
        metavar="FILE",
        help="the JSON of Alertmanager's webhook, PagerDuty's webhook v3 or PagerDuty's Events v2; '-' reads it from "
        "standard input. Declares once for one alert; what follows of it joins the incident",
    )
    parser.add_argument(
        "--join", action="store_true", help="with --from-alert: join the open incident of the runbook, if there is one"
    )
    parser.add_argument(
        "--severity",
        choices=[severity.value for severity in Severity],
        help="how bad it is (default: what the alert says, else the runbook)",
    )
    parser.add_argument(
        "--request",
        metavar="ID",
        help="declare by this request of the watcher and every other one that waits, or join the open incident: its "
        "id, the beginning of an id, or 'latest' (docs/watch.md)",
    )
    parser.add_argument("--dismiss", metavar="REASON", default="", help="with --request: answer that it is no incident")
    add_inputs(parser)


def run(args: argparse.Namespace) -> int:
    """Declare, or join."""
    from midwatch.engine.alert_intake import AlertIntake
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.incident.alert_formats import read_alerts
    from midwatch.system.actor import current_actor
    from midwatch.system.clock import SystemClock

    if args.join and args.from_alert is None:
        raise BadInput("--join belongs to --from-alert", hint="To go on with the open incident: midwatch")
    runbook, inputs = load_runbook(args), inputs_given(args.inputs)
    severity = Severity(args.severity) if args.severity else None
    if args.request is not None:
        return _by_request(args, runbook, severity, inputs)
    if args.dismiss:
        raise BadInput("--dismiss belongs to --request", hint="Name the request: midwatch watch --status")
    if args.from_alert is None:
        controller = IncidentController.declare(runbook, actor=current_actor(), severity=severity, inputs=inputs)
        controller.leave()
        say(f"{controller.incident.id} is declared, {controller.incident.severity}. Walk through it: midwatch")
        _say_seen(runbook, controller.incident.id)
        return Exit.DONE
    label, unread = runbook.alerts.label, list[str]()
    delivery, now = _delivery(args.from_alert), SystemClock().now()
    alerts = read_alerts(delivery, now, severity_label=label, report=unread.append)
    if not alerts:
        say("This is about no alert; nothing was declared.")
    for line in AlertIntake(runbook, actor=current_actor()).take(
        alerts, join=args.join, severity=severity, inputs=inputs
    ):
        say(line)
    for problem in unread:
        say(f"midwatch: {problem}.", error=True)
    return Exit.BAD_INPUT if unread else Exit.DONE


def _by_request(
    args: argparse.Namespace, runbook: Runbook, severity: Severity | None, inputs: Mapping[str, str]
) -> int:
    from midwatch.engine.reasons import require_reason
    from midwatch.engine.watch_intake import WatchIntake
    from midwatch.system.actor import current_actor

    if args.from_alert is not None:
        raise BadInput("--request and --from-alert exclude each other", hint="Take one of the two out")
    intake = WatchIntake(runbook, actor=current_actor())
    request = intake.store.find(args.request)
    if args.dismiss:
        intake.dismiss(request, require_reason(args.dismiss))
        say(f"{request.id} is dismissed.")
        return Exit.DONE
    others = [other for other in intake.store.pending() if other.id != request.id]
    incident = intake.declare([request, *others], severity=severity, inputs=inputs)
    say(f"{incident} has {request.id}{f' and {len(others)} more' if others else ''}. Walk through it: midwatch")
    _say_seen(runbook, incident)
    return Exit.DONE


def _say_seen(runbook: Runbook, incident: str) -> None:
    from midwatch.reports.seen_before import seen_lines
    from midwatch.system.clock import SystemClock

    for line in seen_lines(runbook, SystemClock().now(), incident):
        say(f"Seen before: {line}.")


def _delivery(name: str) -> bytes:
    from midwatch.incident.alert_formats import DELIVERY_LIMIT_BYTES
    from midwatch.system.trusted_files import read_regular

    if name == "-":
        return sys.stdin.buffer.read(DELIVERY_LIMIT_BYTES + 1)
    try:
        return read_regular(Path(name), limit_bytes=DELIVERY_LIMIT_BYTES)
    except OSError as error:
        raise BadInput(
            f"{name} cannot be read: {error.strerror}", hint="Name a file, or - for standard input"
        ) from None
