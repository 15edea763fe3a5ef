"""The scripts that run without a question, because they only observe: of panels, conditions, choices,
closure and controls."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.runbook.condition_forms import checks_in
from midwatch.runbook.model import Runbook


def unasked_scripts(runbook: Runbook) -> Iterator[tuple[str, str]]:
    """What each script is for, and the script. Those of preconditions and `verify` stand in the plans of their
    steps."""
    return ((what, script) for what, script in _places(runbook) if script)


def _places(runbook: Runbook) -> Iterator[tuple[str, str]]:
    """All that may have such a script; an empty one where it has none."""
    for panel in runbook.panels:
        if panel.probe == "command":
            yield f"panel {panel.name}", str(panel.with_.get("run", "")).strip()
    for target in runbook.targets.values():
        if target.backup_report is not None:
            yield f"backups of {target.label}", target.backup_report.command
    for ask in runbook.inputs:
        yield f"choices of {ask.name}", ask.options_command
    for step in runbook.steps():
        for check in checks_in(step.when):
            yield f"condition of {step.number} {step.title}", check.script
        for ask in step.questions:
            yield f"choices of {ask.name} in {step.number} {step.title}", ask.options_command
    for what, checks in (("closure", runbook.closure), ("control", runbook.controls)):
        for check in checks:
            yield f"{what}: {check.title}", check.script
