"""The page of one step: why, what to do, what it will touch, how it went. Lines for a width, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from midwatch.incident.state import Attempt, Incident, StepState, StepStatus
from midwatch.plan import Plan, Risk
from midwatch.runbook.model import Phase, Runbook, Step, StepKind
from midwatch.units import duration
from screens.widgets.ages import span
from screens.widgets.pen import CHOSEN, FAINT, SOON, STATE_STYLES, STRONG, WELL, WRONG, Pen
from screens.widgets.plan_lines import plan_lines
from screens.widgets.progress_lines import Advance, progress_lines
from screens.widgets.rows import edges, labelled, paragraph, wrap

_RISKS = {Risk.OBSERVE: "changes nothing", Risk.CHANGE: "change", Risk.DESTROY: "destroy"}
_RISK_STYLES = {Risk.OBSERVE: FAINT, Risk.CHANGE: "", Risk.DESTROY: WRONG}
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a step's plan: being made since, made at, or impossible."""

    since: datetime | None = None
    plan: Plan | None = None
    at: datetime | None = None
    error: str = ""

    @property
    def looking(self) -> bool:
        return self.since is not None


@dataclass(frozen=True, slots=True)
class PageParts:
    """What a step's page is made of."""

    step: Step
    runbook: Runbook
    incident: Incident
    look: Look
    now: datetime
    advance: Advance | None = None
    """Of the attempt that is under way."""
    whole: bool = False
    """Also what is left out while it is not needed: the detail page."""


def step_lines(parts: PageParts, width: int, pen: Pen) -> list[Content]:
    """The page, most urgent first: what happened, what to do, what it will touch."""
    step, incident = parts.step, parts.incident
    status = incident.status(step)
    lines = [_heading(step, status, width, pen)]
    lines += paragraph(_flowing(step.why), width, pen, style=FAINT) if step.why else []
    lines.append(Content(""))
    state = incident.steps.get(step.id)
    lines += _standing(parts, status, state, width, pen)
    lines += _needed(parts, status, width, pen)
    if step.instructions and (status is not StepStatus.RUNNING or parts.whole):
        lines += [*prose(step.instructions, width, pen), Content("")]
    if status is not StepStatus.RUNNING:
        lines += _questions(step, state, width, pen)
    if step.kind is not StepKind.MANUAL:
        lines += _planned(parts, status, state, width, pen)
    lines += _said(parts, status, width, pen)
    if state and (len(state.attempts) > 1 or parts.whole):
        lines += _attempts(state, width, pen)
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def phase_lines(phase: Phase, incident: Incident, width: int, pen: Pen) -> list[Content]:
    """The page of a phase: what it is about, and where its steps stand."""
    lines = [pen.ink(f"{phase.section} {phase.title}".strip(), STRONG)]
    lines += [*paragraph(phase.intro, width, pen, style=FAINT), Content("")] if phase.intro else [Content("")]
    for step in phase.steps:
        status = incident.status(step)
        left = Content.assemble(" ", pen.state(status), pen.ink(f" {step.number} {step.title}"))
        lines.append(edges(left, pen.ink(status.value, STATE_STYLES[status] or FAINT), width))
    return lines


def _heading(step: Step, status: StepStatus, width: int, pen: Pen) -> Content:
    if step.kind is StepKind.MANUAL:
        right = pen.ink("by hand", FAINT)
    else:
        right = Content.assemble(
            pen.ink(_RISKS[step.risk], _RISK_STYLES[step.risk]),
            pen.ink(f" {pen.signs.dot} {duration(step.timeout)} at most" if width >= 56 else "", FAINT),
        )
    return edges(pen.ink(f"{step.number} {step.title}", STRONG), right, width)


