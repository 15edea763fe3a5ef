"""The checklist in lines: phases with their counts, steps with their status."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.incident.conditions import Verdict
from midwatch.incident.state import Incident
from midwatch.runbook.forks import branch_of
from midwatch.runbook.model import Runbook, Step


def titled(step: Step) -> str:
    """`3.8 Emergency backup of ARP`."""
    return f"{step.number} {step.title}"


def checklist_lines(incident: Incident, runbook: Runbook, current: Step | None, *, whole: bool) -> Iterator[str]:
    """Phases with their counts; the steps of the phase that one is in, or of all."""
    here = runbook.phase_of(current.id) if current else None
    loop = current.item.loop if current and current.item else current.id if current and current.loop else ""
    for phase in runbook.phases:
        yield f"{phase.section} {phase.title}: {incident.tally(phase.steps).words or 'nothing is needed'}.".lstrip()
        for step in runbook.entries(phase) if whole or phase is here else ():
            more = (f", {words}" if (words := incident.items_words(step)) else "") + _way(step, incident)
            yield f"  {'next, ' if step is current else ''}{incident.status(step).value}: {titled(step)}{more}"
            for item in step.loop.steps if step.loop and (whole or step.id == loop) else ():
                yield f"    {'next, ' if item is current else ''}{incident.status(item).value}: {titled(item)}"


def _way(step: Step, incident: Incident) -> str:
    """The way of a fork that a step belongs to."""
    branch = branch_of(step)
    if branch is None:
        return ""
    known = {Verdict.TRUE: "way taken", Verdict.FALSE: "way not taken"}
    word = known.get(incident.condition(step).verdict, "way open")
    return f", {word}: {' or '.join(branch[1])}"
