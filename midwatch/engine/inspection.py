"""Checks all that an incident's journal names: its own chain, the incident's id, runbook, site, plans and outputs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import open_file
from midwatch.journal.verify import CheckedChain, check
from midwatch.journal.witness_comparison import SYSLOG_FILES, Head, Testimony, contradictions, heads_witnessed

_DOCUMENT_LIMIT_BYTES = 64 * 1024 * 1024
"""Of a plan, a copy or a post-mortem. A longer file is none of these."""
_BLOCK_BYTES = 1 << 16


class Standing(StrEnum):
    """How one item stands."""

    GOOD = "good"
    NOTE = "note"
    """Only to be known."""
    UNKNOWN = "unknown"
    """Missing, unreadable or not bound by the journal: nothing can be said of it."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one item."""

    item: str
    standing: Standing
    detail: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def inspect(
    folder: IncidentFolder,
    *,
    head: str | None = None,
    count: int | None = None,
    syslog_files: Sequence[Path] | None = SYSLOG_FILES,
) -> list[Finding]:
    """A finding for each item; the first one is the journal's. `syslog_files`: None where no witness is to be asked.

    Raises `BadInput` when there is no journal, and `Failed`.
    """
    said = [] if syslog_files is None else heads_witnessed(folder.path, syslog_files=syslog_files)
    # before the journal is read: a driver may be writing it
    chain = check(folder.journal, head=head, count=count)
    verdict = chain.verdict
    if not verdict.problem and not chain.events:
        problem = "it has no events, and an incident's journal begins with its declaration"
        return [Finding("journal.jsonl", Standing.WRONG, problem)]
    if verdict.problem:
        findings = [Finding("journal.jsonl", Standing.WRONG, verdict.problem)]
    else:
        findings = [Finding("journal.jsonl", Standing.GOOD, f"whole, {verdict.events} events, head {verdict.head}")]
    findings += _files(folder, chain.events)
    findings += _witnessed(folder, chain, said) if syslog_files is not None else ()
    if head is None:
        told = "A missing end and a chain that was built anew show by a head that others hold: --count N --head SHA256"
        findings.append(Finding("head", Standing.NOTE, told))
    return findings


def _files(folder: IncidentFolder, events: Sequence[Event]) -> Iterator[Finding]:
    if not events or events[0].kind != EventKind.DECLARED:
        yield Finding("id", Standing.WRONG, "the journal does not begin with a declaration")
        return
    declared = events[0].body
    own = str(declared.get("id", ""))
    if own == folder.id:
        yield Finding("id", Standing.GOOD, f"the journal is that of {own}")
    else:
        yield Finding("id", Standing.WRONG, f"the journal is that of another incident: {own or 'it names none'}")
    of_copies = next((event.body for event in reversed(events) if event.kind == EventKind.ADOPTED), declared)
    yield _copy("runbook.yaml", folder.runbook, of_copies.get("runbook_sha256"))
    yield _copy("site.yaml", folder.site, of_copies.get("site_sha256"))
    for event in events:
        if event.kind == EventKind.CONFIRMED:
            yield _plan(folder, event.body)
        elif event.kind == EventKind.FINISHED:
            yield from _result(folder, event.body)


def _copy(name: str, path: Path, expected: object) -> Finding:
    """A copy that was made at the declaration; empty where there was nothing to copy, None where the journal says
    nothing."""
    try:
        found, _ = _digest(path, None)
    except FileNotFoundError:
        if expected:
            return Finding(name, Standing.UNKNOWN, "missing")
        return Finding(name, Standing.GOOD, "there is none")
    except OSError as error:
        return Finding(name, Standing.UNKNOWN, f"cannot be read: {error.strerror}")
    if expected is None:
        return Finding(name, Standing.NOTE, "the journal has no SHA-256 of it, so nothing can be said of it")
    if not expected:
        return Finding(name, Standing.WRONG, "there was none at the declaration, and one is there now")
    if found != expected:
        return Finding(name, Standing.WRONG, f"changed since the declaration: its SHA-256 is {found}, not {expected}")
    return Finding(name, Standing.GOOD, "as at the declaration")


def _plan(folder: IncidentFolder, body: Mapping[str, Any]) -> Finding:
    attempt = _attempt(folder, body)
    if attempt is None:
        return _malformed(body)
    expected = (str(body.get("plan_sha256")), None)
    return _bytes(f"{attempt}/plan.json", folder.path / attempt / "plan.json", expected, "since it was confirmed")


