"""What is next at an incident, and what a decision requires of a person: one set of rules for every front end.

The screen, plain lines and headless mode only render what these two functions return and collect the answers. The rules
are those of `midwatch.engine.policy`, which checks them again when the decision is carried out (docs/workflow.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from midwatch.api.plan import Plan
from midwatch.engine import policy, step_selection
from midwatch.engine.incident_protocols import IncidentView
from midwatch.engine.secret_fetch import asked_secrets
from midwatch.incident.server_pins import other_servers, pins_of
from midwatch.incident.step_state import CriterionState
from midwatch.incident.step_status import StepStatus
from midwatch.reports.message_text import delivery_words
from midwatch.runbook.model import Risk, Step, StepKind
from midwatch.runbook.value_sources import Question
from midwatch.supervisor.consented_command import has_terminal
from midwatch.system.identity import Identity
from midwatch.system.units import duration, first_few


class ActionKind(StrEnum):
    """What can be done about a step or the incident."""

    RUN = "run"
    MARK_DONE = "mark done"
    DECIDE_NEED = "decide whether it is needed"
    CHECK_NEED = "check whether it is needed"
    CHECK_OUTCOME = "check the outcome"
    GO_TO = "go to another step"
    OUTPUT = "read the output"
    TERMINAL = "go to its terminal"
    TIMELINE = "read the timeline"
    CLOSE = "close the incident"
    # Never the next action: a person chooses it.
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class NextAction:
    """The next action, as Enter does it."""

    kind: ActionKind
    step: str = ""
    """The id of the step that the action is about; of `GO_TO`, of the step to go to."""
    is_needed_first: bool = False
    """Of `GO_TO`: whether the step that the operator is at depends on that one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing that a person says makes this plan run."""

    sentence: str


@dataclass(frozen=True, slots=True)
class PinReason:
    """Why another server than the pinned one is the right one. After that the plan is made again."""

    servers: Mapping[str, str]
    """Target → how its server differs from the pinned one."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why this is done."""

    unmet: tuple[str, ...] = ()
    """The preconditions, or closure criteria, that do not hold or could not be evaluated, each with what was found."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A second person approves this very plan."""

    is_requested: bool
    """Whether a second person was asked already and has not answered yet."""


@dataclass(frozen=True, slots=True)
class TypedName:
    """The name of what is destroyed, typed exactly."""

    name: str


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets that the script gets and a person types, unseen."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnTerminal:
    """The person's own terminal, for as long as the step runs or until they leave it."""


@dataclass(frozen=True, slots=True)
class YesNo:
    """Yes; everything else is no."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to the questions of a manual step, and a note that may stay empty."""

    questions: tuple[Question, ...]


Requirement = Refusal | PinReason | Reason | Approval | Secrets | TypedName | YesNo | OwnTerminal | Answers


def current_step(view: IncidentView) -> Step | None:
    """The step that a front end shows by itself: the one running, else the one that is next; None when nothing is
    left."""
    running = view.incident.running()
    return view.runbook.step(running[-1].id) if running else view.incident.next_step(view.runbook)


def next_action(view: IncidentView, step_id: str = "", inconclusive: Collection[str] = ()) -> NextAction:
    """What is done next where the operator is at this step; without one, at the current step.

    `inconclusive` are the ids of steps whose outcome was checked in vain: these are run again instead.
    """
    incident, runbook = view.incident, view.runbook
    if not incident.open:
        return NextAction(ActionKind.TIMELINE)
    step = runbook.step(step_id) if step_id else current_step(view)
    if step is None:
        return NextAction(ActionKind.CLOSE)
    status = incident.status(step)
    if status is StepStatus.RUNNING or is_batch(view, step):
        return NextAction(ActionKind.TERMINAL if gives_terminal(view, step) else ActionKind.OUTPUT, step.id)
    if status.concluded or not view.driving:
        return _elsewhere(view, step)
    if unmet := incident.unmet_needs(step, runbook):
        return NextAction(ActionKind.GO_TO, unmet[0].id, is_needed_first=True)
    if policy.need_is_due(step, incident):
        return NextAction(ActionKind.CHECK_NEED, step.id)
    if step.loop is not None and not step.awaits_items:
        return _of_loop(view, step)
    if status is StepStatus.UNDECIDED:
        return NextAction(ActionKind.DECIDE_NEED, step.id)
    if step.kind is StepKind.MANUAL and not step.awaits_items:
        return NextAction(ActionKind.MARK_DONE, step.id)
    if policy.can_check_outcome(step, incident) and step.id not in inconclusive:
        return NextAction(ActionKind.CHECK_OUTCOME, step.id)
    return NextAction(ActionKind.RUN, step.id)


def need_words(view: IncidentView, step: Step) -> str:
    """What the checks of the step's condition found, as a clause; of a loop, for how many items it is needed."""
    if step.loop is not None:
        needed = sum(view.incident.status(item) is not StepStatus.NOT_NEEDED for item in step.loop.steps)
        return f"needed, or undecided, for {needed} of {len(step.loop.steps)}"
    word = {StepStatus.NOT_NEEDED: "not needed", StepStatus.UNDECIDED: "undecided"}
    return f"{word.get(view.incident.status(step), 'needed')}: {view.incident.condition(step).reason}"