def _standing(parts: PageParts, status: StepStatus, state: StepState | None, width: int, pen: Pen) -> list[Content]:
    """What has become of it, with what to do about it."""
    step, last = parts.step, state.last if state else None
    lines: list[Content] = []
    if status is StepStatus.RUNNING and state and last:
        began = last.started_at or last.confirmed_at
        left = Content.assemble(pen.state(status), pen.ink(f" under way {span((parts.now - began).total_seconds())}", CHOSEN))
        lines.append(edges(left, pen.ink(f"by {state.actor}", FAINT), width))
        lines += progress_lines(parts.advance, (parts.now - began).total_seconds(), width, pen) if parts.advance else []
    elif status in (StepStatus.FAILED, StepStatus.UNKNOWN):
        lines += _trouble(step, status, state, last, width, pen)
    elif status in (StepStatus.DONE, StepStatus.SKIPPED) and state:
        when = f"{state.settled_at:%H:%M:%S} UTC" if state.settled_at else ""
        took = f" in {duration(last.seconds)}" if last and last.seconds is not None else ""
        said = f"{status.value}{took if status is StepStatus.DONE else ''}, {state.actor}, {when}"
        lines.append(Content.assemble(pen.state(status), pen.ink(f" {said}", FAINT)))
        lines += paragraph(state.reason, width, pen, indent=2) if state.reason else []
        if last and last.summary and status is StepStatus.DONE:
            lines += paragraph(last.summary, width, pen, indent=2)
        lines += _values(state, width, pen)
    elif status is StepStatus.NOT_NEEDED:
        lines += labelled("–" if not pen.ascii else "-", "Not needed as things stand.", width, pen, column=2)
    lines += _moved(last, width, pen) if last and parts.step.kind is not StepKind.MANUAL else []
    return [*lines, Content("")] if lines else []


def _trouble(
    step: Step, status: StepStatus, state: StepState | None, last: Attempt | None, width: int, pen: Pen
) -> list[Content]:
    outcome = last.outcome.value if last and last.outcome and status is StepStatus.FAILED else status.value
    text = (last.summary if last else "") or (state.reason if state else "")
    code = f", exit {last.exit}" if last and last.exit is not None else ""
    lines = [Content.assemble(pen.state(status), pen.ink(f" {outcome}{code}", f"bold {STATE_STYLES[status]}"))]
    lines += paragraph(text, width, pen, indent=2) if text else []
    if status is StepStatus.UNKNOWN:
        advice = "Nobody can know how it ended. Look at the world, then decide: run it again, skip it, or done by hand."
        lines += labelled("  now", advice, width, pen)
    if step.on_failure.advice:
        lines += labelled("  now", _flowing(step.on_failure.advice), width, pen)
    return lines


def _needed(parts: PageParts, status: StepStatus, width: int, pen: Pen) -> list[Content]:
    if status.settled or status is StepStatus.RUNNING:
        return []
    unmet = parts.incident.unmet_needs(parts.step, parts.runbook)
    names = ", ".join(f"{need.number} {need.title}" for need in unmet)
    return [*labelled(f"{pen.signs.person} first", names, width, pen, style=SOON), Content("")] if unmet else []


def _questions(step: Step, state: StepState | None, width: int, pen: Pen) -> list[Content]:
    if not step.ask or (state and state.values):
        return []
    lines = [pen.ink("It asks", STRONG)]
    for ask in step.ask:
        lines += labelled(f" {pen.signs.dot}", ask.prompt + ("" if ask.required else " (may stay empty)"), width, pen, column=3)
    return [*lines, Content("")]


def _planned(parts: PageParts, status: StepStatus, state: StepState | None, width: int, pen: Pen) -> list[Content]:
    """The plan: the one that was confirmed while it runs or has run, else what is known of a new one."""
    look, last = parts.look, state.last if state else None
    if look.plan is not None and look.at is not None and not look.looking:
        return [*plan_lines(look.plan, look.at, parts.now, width, pen), Content("")]
    if (status is StepStatus.RUNNING or status.settled) and last and last.plan:
        return [*plan_lines(last.plan, last.confirmed_at, parts.now, width, pen), Content("")]
    if look.looking and look.since:
        waited = int((parts.now - look.since).total_seconds())
        return [pen.ink("Looking what it would do" + (f", {waited} s" if waited >= 2 else ""), FAINT), Content("")]
    if look.error:
        return [*labelled("no plan", look.error, width, pen, style=SOON), Content("")]
    return []