def _result(folder: IncidentFolder, body: Mapping[str, Any]) -> Iterator[Finding]:
    attempt = _attempt(folder, body)
    output, values = body.get("output"), body.get("values")
    if attempt is None or not isinstance(output, dict) or not isinstance(values, dict):
        yield _malformed(body)
        return
    if output.get("sha256"):
        expected = (str(output["sha256"]), output.get("bytes"))
        yield _bytes(f"{attempt}/output", folder.path / attempt / "output", expected, "since the step ended")
    if values.get("post_mortem_sha256"):
        finding = _bytes(
            "post-mortem.md", folder.post_mortem, (str(values["post_mortem_sha256"]), None), "since the step wrote it"
        )
        if finding.standing is Standing.WRONG:  # people are asked to edit it
            finding = Finding(
                finding.item, Standing.NOTE, f"{finding.detail}; it is meant to be edited, so sign an export"
            )
        yield finding


def _bytes(name: str, path: Path, expected: tuple[str, object], since: str) -> Finding:
    try:
        digest, size = _digest(path, expected[1])
    except FileNotFoundError:
        return Finding(name, Standing.UNKNOWN, "missing")
    except OSError as error:
        return Finding(name, Standing.UNKNOWN, f"cannot be read: {error.strerror}")
    if expected[1] is not None and size != expected[1]:
        return Finding(name, Standing.WRONG, f"changed {since}: it has {size:,} bytes, and {expected[1]} were told")
    if not digest:
        return Finding(name, Standing.WRONG, f"changed {since}: it has {size:,} bytes")
    if digest != expected[0]:
        return Finding(name, Standing.WRONG, f"changed {since}: its SHA-256 is {digest}, not {expected[0]}")
    return Finding(name, Standing.GOOD, f"unchanged {since}")


def _digest(path: Path, expected_bytes: object) -> tuple[str, int]:
    """SHA-256 and size of a regular file that no link leads to. Raises `OSError`.

    A file of another size than expected, or of more than `_DOCUMENT_LIMIT_BYTES` without an expectation, is not read: a
    hole can make a file terabytes long. Its digest is empty.
    """
    hashed, size = hashlib.sha256(), 0
    descriptor = open_file(path, os.O_RDONLY)
    try:
        stored = os.fstat(descriptor).st_size
        if stored != expected_bytes if expected_bytes is not None else stored > _DOCUMENT_LIMIT_BYTES:
            return "", stored
        while block := os.read(descriptor, _BLOCK_BYTES):
            hashed.update(block)
            size += len(block)
    finally:
        os.close(descriptor)
    return hashed.hexdigest(), size


def _attempt(folder: IncidentFolder, body: Mapping[str, Any]) -> str | None:
    """The attempt's folder below the incident's; None when the event names none that may lie there."""
    step, number = body.get("step"), body.get("attempt")
    if not isinstance(step, str) or type(number) is not int or step in ("", ".", "..") or "/" in step or "\0" in step:
        return None
    return str(folder.attempt(step, number).path.relative_to(folder.path))


def _malformed(body: Mapping[str, Any]) -> Finding:
    return Finding(f"step {body.get('step')}", Standing.WRONG, "an event of this step is not as docs/journal.md has it")


def _witnessed(folder: IncidentFolder, chain: CheckedChain, said: Sequence[Testimony]) -> Iterator[Finding]:
    if not said:
        yield Finding("witness", Standing.NOTE, "no witness on this machine")
    here = {str(folder.path.absolute()), os.path.realpath(folder.path)}
    for testimony in said:
        if testimony.problem:
            yield Finding("witness", Standing.NOTE, f"{testimony.witness} cannot be asked: {testimony.problem}")
            continue
        if testimony.left_out:
            detail = (
                f"{testimony.left_out} heads in {testimony.witness} come from users who may not drive it, "
                "and do not count"
            )
            yield Finding("witness", Standing.NOTE, detail)
        own = [head for head in testimony.heads if head.folder in here]
        against = contradictions(own, chain.hashes)
        if not own:
            other = len(testimony.heads)
            more = f"; it has {other} of an incident of this name in another folder" if other else ""
            yield Finding("witness", Standing.NOTE, f"{testimony.witness} has no head of it{more}")
        elif against:
            yield _contradicted(
                testimony, against, [head.seq for head in own if head not in against], len(chain.hashes)
            )
        else:
            yield Finding("witness", Standing.GOOD, f"witnessed by {testimony.witness}: {len(own)} heads, all found")


def _contradicted(testimony: Testimony, against: Sequence[Head], agreed: Sequence[int], events: int) -> Finding:
    first = min(against, key=lambda head: (head.seq, head.sha256))
    if first.seq > events:
        detail = f"event {first.seq} was witnessed by {testimony.witness} and is missing: the end was cut off"
    else:
        detail = f"event {first.seq} was witnessed by {testimony.witness} with another head: the journal was rewritten"
    if testimony.knows_who_wrote:
        return Finding("witness", Standing.WRONG, detail)
    detail += f"; {testimony.witness} does not say who wrote that line"
    return Finding("witness", Standing.UNKNOWN if first.seq in agreed else Standing.WRONG, detail)
