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
from probes.checksums import sets_below, verify_set
from probes.manifest import DEPTHS, GOOD, Manifest, stamped
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
    target: Target | None = param("or: the newest backup of this target; without both, the newest nightly set", default=None)

    def plan(self, context: Context) -> Plan:
        draft = self.draft()
        files = self._files(context)
        for file in files:
            there = file.stat().st_size if file.is_file() else None
            draft.add(Verb.READ, str(file), size=there)
            if there is None:
                draft.refusal = f"{file} is not there"
        if any(Manifest.read(file) is not None for file in files):
            draft.fact("notes", "the depth reached goes into the manifest beside each file")
        if self._whole_set:
            draft.fact("set", f"{files[0].parent.name}, the newest; its checksums as well")
        return draft.plan()

    @property
    def _whole_set(self) -> bool:
        return self.path is None and self.target is None

    def apply(self, context: Context, plan: Plan) -> Outcome:
        files = self._files(context)
        if not self._whole_set:
            return self._one(context, files[0])
        folder = files[0].parent
        outcomes = [self._one(context, file) for file in files]
        for outcome in outcomes:
            context.console.say(outcome.summary)
        checksums = verify_set(folder, context.place("backups"))
        wrong = [] if checksums.ok else [str(checksums)]
        wrong += [outcome.summary for outcome in outcomes if not outcome.ok]
        present = {file.name.partition(".dump")[0] for file in files}
        wrong += [f"{one.label} is missing" for one in context.runbook.targets.values() if one.database not in present]
        values = {"set": str(folder), "depth": min(outcome.values["depth"] for outcome in outcomes)}
        if wrong:
            return Outcome(False, f"The set {folder.name} is NOT good: {'; '.join(wrong)}", values)
        return Outcome(True, f"{folder.name}: {len(files)} backups are good, depth {values['depth']}; checksums hold", values)

    def _one(self, context: Context, file: Path) -> Outcome:
        manifest = Manifest.read(file)
        if manifest is None:
            context.console.say(f"{file.name} has no manifest: rows cannot be compared")
        tools = find_tools(context.runbook, manifest.tool_major if manifest else 0)
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

    def _files(self, context: Context) -> list[Path]:
        if self.path is not None:
            return [self.path]
        if self.target is None:
            return _newest_set(context)
        found = backups_of(context.runbook, self.target)
        if not found:
            raise BadInput(f"There is no backup of {self.target.label}", hint="Take one: midwatch action emergency-backup")
        return [found[0].path]


def _newest_set(context: Context) -> list[Path]:
    """The dumps of the newest nightly set. Raises `BadInput` when there is none."""
    place = context.place("backups")
    now = context.clock.now()
    sets = [one for one in sets_below(place) if one.parent == place and (at := stamped(one.name)) is not None and at <= now]
    files = sorted(sets[0].glob("*.dump.gz")) if sets else []
    if not files:
        where = f"no dump in {sets[0]}" if sets else f"no nightly set in {place}"
        raise BadInput(f"Which backup is not said, and there is {where}", hint="Give --path FILE or --target NAME")
    return files


def said(file: Path, verdict: Verdict) -> str:
    """What was found of a good backup, in a sentence."""
    rows = f", {sum(verdict.rows.values())} rows in {len(verdict.rows)} tables" if verdict.rows else ""
    return f"{file.name} is good, depth {verdict.depth} ({DEPTHS[verdict.depth]}): {size(verdict.bytes)}{rows}"
