"""`midwatch verify INCIDENT`: whether all that its journal names is whole. `midwatch verify FILE.md`: whether an export
is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from midwatch.engine.inspection import Finding, Standing, inspect
from midwatch.system.errors import BadInput, Exit, Failed
from midwatch.system.mounts import require_answer
from midwatch.system.trusted_files import read_regular
from tui.cli_context import add_incident, add_runbook, incident_folder, logs_folder
from tui.output import say, say_json

_EXPORT_LIMIT_BYTES = 256 * 1024 * 1024
_MARKS = {Standing.GOOD: "", Standing.NOTE: "note: ", Standing.UNKNOWN: "unknown: ", Standing.WRONG: "NOT so: "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch verify` to its parser."""
    add_incident(parser, help="its id, the beginning of an id, 'latest' (default), or an exported file or bundle")
    add_runbook(parser)
    parser.add_argument("--head", metavar="SHA256", help="the head from a status update or the closure")
    parser.add_argument("--count", type=int, metavar="N", help="the number of events up to that head")
    parser.add_argument(
        "--signers",
        metavar="FILE",
        help="of an export: the file that lists the accepted signers (default: $MIDWATCH_SIGNERS, or "
        "~/.ssh/allowed_signers)",
    )
    parser.add_argument("--json", action="store_true", help="print each finding as JSON")


def run(args: argparse.Namespace) -> int:
    """Verify the journal and print the verdict."""
    from tui.bundle_files import is_bundle, verify_bundle

    if args.count is not None and args.count < 0:
        raise BadInput(
            f"--count takes a number of events, not {args.count}", hint="Copy it from the update or the export"
        )
    path = Path(args.incident)
    require_answer(path)
    if is_bundle(path):
        found = verify_bundle(path, args.signers, head=args.head, count=args.count)
        return _say(path, found, args, with_items=True)
    if (path.exists() and not path.is_dir()) or path.suffix == ".md":
        return _verify_export(path, args)
    return _verify_incident(args)


def _verify_incident(args: argparse.Namespace) -> int:

    folder = incident_folder(args)
    findings = inspect(folder, head=args.head, count=args.count)
    code, journal = _code(findings), findings[0]
    if args.json:
        from midwatch.journal.verify import verify

        verdict = verify(folder.journal, head=args.head, count=args.count).to_json()
        if journal.standing is Standing.WRONG:
            verdict |= {"ok": False, "problem": journal.detail}
        told = {"incident": folder.id, **verdict, "whole": code is Exit.DONE}
        say_json(told | {"findings": [finding.to_json() for finding in findings]})
        return code
    name = folder.id
    say(f"{name}: {'' if journal.standing is Standing.GOOD else 'NOT whole: '}{journal.detail}")
    for finding in findings[1:]:
        say(f"{name}: {_MARKS[finding.standing]}{finding.item}: {finding.detail}")
    return code


def _code(findings: Sequence[Finding]) -> Exit:
    """The worst of it: something wrong, then something of which nothing can be known."""
    standings = {finding.standing for finding in findings}
    return Exit.FAILED if Standing.WRONG in standings else Exit.UNKNOWN if Standing.UNKNOWN in standings else Exit.DONE


def _verify_export(path: Path, args: argparse.Namespace) -> int:
    from tui.bundle_files import signature_finding

    try:
        content = read_regular(path, limit_bytes=_EXPORT_LIMIT_BYTES)
    except FileNotFoundError:
        hint = "Name an incident, or a file that midwatch export wrote"
        raise BadInput(f"There is no file {path}", hint=hint) from None
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}") from error
    return _say(path, [signature_finding(path, args.signers), _record(content, args)], args)


def _say(path: Path, findings: Sequence[Finding], args: argparse.Namespace, *, with_items: bool = False) -> int:
    code = _code(findings)
    if args.json:
        told = {"file": str(path), "ok": code is Exit.DONE, "findings": [finding.to_json() for finding in findings]}
        say_json(told)
    else:
        for finding in findings:
            item = f"{finding.item}: " if with_items else ""
            say(f"{path}: {_MARKS[finding.standing]}{item}{finding.detail}")
    return code


def _record(content: bytes, args: argparse.Namespace) -> Finding:
    """Hold it against the journal that it was made from, where that is at hand."""
    from midwatch.engine.repository import incidents
    from midwatch.journal.verify import check
    from midwatch.reports.record_section import read_record

    try:
        record = read_record(content.decode("utf-8"))
    except UnicodeDecodeError:
        return Finding("record", Standing.UNKNOWN, "it is not UTF-8, so it has no record to be believed")
    except ValueError as error:
        return Finding("record", Standing.UNKNOWN, str(error))
    folder = next((folder for folder in incidents(logs_folder(args)) if folder.id == record.incident), None)
    if folder is None:
        told = f"made from {record.events} events, head {record.head}; that journal is not here, so it is not compared"
        return Finding("record", Standing.GOOD, told)
    chain = check(folder.journal, count=record.events, head=record.head)
    if chain.verdict.problem:
        return Finding("record", Standing.WRONG, f"the journal of {folder.id}: {chain.verdict.problem}")
    if not chain.events or chain.events[0].body.get("id") != folder.id:
        return Finding("record", Standing.WRONG, f"the journal in the folder {folder.id} is that of another incident")
    return Finding(
        "record", Standing.GOOD, f"the journal of {folder.id} has these {record.events} events, head {record.head}"
    )
