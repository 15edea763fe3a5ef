"""`midwatch export INCIDENT`: the timeline or the post-mortem in one of several formats, signed with the operator's SSH
key."""

from __future__ import annotations

import argparse
from pathlib import Path

from midwatch.system.errors import BadInput, Exit, MidwatchError
from midwatch.system.home import expanded
from tui.cli_context import add_incident, add_runbook, incident_folder
from tui.output import say, say_document

_TEMPLATE_LIMIT_BYTES = 4 << 20
_FORMATS = ("md", "html", "pdf", "json", "csv")  # as `midwatch.reports.export.Format`, which is imported late
_BUNDLE = "bundle"
_CHOICES = (*_FORMATS, _BUNDLE)


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
        choices=_CHOICES,
        help="md (Markdown), html (one file, no script), pdf (needs Chromium), json, csv, or bundle: one archive of "
        "journal, outputs, plans, readings, exports, runbook and environment, with checksums and a signature "
        "(default: by the suffix of --output, else md); docs/export.md says what each holds",
    )
    parser.add_argument(
        "--audience",
        choices=("team", "external"),
        default="team",
        help="external: replace the names of users and hosts and all addresses, each by one word, and report on "
        "standard error what was replaced",
    )
    parser.add_argument(
        "--replace",
        action="append",
        default=[],
        metavar="NAME",
        help="with --audience external: replace this name as well; once for each",
    )
    parser.add_argument(
        "--template", metavar="FILE", help="for html and pdf: a page of your own around the document (docs/export.md)"
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
    from tui.user_files import is_special, write_bytes

    if args.key and (args.no_sign or not args.output or is_special(Path(args.output))):
        raise BadInput(
            "--key signs a file, so it needs --output and no --no-sign", hint="midwatch export -o FILE --key KEY"
        )
    if args.replace and args.audience == "team":
        raise BadInput("--replace is for readers outside", hint="Add --audience external")
    if args.format == _BUNDLE and args.audience != "team":
        raise BadInput(
            "A bundle is evidence, of which nothing is replaced", hint="Export a document for --audience external"
        )
    if args.format == _BUNDLE:
        return export_bundle(args)
    content = _exported(args)
    if not args.output:
        say_document(content.decode())
        return Exit.DONE
    path = Path(args.output)
    write_bytes(path, content)
    if not args.no_sign and not is_special(path):
        _sign(path, content, args.key)
    return Exit.DONE


def _exported(args: argparse.Namespace) -> bytes:
    from midwatch.engine.incident_files import reopen
    from midwatch.reports.audience import Outsiders
    from midwatch.reports.export import Document, Export, Format, format_of
    from midwatch.system.local_zone import local_zone, named_zone

    if args.full and args.post_mortem:
        raise BadInput("--full is for the timeline, and --post-mortem is another document", hint="Give one of them")
    kind = Format(args.format) if args.format else format_of(Path(args.output or ""))
    if kind is Format.PDF and not args.output:
        raise BadInput("A PDF goes into a file", hint="midwatch export -o FILE.pdf")
    if args.template and kind not in (Format.HTML, Format.PDF):
        raise BadInput(f"--template is for html and pdf, not for {kind}", hint="Add --format html")
    template = _template(Path(args.template)) if args.template else ""
    zone = named_zone(args.time_zone) if args.time_zone else local_zone()
    document = Document.POST_MORTEM if args.post_mortem else Document.FULL if args.full else Document.TIMELINE
    folder = incident_folder(args)
    runbook, events = reopen(folder)
    outsiders = Outsiders(runbook, events, folder, args.replace) if args.audience == "external" else None
    content = Export(runbook, events, folder, document, zone, template, outsiders).made(kind)
    for line in outsiders.report() if outsiders else ():
        say(f"midwatch: replaced: {line}", error=True)
    return content


def _template(path: Path) -> str:
    from midwatch.system.trusted_files import read_regular

    try:
        return read_regular(path, limit_bytes=_TEMPLATE_LIMIT_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadInput(f"The template {path} cannot be read: {why}", hint="Name a page as in docs/export.md") from error


def _sign(path: Path, content: bytes, given: str | None) -> None:
    """Sign it. Without a key by name, one that is missing or cannot sign is only said: the export itself is there."""
    from midwatch.reports.signature import sign, signature_of, usual_key
    from tui.user_files import write_text

    signature = signature_of(path)
    signature.unlink(missing_ok=True)  # of an earlier export, which would not fit this one
    try:
        key = expanded(given) if given else usual_key()
        if key is None:
            return
        write_text(signature, sign(content, key))
    except MidwatchError as error:
        if given:
            raise
        say(f"midwatch: {path} is not signed. {error}", error=True)
        return
    say(f"midwatch: signed: {signature}", error=True)
