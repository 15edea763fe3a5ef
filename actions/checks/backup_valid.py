"""The check `backup-valid`: a backup of each target was restored not long ago, and the newest one is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from midwatch.api.action import Check, Context, Outcome
from midwatch.api.findings import Findings, Thresholds
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from midwatch.system.errors import BadInput, MidwatchError, in_words
from midwatch.system.units import duration, first_few
from probes.backup.backup_catalog import backups_of
from probes.backup.manifest import DEPTHS, GOOD
from probes.backup.proof_log import RESTORED, ProofLog, newest_proven, read_proofs


@dataclass(frozen=True)
class CheckBackupValid(Thresholds, Check):
    """Holds while a backup of each target was restored and compared within the last 30 days, one that is proven
    restorable is there still, and the last validation of the newest backup found nothing wrong.

    The proofs are those of the log of validations (docs/proof.md). A log that was changed makes the check critical.
    With `depth` a shallower validation counts as well, such as 4 where nothing can be restored.
    """

    name: ClassVar[str] = "backup-valid"
    summary: ClassVar[str] = "A backup of each database was restored not long ago"
    outputs: ClassVar[tuple[str, ...] | None] = ("level",)
    unit: ClassVar[str] = "s"
    default_warning: ClassVar[str] = "30 d"
    default_critical: ClassVar[str] = "90 d"

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())
    depth: int = param("the depth from which a validation counts as a proof", default=RESTORED)

    def evaluate(self, context: Context) -> Outcome:
        """Compare the age of the last proof of each target with the thresholds."""
        if not GOOD <= self.depth <= RESTORED:
            raise BadInput(f"depth is {GOOD} to {RESTORED}, not {self.depth}", hint="See docs/actions/backup-valid.md")
        findings, log, proven = Findings(), read_proofs(context.runbook), list[str]()
        for problem in log.problems:
            findings.fail(f"the log of validations was changed: {problem}")
        targets = self.targets or tuple(context.runbook.targets.values())
        if not targets:
            findings.unknown("the runbook names no targets")
        for target in targets:
            proven += self._judge(context, target, log, findings)
        findings.summary = f"last proofs: {first_few(proven, 10)}"
        return findings.outcome()

    def _judge(self, context: Context, target: Target, log: ProofLog, findings: Findings) -> list[str]:
        last = log.last(target.name, self.depth)
        if last is None:
            findings.warn(f"no backup of {target.label} was ever proven to depth {self.depth} ({DEPTHS[self.depth]})")
        else:
            age = max(0.0, (context.clock.now() - last.moment).total_seconds())
            findings.figures.append(self.main_figure(f"{target.label} last proof", age, 0))
        try:
            found = backups_of(context.runbook, target)
        except (OSError, MidwatchError) as error:
            findings.unknown(f"the backups of {target.label} cannot be listed: {in_words(error)}")
            return []
        if found and found[0].manifest is not None and found[0].manifest.problem:
            findings.fail(f"the newest backup of {target.label} is not good: {found[0].manifest.problem}")
        if last is None:
            return []
        if self.depth >= RESTORED and newest_proven(found, log) is None and not log.problems:
            findings.warn(f"the proven backups of {target.label} are gone or were changed since")
        return [f"{target.label} {duration(age)} ago, depth {last.depth}"]
