"""The page of one step: why, what to do, what it will touch, what it requires. Lines for a width, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from textual.content import Content

from midwatch.engine.script_plan import with_whole_values
from midwatch.incident.state import Incident
from midwatch.incident.step_state import StepState
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.forks import forks_of, open_words, way_words
from midwatch.runbook.model import Phase, Risk, Runbook, Step, StepKind
from midwatch.runbook.value_sources import Reference
from midwatch.system.units import duration
from screens.widgets.markdown_text import markdown_lines
from screens.widgets.plan_lines import plan_column, plan_lines, spared_names
from screens.widgets.step_history import attempt_lines, standing_lines
from screens.widgets.step_page_data import PlanState, StepPageData
from screens.widgets.styles import FAINT, MET_STYLES, SOON, STATE_STYLES, STRONG, WRONG, TextStyles
from screens.widgets.text_layout import edges, labelled, paragraph

_RISKS = {Risk.OBSERVE: "changes nothing", Risk.CHANGE: "change", Risk.DESTROY: "destroy"}
_RISK_STYLES = {Risk.OBSERVE: FAINT, Risk.CHANGE: "", Risk.DESTROY: WRONG}
_CODE = re.compile(r"`([^`\n]+)`")


def step_lines(parts: StepPageData, width: int, text_styles: TextStyles) -> list[Content]:
    """The page, most urgent first: what happened, what to do, what it will touch."""
    step, incident = parts.step, parts.incident
    status = incident.status(step)
    lines = [_heading(step, width, text_styles)]
    lines += paragraph(_flowing(step.why), width, text_styles, style=FAINT) if step.why else []
    lines.append(Content(""))
    state = incident.steps.get(step.id)
    lines += standing_lines(parts, width, text_styles)
    lines += _earlier(parts, status, width, text_styles)
    lines += _items(step, incident, width, text_styles)
    lines += _needed(parts, status, width, text_styles)
    if step.instructions and (status is not StepStatus.RUNNING or parts.whole):
        lines += [*markdown_lines(step.instructions, width, text_styles, step.text_values), Content("")]
    if status is not StepStatus.RUNNING:
        lines += _questions(step, state, width, text_styles)
        lines += _forks(step, parts.runbook, incident, width, text_styles)
    if step.kind is not StepKind.MANUAL:
        planned, required = (
            _planned(parts, status, state, width, text_styles),
            _required(step, parts.look, status, width, text_styles),
        )
        lines += [*required, *planned] if parts.look.unmet(step) else [*planned, *required]
    shown = parts.look.plan or (state.last.plan if state and state.last else None)
    lines += _said(parts, status, plan_column(shown), width, text_styles)
    if state and (len(state.attempts) > 1 or parts.whole):
        lines += attempt_lines(state, width, text_styles)
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def phase_lines(
    phase: Phase, steps: Iterable[Step], incident: Incident, width: int, text_styles: TextStyles
) -> list[Content]:
    """The page of a phase: what it is about, and where its steps stand."""
    lines = [text_styles.ink(f"{phase.section} {phase.title}".strip(), STRONG)]
    lines += [*paragraph(phase.intro, width, text_styles, style=FAINT), Content("")] if phase.intro else [Content("")]
    for step in steps:
        status = incident.status(step)
        left = Content.assemble(" ", text_styles.state(status), text_styles.ink(f" {step.number} {step.title}"))
        lines.append(edges(left, text_styles.ink(status.value, STATE_STYLES[status] or FAINT), width))
    return lines


def _heading(step: Step, width: int, text_styles: TextStyles) -> Content:
    title = f"{step.number} {step.title}"
    if step.kind is StepKind.MANUAL:
        right = text_styles.ink("manual", FAINT)
    else:
        risk, limit = _RISKS[step.risk], f" {text_styles.signs.dot} {duration(step.timeout)} at most"
        room = width - cell_len(title) - len(risk) - 1
        right = Content.assemble(
            text_styles.ink(risk, _RISK_STYLES[step.risk]), text_styles.ink(limit if len(limit) <= room else "", FAINT)
        )
    return edges(text_styles.ink(title, STRONG), right, width)


def _items(step: Step, incident: Incident, width: int, text_styles: TextStyles) -> list[Content]:
    """The items of a loop, counted by their status."""
    words = incident.items_words(step)
    return [*labelled("items", words, width, text_styles), Content("")] if words else []


def _earlier(parts: StepPageData, status: StepStatus, width: int, text_styles: TextStyles) -> list[Content]:
    """How it went in an earlier incident, while it is still to be done."""
    if not parts.earlier or status.concluded or status is StepStatus.RUNNING:
        return []
    return [*labelled("earlier", parts.earlier, width, text_styles, style=FAINT), Content("")]


def _needed(parts: StepPageData, status: StepStatus, width: int, text_styles: TextStyles) -> list[Content]:
    if status.concluded or status is StepStatus.RUNNING:
        return []
    unmet = parts.incident.unmet_needs(parts.step, parts.runbook)
    names = ", ".join(f"{need.number} {need.title}" for need in unmet)
    return (
        [*labelled(f"{text_styles.signs.person} first", names, width, text_styles, style=SOON), Content("")]
        if unmet
        else []
    )


def _questions(step: Step, state: StepState | None, width: int, text_styles: TextStyles) -> list[Content]:
    if not step.questions or (state and state.values):
        return []
    lines = [text_styles.ink("It asks", STRONG)]
    for ask in step.questions:
        lines += labelled(
            f" {text_styles.signs.dot}",
            ask.prompt + ("" if ask.required else " (may stay empty)"),
            width,
            text_styles,
            column=3,
        )
    return [*lines, Content("")]


def _forks(step: Step, runbook: Runbook, incident: Incident, width: int, text_styles: TextStyles) -> list[Content]:
    """Where its answers lead: the way taken, or those that are open."""
    lines: list[Content] = []
    for fork in forks_of(step, runbook):
        answer = incident.value(step.id, fork.question.name)
        words = way_words(fork, answer) if answer else open_words(fork)
        lines += labelled(f" {text_styles.signs.arrow}", words, width, text_styles, column=3)
    if step.marks:
        words = f"Done, it marks the incident as {step.marks}."
        lines += labelled(f" {text_styles.signs.dot}", words, width, text_styles, column=3)
    return [*lines, Content("")] if lines else []


def _planned(
    parts: StepPageData, status: StepStatus, state: StepState | None, width: int, text_styles: TextStyles
) -> list[Content]:
    """The plan: the one that was confirmed while it runs or has run, else what is known of a new one."""
    look, last = parts.look, state.last if state else None
    spared = spared_names(parts.runbook)
    if look.plan is not None and look.at is not None and not look.planning:
        plan = with_whole_values(look.plan) if parts.whole else look.plan
        lines = plan_lines(plan, look.at, parts.now, width, text_styles, spared=spared)
    elif (status is StepStatus.RUNNING or status.concluded) and last and last.plan:
        lines = plan_lines(last.plan, last.confirmed_at, parts.now, width, text_styles, spared=spared, did=True)
    elif look.planning and look.since:
        waited = int((parts.now - look.since).total_seconds())
        lines = [text_styles.ink("Looking what it would do" + (f", {waited} s" if waited >= 2 else ""), FAINT)]
    elif look.error:
        lines = labelled("no plan", look.error, width, text_styles, style=SOON)
    else:
        lines = []
    if status is not StepStatus.RUNNING:
        shown = look.plan or (last.plan if last else None)
        lines += _command(parts, plan_column(shown), width, text_styles) + _undo(
            parts, status, plan_column(shown), width, text_styles
        )
    return [*lines, Content("")] if lines else []


def _command(parts: StepPageData, column: int, width: int, text_styles: TextStyles) -> list[Content]:
    """The action as an engineer would type it, with every value that is known. A shell step's command stands in its
    plan."""
    step, plan = parts.step, parts.look.plan
    if step.kind is not StepKind.USES:
        return []
    made = plan.parameters if plan and not step.loop else None  # the plan of a loop has the digests of its items
    given = made or {name: known_value(value, parts.incident) for name, value in step.with_.items()}
    words = ["midwatch action", step.uses, *(f"--{name.replace('_', '-')} {value}" for name, value in given.items())]
    return labelled(" runs", " ".join(words), width, text_styles, column=column, style=FAINT)


def known_value(value: Any, incident: Incident) -> str:
    """A parameter as it stands in the runbook; for a reference its value, once there is one."""
    found = incident.value(value.step, value.key) if isinstance(value, Reference) else None
    return str(value) if found is None else found


def _undo(parts: StepPageData, status: StepStatus, column: int, width: int, text_styles: TextStyles) -> list[Content]:
    if (
        parts.step.risk is Risk.OBSERVE
        or parts.undoable is None
        or (parts.step.risk is Risk.DESTROY and not parts.undoable)
    ):
        return []
    ran = status in (StepStatus.DONE, StepStatus.FAILED, StepStatus.UNKNOWN)
    words = f"{parts.undo_key} undoes it" if ran else "can be undone afterwards"
    return labelled(
        " undo", words if parts.undoable else "manually only", width, text_styles, column=column, style=FAINT
    )


def _required(step: Step, look: PlanState, status: StepStatus, width: int, text_styles: TextStyles) -> list[Content]:
    """What has to hold when it starts, and whether it does."""
    if not step.preconditions or status is StepStatus.RUNNING or status.concluded:
        return []
    lines = [text_styles.ink("It requires", STRONG)]
    for item in step.preconditions:
        state = look.required.get(item.id) if look.required is not None else None
        sign, style = (
            (text_styles.signs.met[state.met], MET_STYLES[state.met]) if state else (text_styles.signs.dot, FAINT)
        )
        word = {True: "holds", False: "does not hold", None: "unknown"}[state.met] if state else "looking"
        left = Content.assemble(text_styles.ink(f" {sign} ", style), text_styles.ink(item.title))
        lines.append(edges(left, text_styles.ink(word, style), width))
        if state and state.detail:
            lines += paragraph(state.detail, width, text_styles, style=FAINT, indent=3)
    if look.unmet(step):
        lines += paragraph("It runs all the same only with a reason.", width, text_styles, style=SOON, indent=1)
    return [*lines, Content("")]


def _said(parts: StepPageData, status: StepStatus, column: int, width: int, text_styles: TextStyles) -> list[Content]:
    step = parts.step
    if status is StepStatus.RUNNING and not parts.whole:
        return []
    lines: list[Content] = []
    if step.expect:
        lines += labelled(" expected", step.expect, width, text_styles, column=column, style="")
    if status is not StepStatus.FAILED and step.on_failure.advice:
        lines += labelled(
            " on failure", _flowing(step.on_failure.advice), width, text_styles, column=column, style=FAINT
        )
    worse, tell = step.on_failure.raise_severity, [parts.runbook.roles[role].name for role in step.on_failure.notify]
    if worse or tell:
        follows = [f"Raises the severity to {worse}."] if worse else []
        follows += [f"Notify {', '.join(tell)}."] if tell else []
        lines += labelled(
            "" if step.on_failure.advice else " on failure",
            " ".join(follows),
            width,
            text_styles,
            column=column,
            style=FAINT,
        )
    if step.notify:
        lines += labelled(
            " notifies",
            ", ".join(parts.runbook.roles[role].name for role in step.notify),
            width,
            text_styles,
            column=column,
        )
    if step.original_command:
        lines += [
            Content(""),
            *labelled(" original command", step.original_command, width, text_styles, column=column, style=FAINT),
        ]
    if step.deviation:
        lines += labelled(
            " deviation", _flowing(_CODE.sub(r"\1", step.deviation)), width, text_styles, column=column, style=FAINT
        )
    return lines


def _flowing(text: str) -> str:
    """Text without the line ends of the file that it was written in."""
    return " ".join(text.split())
