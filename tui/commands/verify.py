"""`midwatch verify INCIDENT`: whether its journal is whole. `midwatch verify FILE.md`: whether an export is what was signed."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from midwatch.errors import BadInput, Exit, MidwatchError
from tui.where import add_incident, add_runbook, logs_folder

_RECORD = re.compile(r"midwatch verify (\S+) --count (\d+) --head ([0-9a-f]{64})")
"""What an export says of the journal that it was made from."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_incident(parser, help="its id, the beginning of one, 'latest' (default), or an exported file")
    add_runbook(parser)
    parser.add_argument("--head", metavar="SHA256", help="the head that an update or the closure told")
    parser.add_argument("--count", type=int, metavar="N", help="the number of events that went with that head")
    parser.add_argument(
        "--signers",
        metavar="FILE",
        help="of an export: whose signatures count (default: $MIDWATCH_SIGNERS, or ~/.ssh/allowed_signers)",
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")


def run(args: argparse.Namespace) -> int:
    if args.count is not None and args.count < 0:
        raise BadInput(f"--count takes a number of events, not {args.count}", hint="Copy it from the update or the export")
    path = Path(args.incident)
    if path.is_file() or path.suffix == ".md":
        return _verify_export(path, args)
    return _verify_journal(args)


def _verify_journal(args: argparse.Namespace) -> int:
    from midwatch.incident.shelf import find
    from midwatch.journal.verify import verify

    folder = find(logs_folder(args), args.incident)
    verdict = verify(folder.journal, head=args.head, count=args.count)
    if verdict.ok and not verdict.events:  # nothing in it is wrong, and everything is missing
        verdict = replace(verdict, ok=False, problem="it has no events, and an incident's journal begins with its declaration")
    if args.json:
        print(json.dumps({"incident": folder.id, **verdict.to_json()}, indent=2))
    elif verdict.ok:
        print(f"{folder.id}: whole, {verdict.events} events, head {verdict.head}")
    else:
        print(f"{folder.id}: NOT whole: {verdict.problem}")
    return Exit.DONE if verdict.ok else Exit.FAILED


@dataclass
class _Findings:
    """What is found of an export; the worst of it is the exit code: a forgery, then what cannot be known."""

    good: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    @property
    def code(self) -> Exit:
        return Exit.FAILED if self.bad else Exit.UNKNOWN if self.unknown else Exit.DONE


def _verify_export(path: Path, args: argparse.Namespace) -> int:
    findings = _Findings()
    _signature(path, args.signers, findings)
    _record(path, args, findings)
    if args.json:
        print(json.dumps({"file": str(path), "ok": findings.code is Exit.DONE, **vars(findings)}, indent=2))
    else:
        for words, lines in (("", findings.good), ("unknown: ", findings.unknown), ("NOT so: ", findings.bad)):
            for line in lines:
                print(f"{path}: {words}{line}")
    return findings.code


def _signature(path: Path, given: str | None, findings: _Findings) -> None:
    from midwatch.export.signature import signer_of, usual_signers

    if not path.is_file():
        raise BadInput(f"There is no file {path}", hint="Name an incident, or a file that midwatch export wrote")
    try:
        signer = signer_of(path, Path(given).expanduser() if given else usual_signers())
    except BadInput as error:
        findings.unknown.append(str(error))
    except MidwatchError as error:
        findings.bad.append(str(error))
    else:
        if signer.name:
            findings.good.append(f"signed by {signer.name}, {signer.key}")
        else:
            findings.unknown.append(f"signed, but no list of signers names whose key it is: {signer.key}")


def _record(path: Path, args: argparse.Namespace, findings: _Findings) -> None:
    """Hold it against the journal that it was made from, where that is at hand."""
    from midwatch.incident.shelf import find
    from midwatch.journal.verify import verify

    told = _RECORD.search(path.read_text(encoding="utf-8", errors="replace"))
    if told is None:
        findings.unknown.append("it does not say which journal it was made from")
        return
    try:
        folder = find(logs_folder(args), told[1])
    except BadInput:
        findings.good.append(f"made from {told[2]} events, head {told[3]}; that journal is not here, so it is not compared")
        return
    verdict = verify(folder.journal, count=int(told[2]), head=told[3])
    if verdict.ok:
        findings.good.append(f"the journal of {folder.id} has these {told[2]} events, head {told[3]}")
    else:
        findings.bad.append(f"the journal of {folder.id}: {verdict.problem}")
