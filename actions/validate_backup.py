"""The action `validate-backup`: is this backup whole? Read to its last byte, and its rows counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from actions.validation import Verdict, validate
from midwatch.action import Action, Context, Outcome
from midwatch.clock import iso
from midwatch.errors import BadInput
from midwatch.parameters import param
from midwatch.plan import Plan, Risk, Verb
from midwatch.runbook.model import Target
from midwatch.units import size
from probes.catalogue import backups_of
from probes.manifest import DEPTHS, GOOD, Manifest, path_of
from probes.postgres.tools import find_tools


@dataclass(frozen=True)
class ValidateBackup(Action):
    """Reads one backup in a single stream, without disk: SHA-256 against its manifest, the gzip file's own checksum and end,
    every byte through `pg_restore`, and the rows of each table against those counted in the dump's snapshot.

    The depth it reached goes into the manifest, and from there into panel, retention and closure. Fails when the backup is
    not read to its end, or anything differs.
    """

    name: ClassVar[str] = "validate-backup"
    summary: ClassVar[str] = "Read a backup to its last byte and count its rows"
    risk: ClassVar[Risk] = Risk.OBSERVE

    path: Path | None = param("the backup file", default=None)
    target: Target | None = param("or: the newest backup of this target", default=None)

    def plan(self, context: Context) -> Plan:
        draft, file = self.draft(), self._file(context)
        there = file.stat().st_size if file.is_file() else None
        draft.add(Verb.READ, str(file), size=there)
        if Manifest.read(file) is not None:
            draft.fact("notes", f"the depth reached goes into {path_of(file).name}")
        if there is None:
            draft.refusal = f"{file} is not there"
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        file = self._file(context)
        manifest = Manifest.read(file)
        if manifest is None:
            context.console.say("It has no manifest: rows cannot be compared")
        tools = find_tools(context.runbook, _major(manifest))
        verdict = validate(
            file,
            tools.pg_restore,
            sha256=manifest.sha256 if manifest else "",
            rows=manifest.rows if manifest else None,
            progress=context.console.progress,
        )
        if manifest is not None:
            manifest.judged(verdict.depth, verdict.problem, iso(context.clock.now())).write(file)
        values = {"path": str(file), "depth": str(verdict.depth), "sha256": verdict.sha256}
        if verdict.problem:
            context.console.say(f"[ERROR] {file.name}: {verdict.problem}")
            return Outcome(False, f"{file.name} is NOT good: {verdict.problem}", values)
        return Outcome(verdict.depth >= GOOD, said(file, verdict), values)

    def _file(self, context: Context) -> Path:
        if self.path is not None:
            return self.path
        if self.target is None:
            raise BadInput("Which backup is not said", hint="Give --path FILE or --target NAME")
        found = backups_of(context.runbook, self.target)
        if not found:
            raise BadInput(f"There is no backup of {self.target.label}", hint="Take one: midwatch action emergency-backup")
        return found[0].path


def _major(manifest: Manifest | None) -> int:
    """The version of the `pg_dump` that wrote it: an older `pg_restore` cannot read it."""
    if manifest is None or not manifest.tool.startswith("pg_dump "):
        return 0
    return int(manifest.tool.split()[-1].partition(".")[0])


def said(file: Path, verdict: Verdict) -> str:
    """What was found of a good backup, in a sentence."""
    rows = f", {sum(verdict.rows.values())} rows in {len(verdict.rows)} tables" if verdict.rows else ""
    return f"{file.name} is good, depth {verdict.depth} ({DEPTHS[verdict.depth]}): {size(verdict.bytes)}{rows}"