def is_batch(view: IncidentView, step: Step) -> bool:
    """Whether items of this loop are being run by one consent from here."""
    return view.batch is not None and view.batch.is_active and view.batch.name == step.id


def _of_loop(view: IncidentView, loop: Step) -> NextAction:
    """All items that can be run; before and after that, the first item that a person has to decide on."""
    assert loop.loop is not None
    states = [(item, view.incident.status(item)) for item in loop.loop.steps]
    unknown = [item for item, status in states if status is StepStatus.UNKNOWN]
    if not unknown and step_selection.items_to_run(loop, view.incident, view.runbook):
        return NextAction(ActionKind.RUN, loop.id)
    waiting = [item for item, status in states if not status.concluded]
    return NextAction(ActionKind.GO_TO, (unknown or waiting)[0].id)


def gives_terminal(view: IncidentView, step: Step) -> bool:
    """Whether the step runs and the driver can sit at its terminal."""
    last = view.incident.step(step.id).last
    is_running = view.incident.status(step) is StepStatus.RUNNING
    return view.driving and step.process.terminal and is_running and last is not None and last.undoes is None


def _elsewhere(view: IncidentView, step: Step) -> NextAction:
    """Where nothing can be done about the step itself: it is concluded, or the operator only observes."""
    ahead = view.incident.next_step(view.runbook) or current_step(view)
    if ahead is None:
        return NextAction(ActionKind.CLOSE)
    if ahead.id != step.id:
        return NextAction(ActionKind.GO_TO, ahead.id)
    has_output = view.attempt_folder(step.id) is not None
    return NextAction(ActionKind.OUTPUT, step.id) if has_output else NextAction(ActionKind.TIMELINE)


def requirements(
    view: IncidentView,
    kind: ActionKind,
    step_id: str = "",
    *,
    plan: Plan | None = None,
    found: Mapping[str, CriterionState] | None = None,
) -> list[Requirement]:
    """What a person has to say before this is done, in the order in which it is asked for.

    `plan` is that of the run or of the undo, and shown before anything is asked. `found` are the step's preconditions,
    or the closure criteria, as they were evaluated; None before that.
    """
    match kind:
        case ActionKind.RUN | ActionKind.UNDO:
            assert plan is not None
            return _for_plan(view, view.runbook.step(step_id), plan, found, undo=kind is ActionKind.UNDO)
        case ActionKind.MARK_DONE:
            return [Answers(view.runbook.step(step_id).questions)]
        case ActionKind.DECIDE_NEED:
            return [Reason()]
        case ActionKind.CLOSE if view.driving:
            unmet = policy.unmet(view.runbook.closure, found) if found is not None else {}
            return [Reason(tuple(unmet.values())) if unmet else YesNo()]
        case _:
            return []


def open_ends(view: IncidentView) -> list[str]:
    """What would be left undone if the incident were closed now, each as a sentence. It holds nobody up from
    closing."""
    incident, runbook = view.incident, view.runbook
    status_of = {step.number: incident.status(step) for step in runbook.steps()}
    groups = {
        "Not concluded": [number for number, status in status_of.items() if not status.concluded],
        "To be proved again after an undo": [n for n, status in status_of.items() if status is StepStatus.PROVE_AGAIN],
        "Skipped, so not done": [n for n, status in status_of.items() if status is StepStatus.SKIPPED],
    }
    found = [f"{words}: {first_few(numbers, 5)}" for words, numbers in groups.items() if numbers]
    for role, why in incident.to_notify.items():
        name = runbook.roles[role].name if role in runbook.roles else role
        found.append(f"{name} is still to be notified: {why}")
    found += [f"Message {delivery_words(delivery)}" for delivery in incident.undelivered]
    due, now = view.next_update_due, view.clock.now()
    if due is not None and due <= now:
        found.append(f"A status update is overdue by {duration((now - due).total_seconds())}")
    return found


def _for_plan(
    view: IncidentView, step: Step, plan: Plan, found: Mapping[str, CriterionState] | None, *, undo: bool
) -> list[Requirement]:
    incident = view.incident
    if plan.refusal:
        servers = other_servers(plan, pins_of(view.runbook, incident.pins))
        return [PinReason(servers) if servers else Refusal(plan.refusal)]
    needed: list[Requirement] = []
    unmet = policy.unmet(step.preconditions, found) if found is not None and not undo else {}
    if undo or unmet or policy.needs_reason_to_run(step, incident):
        needed.append(Reason(tuple(unmet.values())))
    if not undo and policy.needs_approval(step, plan):
        approval = policy.approval_of(step, plan, incident)
        if approval is None or not policy.is_approved_for(approval, Identity.current()):
            needed.append(Approval(is_requested=approval is not None and approval.waits))
    if names := asked_secrets(step, plan):
        needed.append(Secrets(names))
    if name := policy.name_to_type(step, plan):
        needed.append(TypedName(name))
    elif policy.risk_of(step, plan) is not Risk.OBSERVE:
        needed.append(YesNo())
    if has_terminal(plan):
        needed.append(OwnTerminal())
    return needed
