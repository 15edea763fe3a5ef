"""`midwatch export INCIDENT`: the timeline or the post-mortem, as Markdown, signed with the operator's SSH key."""

from __future__ import annotations

import argparse
from pathlib import Path

from midwatch.system.errors import BadInput, Exit, MidwatchError
from tui.cli_context import add_incident, add_runbook, incident_folder
from tui.output import say, say_document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch export` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument("--post-mortem", action="store_true", help="the post-mortem instead of the timeline")
    parser.add_argument(
        "--full", action="store_true", help="the timeline with every event and every attempt, for auditors"
    )
    parser.add_argument(
        "--time-zone",
        metavar="ZONE",
        help="the zone of the times beside UTC, such as Europe/Berlin or UTC (default: the zone of this machine)",
    )
    parser.add_argument(
        "--format",
        choices=("md", "bundle"),
        default="md",
        help="md: Markdown (default); bundle: one archive of journal, outputs, plans, readings, exports, runbook and "
        "environment, with checksums and a signature; needs --output FILE.tar.gz",
    )
    parser.add_argument("--output", "-o", metavar="FILE", help="the file to write (default: standard output)")
    parser.add_argument(
        "--key",
        metavar="FILE",
        help="with --output: sign FILE.sig with this SSH key (default: $MIDWATCH_SIGNING_KEY, else one in ~/.ssh)",
    )
    parser.add_argument("--no-sign", action="store_true", help="do not sign")


def run(args: argparse.Namespace) -> int:
    """Export the incident."""
    from tui.bundle_files import export_bundle
    from tui.user_files import is_special, write_text

    if args.key and (args.no_sign or not args.output or is_special(Path(args.output))):
        raise BadInput(
            "--key signs a file, so it needs --output and no --no-sign", hint="midwatch export -o FILE --key KEY"
        )
    if args.format == "bundle":
        return export_bundle(args)
    text = _document(args)
    if not args.output:
        say_document(text)
        return Exit.DONE
    path = Path(args.output)
    write_text(path, text)
    if not args.no_sign and not is_special(path):
        _sign(path, text, args.key)
    return Exit.DONE


def _document(args: argparse.Namespace) -> str:
    from midwatch.engine.incident_files import reopen
    from midwatch.incident.event_errors import event_errors
    from midwatch.reports.incident_facts import Facts
    from midwatch.reports.post_mortem import post_mortem
    from midwatch.reports.summary_timeline import summary_timeline
    from midwatch.reports.timeline import timeline
    from midwatch.system.local_zone import local_zone, named_zone

    if args.full and args.post_mortem:
        raise BadInput("--full is for the timeline, and --post-mortem is another document", hint="Give one of them")
    zone = named_zone(args.time_zone) if args.time_zone else local_zone()
    folder = incident_folder(args)
    runbook, events = reopen(folder)
    if args.post_mortem or args.full:
        return (post_mortem if args.post_mortem else timeline)(runbook, events, folder)
    with event_errors(folder.id):
        return summary_timeline(Facts.of(runbook, events, folder, zone))


def _sign(path: Path, text: str, given: str | None) -> None:
    """Sign it. Without a key by name, one that is missing or cannot sign is only said: the export itself is there."""
    from midwatch.reports.signature import sign, signature_of, usual_key
    from tui.user_files import write_text

    signature = signature_of(path)
    signature.unlink(missing_ok=True)  # of an earlier export, which would not fit this one
    try:
        key = Path(given).expanduser() if given else usual_key()
        if key is None:
            return
        write_text(signature, sign(text.encode(), key))
    except MidwatchError as error:
        if given:
            raise
        say(f"midwatch: {path} is not signed. {error}", error=True)
        return
    say(f"midwatch: signed: {signature}", error=True)
