"""The check `nightly-set`: the newest nightly set is complete, unchanged, recent and validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.units import Seconds, duration, first_few
from probes.backup.backup_catalog import BACKUPS
from probes.backup.checksums import sets_below, verify_set
from probes.backup.manifest import Manifest, stamped
from probes.backups import DAY_AND_TWO_HOURS


@dataclass(frozen=True)
class CheckNightlySet(Check):
    """Holds when the newest set has a validated backup of every target, its checksums hold both ways, and it is not
    older than `max_age`. Sets that were put aside in `old/` do not count.
    """

    name: ClassVar[str] = "nightly-set"
    summary: ClassVar[str] = "The newest nightly set is complete and validated"
    outputs: ClassVar[tuple[str, ...] | None] = ("set",)

    max_age: Seconds = param("how old it may be", default=DAY_AND_TWO_HOURS)

    def evaluate(self, context: Context) -> Outcome:
        """Find the newest nightly set and check its backups, checksums and age."""
        place = context.location("backups")
        try:
            sets = [folder for folder in sets_below(place) if folder.parent == place]
        except OSError as error:
            raise OutcomeUnknown(f"{place} cannot be listed: {error.strerror}", hint="Look at the disk") from error
        dated = sorted((at, folder) for folder in sets if (at := stamped(folder.name)) is not None)
        if not dated:
            return Outcome(False, f"There is no nightly set in {place}")
        began, newest = dated[-1]
        lacking = []
        for target in context.runbook.targets.values():
            files = sorted(one for one in newest.glob(f"{target.database}.*") if one.name.endswith(BACKUPS))
            manifest = Manifest.read(files[0]) if files else None
            if not files:
                lacking.append(f"{target.label} is missing")
            elif manifest is None or not manifest.good:
                lacking.append(f"{target.label} is not validated")
        verdict = verify_set(newest, place)
        if not verdict.ok:
            lacking.append(str(verdict))
        age = (context.clock.now() - began).total_seconds()
        if age > self.max_age:
            lacking.append(f"it is {duration(age)} old")
        if lacking:
            return Outcome(False, f"The newest set {newest.name}: {first_few(lacking, 5, '; ')}", {"set": str(newest)})
        count = len(context.runbook.targets)
        return Outcome(
            True, f"{newest.name}: {count} databases, validated, {duration(max(0.0, age))} old", {"set": str(newest)}
        )
