"""Writes evidence bundles to files and verifies them, for `midwatch export` and `midwatch verify`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from midwatch.engine.inspection import Finding, Standing, inspect
from midwatch.incident.paths import IncidentFolder
from midwatch.reports.bundle import SIGNATURE, SUMS, write_bundle
from midwatch.reports.bundle_reader import Unpacked, unpack
from midwatch.system.errors import BadInput, Exit, Failed, MidwatchError, OutcomeUnknown, in_words
from midwatch.system.home import expanded
from midwatch.system.trusted_files import create_exclusive, open_regular_file
from midwatch.system.units import counted, first_few, size
from tui.cli_context import incident_folder
from tui.output import say

_MODE = 0o600
_GZIP = b"\x1f\x8b"


def export_bundle(args: argparse.Namespace) -> int:
    """`midwatch export --format bundle -o FILE`."""
    from midwatch.engine.incident_files import reopen
    from midwatch.reports.export import Document, Export, Format
    from midwatch.reports.signature import sign, usual_key
    from midwatch.reports.timeline import timeline
    from midwatch.runbook.secret_sources import known_secrets
    from tui.support_report import environment

    if not args.output or args.post_mortem:
        raise BadInput(
            "A bundle is one file with the timeline and the post-mortem",
            hint="midwatch export --format bundle --output FILE.tar.gz",
        )
    path, folder = Path(args.output), incident_folder(args)
    runbook, events = reopen(folder)
    secrets = known_secrets(runbook)

    def made(document: Document, kind: Format) -> str:
        return Export(runbook, events, folder, document).made(kind).decode()

    documents = {
        "exports/timeline.md": timeline(runbook, events, folder),
        "exports/timeline.html": made(Document.TIMELINE, Format.HTML),
        "exports/timeline.json": made(Document.FULL, Format.JSON),
        "exports/post-mortem.md": made(Document.POST_MORTEM, Format.MARKDOWN),
        "exports/post-mortem.html": made(Document.POST_MORTEM, Format.HTML),
        "environment.json": json.dumps(environment(secrets), indent=2) + "\n",
    }
    key = None if args.no_sign else expanded(args.key) if args.key else usual_key()
    signing = (lambda data: sign(data, key)) if key else None
    with _replaced(path) as file:
        bundle = write_bundle(folder, events, documents, file, secrets=secrets, sign=signing)
    signed = f"signed with {key}" if key else "not signed, since there is no key" if not args.no_sign else "not signed"
    say(f"midwatch: {path}: {counted(bundle.files, 'file')}, {size(path.stat().st_size)}, {signed}", error=True)
    if bundle.withheld:
        say(f"midwatch: left out, since they hold a known secret: {first_few(bundle.withheld, 10)}", error=True)
    return Exit.DONE


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name once it is whole."""
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        with os.fdopen(create_exclusive(part, mode=_MODE, trust=None), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {in_words(error)}", hint="Name another place") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def is_bundle(path: Path) -> bool:
    """Whether this is a file that is packed like a bundle."""
    try:
        with open_regular_file(path) as file:
            return file.read(2) == _GZIP
    except (OSError, Failed):
        return False


def verify_bundle(path: Path, signers: str | None, *, head: str | None, count: int | None) -> list[Finding]:
    """A finding for each item of a bundle. Needs nothing but the file and, for the name of the signer, their list."""
    with tempfile.TemporaryDirectory(prefix="midwatch-bundle-") as into:
        try:
            with open_regular_file(path) as file:
                bundle = unpack(file, Path(into))
            difference = bundle.difference()
        except Failed as error:
            return [Finding("archive", Standing.WRONG, str(error))]
        except OSError as error:
            raise Failed(f"{path} cannot be read: {in_words(error)}") from error
        told = f"{counted(len(bundle.sums.keys() - {SUMS, SIGNATURE}), 'file')}, each as {SUMS} lists it"
        findings = [Finding("archive", Standing.WRONG if difference else Standing.GOOD, difference or told)]
        findings.append(_signature(bundle, signers))
        try:
            return findings + inspect(IncidentFolder(bundle.folder), head=head, count=count, syslog_files=None)
        except MidwatchError as error:
            return [*findings, Finding("journal.jsonl", Standing.WRONG, str(error))]


def _signature(bundle: Unpacked, signers: str | None) -> Finding:
    if SIGNATURE not in bundle.sums:
        return Finding("signature", Standing.UNKNOWN, "the bundle is not signed, so nothing says who made it")
    found = signature_finding(bundle.folder / SUMS, signers)
    return replace(found, detail=found.detail.replace(f"{bundle.folder}/", ""))


def signature_finding(path: Path, given: str | None) -> Finding:
    """Who signed a file, by the signature beside it."""
    from midwatch.reports.signature import signer_of, usual_signers

    try:
        signer = signer_of(path, expanded(given) if given else usual_signers())
    except (BadInput, OutcomeUnknown) as error:
        return Finding("signature", Standing.UNKNOWN, str(error))
    except MidwatchError as error:
        return Finding("signature", Standing.WRONG, str(error))
    if signer.name:
        return Finding("signature", Standing.GOOD, f"signed by {signer.name}, {signer.key}")
    return Finding("signature", Standing.UNKNOWN, f"signed, but no list of signers names whose key it is: {signer.key}")
