"""The action `verify-checksums`: finds backup sets whose files have changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.runbook.model import Risk
from midwatch.supervisor.progress import BYTES
from midwatch.system.errors import BadInput, Failed
from midwatch.system.suggestion import suggest
from midwatch.system.units import first_few, size
from probes.backup.checksums import SetVerdict, sets_below, verify_set
from probes.storage.disk_usage import files_below

ALL, LATEST = "all", "latest"


@dataclass(frozen=True)
class VerifyChecksums(Action):
    """Reads backup sets to the last byte and compares them with their `checksums.sha256`, both ways.

    `sha256sum -c` passes over files that nobody listed, depends on the folder it runs in, and lets a list reach
    outside; this does not. A set that does not hold is a finding, not a failure of the step (`invalid` names them),
    unless `strict`. Each set is `ok`, `corrupt`, or `unverified` when its list is missing, empty or not to be trusted.
    """

    name: ClassVar[str] = "verify-checksums"
    summary: ClassVar[str] = "Compare backup sets with their checksums, both ways"
    risk: ClassVar[Risk] = Risk.OBSERVE
    is_safeguard: ClassVar[bool] = True
    outputs: ClassVar[tuple[str, ...] | None] = ("sets", "valid", "invalid")

    set: str = param("a set's name, 'latest' or 'all'", default=ALL)
    strict: bool = param("fail when a set does not hold", default=False)

    def plan(self, context: Context) -> Plan:
        """List the sets to read with their sizes."""
        draft = self.draft()
        for folder in self._sets(context):
            total = sum(length for _, length in files_below(folder))
            draft.add(Verb.READ, str(folder.relative_to(context.location("backups"))), size=total)
        plan = draft.plan()
        draft.fact("reads", size(plan.total(Verb.READ)))
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Read each set and compare it with its checksums."""
        folders = self._sets(context)
        total = plan.total(Verb.READ)
        done = 0

        def read(count: int) -> None:
            nonlocal done
            done = min(done + count, total)
            context.console.progress(done, total, BYTES)

        verdicts: list[SetVerdict] = []
        for folder in folders:
            verdict = verify_set(folder, context.runbook.base, read=read)
            context.console.say(f"[{'OK' if verdict.ok else 'INVALID'}] {verdict}")
            verdicts.append(verdict)
        invalid = [verdict for verdict in verdicts if not verdict.ok]
        values = {
            "sets": str(len(verdicts)),
            "valid": str(len(verdicts) - len(invalid)),
            "invalid": first_few((verdict.folder.name for verdict in invalid), 100),
        }
        summary = f"{len(verdicts) - len(invalid)} of {len(verdicts)} sets hold"
        if invalid:
            summary += f"; not: {first_few(f'{v.folder.name} ({v.word})' for v in invalid)}"
        return Outcome(not (invalid and self.strict), summary, values)

    def _sets(self, context: Context) -> list[Path]:
        place = context.location("backups")
        folders = sets_below(place)
        if self.set == ALL:
            return folders
        if self.set == LATEST:
            if not folders:
                raise Failed(f"There is no backup set below {place}", hint="Run the nightly backup first")
            return [next((folder for folder in folders if folder.parent == place), folders[0])]
        named = {str(folder.relative_to(place)): folder for folder in folders}
        if self.set in named:
            return [named[self.set]]
        hint = suggest(self.set, named, "Sets")
        raise BadInput(f"There is no backup set {self.set!r} below {place}", hint=hint)