def _said(parts: PageParts, status: StepStatus, width: int, pen: Pen) -> list[Content]:
    step = parts.step
    if status is StepStatus.RUNNING and not parts.whole:
        return []
    lines: list[Content] = []
    if step.expect:
        lines += labelled("good", step.expect, width, pen, style="")
    if status is not StepStatus.FAILED and step.on_failure.advice:
        lines += labelled("if not", _flowing(step.on_failure.advice), width, pen, style=FAINT)
    worse, tell = step.on_failure.escalate, [parts.runbook.roles[role].name for role in step.on_failure.tell]
    if worse or tell:
        follows = [f"This is {worse} then."] if worse else []
        follows += [f"Tell {', '.join(tell)}."] if tell else []
        lines += labelled("" if step.on_failure.advice else "if not", " ".join(follows), width, pen, style=FAINT)
    if step.tell:
        lines += labelled("tells", ", ".join(parts.runbook.roles[role].name for role in step.tell), width, pen)
    if step.as_written:
        lines += [Content(""), *labelled("the plan", step.as_written, width, pen, style=FAINT)]
    if step.instead:
        lines += labelled("instead", _flowing(_CODE.sub(r"\1", step.instead)), width, pen, style=FAINT)
    return lines


def _moved(last: Attempt | None, width: int, pen: Pen) -> list[Content]:
    """Readings before and after that differ."""
    lines: list[Content] = []
    for panel, before in (last.before if last else {}).items():
        after = last.after.get(panel) if last else None
        rows = {row.label: row for row in after.rows} if after else {}
        for row in before.rows:
            now = rows.get(row.label)
            if now is not None and now.text != row.text:
                lines += labelled(f"  {panel}", f"{row.label}: {row.text} {pen.signs.arrow} {now.text}", width, pen, column=11)
    return lines


def _values(state: StepState, width: int, pen: Pen) -> list[Content]:
    lines: list[Content] = []
    for key, value in list(state.values.items())[:20]:
        lines += labelled(f"  {pen.clean(key)}", value, width, pen, column=max(11, len(key) + 4), style=FAINT)
    return lines


def _attempts(state: StepState, width: int, pen: Pen) -> list[Content]:
    lines = [Content(""), pen.ink("Attempts", STRONG)]
    for attempt in state.attempts:
        outcome = attempt.outcome.value if attempt.outcome else "under way"
        took = f" in {duration(attempt.seconds)}" if attempt.seconds is not None else ""
        style = WELL if outcome == "done" else FAINT if attempt.outcome is None else WRONG
        text = f" {attempt.number}  {attempt.confirmed_at:%H:%M:%S}  {attempt.actor}  {outcome}{took}"
        lines.append(pen.ink(text, style))
        lines += paragraph(attempt.summary, width, pen, style=FAINT, indent=4) if attempt.summary else []
        lines += paragraph(attempt.command, width, pen, style=FAINT, indent=4) if attempt.command else []
    return lines


def prose(text: str, width: int, pen: Pen) -> list[Content]:
    """Instructions: paragraphs, lists, and `code`; the rest of Markdown stays as it was written."""
    lines: list[Content] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        items = re.split(r"\n(?=\s*[-*] )", block)
        for item in items:
            bullet = re.match(r"\s*[-*] ", item)
            body = " ".join(item[bullet.end() :].split()) if bullet else " ".join(item.split())
            hang = 2 if bullet else 0
            for number, line in enumerate(wrap(pen.clean(body), max(width - hang, 8))):
                head = (f"{pen.signs.dot} " if number == 0 else "  ") if bullet else ""
                lines.append(_coded(head + line))
        lines.append(Content(""))
    return lines[:-1]


def _flowing(text: str) -> str:
    """Text without the line ends of the file that it was written in."""
    return " ".join(text.split())


def _coded(line: str) -> Content:
    return Content.assemble(*((part, STRONG if n % 2 else "") for n, part in enumerate(_CODE.split(line))))
