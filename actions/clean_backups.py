"""The action `clean-backups`: frees space on the backup disk and never removes the last good backups."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from actions.checks.nightly_set import CheckNightlySet
from actions.cleanup.backup_sets import SetOnDisk, measured, sets_on_disk, with_proofs
from actions.cleanup.reclaimed_space import tell_shortfall
from actions.cleanup.retention_policy import AT_LEAST, RetentionPlan, choose
from actions.cleanup.safe_delete import remove
from actions.support.folder_identity import folder_identity
from actions.support.plan_log import nightly_failure
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.engine.repository import open_incident
from midwatch.runbook.model import Risk
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown, Refused
from midwatch.system.sanitize import safe_text
from midwatch.system.units import Percent, Seconds, counted, first_few, percent, size
from probes.backup.proof_log import read_proofs
from probes.postgres.tools import find_tools
from probes.storage.disk_usage import Usage, budgets_of, usage

EIGHTY = Percent(80)
FIVE_MINUTES = Seconds(300)


@dataclass(frozen=True)
class CleanBackups(Action):
    """Removes nightly sets until the disk is less full than `below`, with room for the next set: first `old/`, then the
    oldest.

    Never one of the two newest good backups of a database, nor anything newer; nor the newest one that is proven
    restorable; nothing that holds a database with fewer
    than two good ones; nothing dated in the future. Good means read to the end through `pg_restore` while planning,
    with checksums that hold. Only plain sets below the place of the backups: no link is followed, no other file system
    entered, and a set that changed since it was planned stays. The freed space is measured.

    With `older_than` it is the nightly job's retention instead: what is older goes, whatever the disk; but nothing at
    all after a nightly backup that failed, without a newest set that is complete and validated, or while an incident is
    open.
    """

    name: ClassVar[str] = "clean-backups"
    summary: ClassVar[str] = "Remove old backup sets by plan, never the last good ones"
    risk: ClassVar[Risk] = Risk.DESTROY
    outputs: ClassVar[tuple[str, ...] | None] = ("freed", "removed", "percent")

    below: Percent = param("remove until the disk is less full than this, with room for the next set", default=EIGHTY)
    older_than: Seconds | None = param(
        "remove what is older than this instead, after a good nightly backup", default=None
    )
    read_limit: Seconds = param("how long planning may read backups to find the good ones", default=FIVE_MINUTES)

    def plan(self, context: Context) -> Plan:
        """Choose the sets to remove, validate the backups to keep, and list both."""
        draft, place = self.draft(), context.location("backups")
        draft.confirm_name = place.name
        draft.bind("folder", folder_identity(place))
        found = usage(place, budgets_of(context.runbook))
        sets, left = sets_on_disk(place, self._databases(context))
        next_set = self._next_set(sets)
        needed = self._needed(found, next_set) if self.older_than is None else 0
        full = f"{percent(found.percent)} full, {size(found.free)} free" + (f" ({found.label})" if found.label else "")
        draft.fact("disk", full)
        draft.fact("room for", f"the next nightly set as well, about {size(next_set)}")
        if self.older_than is not None:
            draft.refusal = self._held(context)
            if draft.refusal:
                return draft.plan()
        elif not needed:
            enough = (
                f"with the next set the disk is {percent(found.after(next_set))} full, below "
                f"{percent(self.below)} already"
            )
            draft.fact("nothing to do", enough)
            return draft.plan()
        choice = self._choice(context, draft, sets, needed)
        by_name = {one.held.name: one for one in sets}
        for held in choice.remove:
            note = ", ".join(sorted(held.depths))
            identity = f"{place}/{by_name[held.name].identity}"
            draft.add(
                Verb.REMOVE, str(held.name), size=held.size, reversible=False, note=note, identity=identity, kind="set"
            )
        self._name_files(draft, [by_name[held.name] for held in choice.remove])
        for held, why in choice.keep:
            draft.add(Verb.KEEP, str(held.name), size=held.size, note=why, kind="set")
        for name, why in left:
            draft.add(Verb.KEEP, name, note=why)
        after = found.after(-choice.frees)
        draft.fact("frees", f"{size(choice.frees)}: {percent(found.percent)} → {percent(max(0.0, after))}")
        if choice.frees < needed:
            draft.fact("falls short", f"{size(needed)} are needed; the rest has to come from elsewhere")
        if choice.thin:
            draft.fact(
                "held back",
                f"fewer than {AT_LEAST} good backups of {', '.join(choice.thin)}: everything of theirs stays",
            )
        if not choice.remove and self.older_than is not None:
            draft.fact("nothing to do", f"No set that may go is older than {self.older_than}")
        elif not choice.remove:
            hint = "Take and validate a new one first" if choice.thin else "Make room elsewhere"
            draft.refusal = f"No set may go. {hint}"
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Remove the planned sets and measure the freed space."""
        place, budgets = context.location("backups"), budgets_of(context.runbook)
        before = usage(place, budgets)
        planned = {effect.identity: effect.object for effect in plan.effects if effect.verb is Verb.REMOVE}
        if not planned:
            return Outcome(
                True, dict(plan.facts).get("nothing to do", "No set has to go"), {"freed": "0", "removed": "0"}
            )
        sets, _ = sets_on_disk(place, self._databases(context))
        gone, spared = 0, []
        present = {f"{place}/{one.identity}": one for one in sets}
        for identity, name in planned.items():
            one = present.get(identity)
            try:
                if one is None:
                    raise Refused(f"{name} has changed since it was planned")
                remove(place, one.held.name, one.files, one.others)
                gone += 1
                context.console.say(f"[OK] Removed {safe_text(name)} ({size(one.held.size)})")
            except MidwatchError as error:
                spared.append(name)
                context.console.say(f"[KEPT] {safe_text(name)}: {safe_text(str(error))}")
            context.console.progress(gone + len(spared), len(planned), "backups")
        after = usage(place, budgets)
        freed = before.used - after.used
        tell_shortfall(context.console, place, freed, plan.total(Verb.REMOVE))
        moved = f"{percent(before.percent)} → {percent(after.percent)}"
        summary = f"{gone} of {len(planned)} sets removed, {size(max(0, freed))} freed: {moved}"
        if not gone:
            raise Failed(summary, hint="Read above what each was kept for, and plan again")
        values = {"freed": str(freed), "removed": str(gone), "percent": f"{after.percent:.1f}"}
        return Outcome(not spared, summary + (f"; kept: {first_few(spared)}" if spared else ""), values)

    def verify(self, context: Context, since: datetime) -> Outcome:
        """Compute the plan again; the action took effect when no set is left to remove."""
        plan = self.plan(context)
        if plan.refusal:
            raise OutcomeUnknown(plan.refusal, hint="Look at the disk, and at what the plan keeps")
        left = [effect for effect in plan.effects if effect.verb is Verb.REMOVE]
        if left:
            return Outcome(False, f"{len(left)} sets that may go are still there")
        return Outcome(True, dict(plan.facts)["nothing to do"])

    def _name_files(self, draft: PlanDraft, going: list[SetOnDisk]) -> None:
        """Say which files of the sets go and which stay; sets with files of the same names are said together."""
        alike: dict[str, int] = {}
        for one in going:
            names = ", ".join(safe_text(file.name.name) for file in one.files)
            alike[names] = alike.get(names, 0) + 1
            for file in one.others:
                draft.add(Verb.KEEP, safe_text(str(file.name)), size=file.size, note="no part of the set", kind="file")
        for names, count in alike.items():
            draft.fact("files", f"{names} (of {counted(count, 'set')})")

    def _needed(self, found: Usage, next_set: int) -> int:
        """Bytes to free, so that the disk is below its mark still after the next nightly set was written."""
        usable = found.used + found.free
        spare = math.floor(usable * self.below / 100) - found.used - next_set
        return max(0, 1 - spare)

    def _next_set(self, sets: list[SetOnDisk]) -> int:
        """How large the next nightly set will be: as the newest three at most."""
        newest = sorted(sets, key=lambda one: one.held.started, reverse=True)[:3]
        return max((one.held.size for one in newest), default=0)

    def _databases(self, context: Context) -> list[str]:
        return [target.database for target in context.runbook.targets.values()]

    def _choice(self, context: Context, draft: PlanDraft, sets: list[SetOnDisk], needed: int) -> RetentionPlan:
        databases = self._databases(context)
        tools = find_tools(context.runbook)
        now, base = context.clock.now(), context.runbook.base
        held = measured(sets, databases, tools.pg_restore, base, now=now, limit=self.read_limit)
        try:
            held = with_proofs(held, sets, read_proofs(context.runbook))
        except OutcomeUnknown as error:
            draft.fact("proven restorable", f"not known, so none is kept for that: {error.sentence}")
        before = None if self.older_than is None else now - timedelta(seconds=self.older_than)
        return choose(held, databases, now, needed, before=before)

    def _held(self, context: Context) -> str:
        """Why retention may delete nothing now; empty when it may."""
        logs = context.location("logs")
        failure = nightly_failure(logs)
        if failure:
            return f"{failure}, and nothing is deleted after a failed backup. Run ./automation/backup-restore.sh first"
        newest = CheckNightlySet().evaluate(context)
        if not newest.ok:
            return f"{newest.summary}. Nothing is deleted before a new backup is good"
        incident = open_incident(logs, context.runbook.id)
        return f"The incident {incident.id} holds every backup until it is closed" if incident is not None else ""
