"""What may be done to a step now: each rule raises `Refused` with what to do instead, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from midwatch.api.plan import Plan
from midwatch.engine import step_selection
from midwatch.engine.reasons import name_to_confirm, optional_reason, require_reason
from midwatch.incident.conditions import Verdict
from midwatch.incident.state import Approval, Incident
from midwatch.incident.step_state import Attempt, CriterionState
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.condition_forms import checks_in
from midwatch.runbook.model import CheckSpec, Risk, Runbook, Step, StepKind
from midwatch.runbook.questions import misfit, tidy
from midwatch.system.errors import Refused
from midwatch.system.identity import HOW_TO_LOG_IN, Identity


def risk_of(step: Step, plan: Plan) -> Risk:
    """The step's risk; a plan that would touch nothing hurts nobody, whatever the step may do on another day."""
    return step.risk if any(effect.verb.touches for effect in plan.effects) else Risk.OBSERVE


def name_to_type(step: Step, plan: Plan) -> str:
    """What a person has to type before a `destroy` may run; empty when nothing has to be typed."""
    return name_to_confirm(plan.confirm_name or step.id) if risk_of(step, plan) is Risk.DESTROY else ""


def require_startable(step: Step, plan: Plan, incident: Incident, runbook: Runbook, *, typed: str, reason: str) -> None:
    """Whether this step may run now, as this plan says."""
    status = incident.status(step)
    if step.awaits_items:
        raise Refused(f"The items of {step.title} are not known yet", hint=f"Do step {step.awaits_items_of} first")
    if step.kind is StepKind.MANUAL:
        raise Refused(f"{step.title} is done by a person", hint="Mark it done when it is done")
    require_open(incident)
    if status is StepStatus.RUNNING:
        raise Refused(f"{step.title} is already running", hint="Wait for it or cancel it")
    _needs(step, incident, runbook)
    if needs_reason_to_run(step, incident) and not optional_reason(reason):
        why = f": {incident.condition(step).reason}" if status is StepStatus.UNDECIDED else ""
        raise Refused(f"{step.title} is {status}{why}", hint="Give a reason to run it all the same")
    require_consent(step, plan, typed)


def needs_reason_to_run(step: Step, incident: Incident) -> bool:
    """Whether the status of the step speaks against running it."""
    return not incident.status(step).is_runnable


def unmet(checks: Iterable[CheckSpec], found: Mapping[str, CriterionState]) -> dict[str, str]:
    """The preconditions or closure criteria that are not met or unknown, by id: the title, and what was found."""
    return {check.id: f"{check.title}: {found[check.id].detail}" for check in checks if found[check.id].met is not True}


def require_preconditions_or_reason(step: Step, found: Mapping[str, CriterionState], reason: str) -> None:
    """Whether the preconditions hold, or somebody has said why the step runs all the same."""
    failing = unmet(step.preconditions, found)
    if failing and not optional_reason(reason):
        hint = "Mend it, or give a reason to go on without it"
        raise Refused(f"{step.title} requires {'; '.join(failing.values())}", hint=hint)


def require_start_point(step: Step, incident: Incident, runbook: Runbook, reason: str) -> list[Step]:
    """The earlier steps that are passed over when one goes on from this one."""
    require_open(incident)
    require_reason(reason)
    if incident.status(step).concluded or incident.status(step) is StepStatus.RUNNING:
        raise Refused(f"{step.title} is {incident.status(step)}", hint="Start from a step that is still to do")
    found = step_selection.steps_passed_over(step, incident, runbook)
    if not found:
        raise Refused(f"Nothing before {step.title} waits", hint="Run it")
    return found


def needs_approval(step: Step, plan: Plan) -> bool:
    """Whether a second person has to approve this plan; one that would touch nothing needs nobody."""
    return step.requires_approval and risk_of(step, plan) is not Risk.OBSERVE


def approval_of(step: Step, plan: Plan, incident: Incident) -> Approval | None:
    """The request for approval of this very plan, answered or not; None where nobody was asked about this plan."""
    approval = incident.approvals.get(step.id)
    return approval if approval is not None and approval.digest == plan.digest else None


def is_approved_for(approval: Approval, person: Identity) -> bool:
    """Whether the plan is approved, and this person, who did not approve it, may start it."""
    return approval.given_by is not None and not approval.given_by.may_be_same_as(person)


def require_approvable(step: Step, plan: Plan, incident: Incident, runbook: Runbook, driver: Identity) -> None:
    """Whether a second person may be asked to approve this plan."""
    require_open(incident)
    if not needs_approval(step, plan):
        raise Refused(f"{step.title} takes one person", hint="Run it")
    require_known(driver, "who asks for a second person")
    if incident.status(step) is StepStatus.RUNNING:
        raise Refused(f"{step.title} is already running", hint="Wait for it or cancel it")
    _needs(step, incident, runbook)
    if plan.refusal:
        raise Refused(plan.refusal)


def require_judge(approval: Approval, person: Identity, driver: Identity) -> None:
    """Whether this person may approve or decline: a second one, of whom the operating system knows who it is."""
    if person.may_be_same_as(approval.asked_by) or person.may_be_same_as(driver):
        raise Refused(
            f"{person.name} asked for it, and cannot approve it as well",
            hint="Another person has to, from their own login",
        )
    require_known(approval.asked_by, "who asked for the approval")
    require_known(driver, "who drives")
    require_known(person, "who this is")
    if not person.has_own_name:
        raise Refused(f"{person.full_name} cannot approve: another login acts as this user", hint=HOW_TO_LOG_IN)


def require_known(person: Identity, who: str) -> None:
    """An anonymous person is nobody, so neither a first nor a second one."""
    if person.anonymous:
        raise Refused(f"Nobody can tell {who}: {person.name} has no login of its own here", hint=HOW_TO_LOG_IN)


def require_approved_plan(step: Step, plan: Plan, incident: Incident, person: Identity) -> str:
    """Whether this plan has the approval that its step takes, and whose; empty where it takes none."""
    if not needs_approval(step, plan):
        return ""
    approval = incident.approvals.get(step.id)
    if approval is None or approval.given_by is None:
        declined = f"; {approval.judge} declined: {approval.declined}" if approval and approval.declined else ""
        hint = f"Ask for it, then a second person types: midwatch approve {incident.id} {step.id}"
        raise Refused(f"{step.title} takes two people, and nobody has approved this plan{declined}", hint=hint)
    if approval.digest != plan.digest:
        raise Refused(f"The plan of {step.title} has changed since {approval.judge} approved it", hint="Ask again")
    if approval.given_by.may_be_same_as(person):
        raise Refused(f"{person.name} approved it, and cannot start it as well", hint="Another person has to")
    require_known(approval.given_by, f"who approved {step.title}")
    require_known(person, "who starts it")
    return approval.judge


def require_undoable(step: Step, plan: Plan, incident: Incident, *, typed: str, reason: str) -> None:
    """Whether what the step did may be undone now, as this plan of its undo says."""
    require_open(incident)
    if incident.status(step) is StepStatus.RUNNING:
        raise Refused(f"{step.title} is running", hint="Cancel it first")
    if not step_selection.steps_to_undo(step, incident):
        raise Refused(f"{step.title} has not run, so there is nothing to undo")
    require_reason(reason)
    require_consent(step, plan, typed)


def require_outcome_unknown(step: Step, incident: Incident) -> Attempt:
    """The attempt whose effect is looked for: one whose outcome nobody knows."""
    require_open(incident)
    last = incident.step(step.id).last
    if last is None or incident.status(step) is not StepStatus.UNKNOWN:
        raise Refused(f"{step.title} is {incident.status(step)}", hint="Only an unknown outcome is checked")
    if not can_check_outcome(step, incident):
        hint = "Check it yourself, then mark the step done or run it again"
        raise Refused(f"{step.title} is a shell step without 'verify', whose outcome nothing can check", hint=hint)
    return last


def need_is_due(step: Step, incident: Incident) -> bool:
    """Whether a check has to find out if the step, or an item of the loop, is needed."""
    items = step.loop.steps if step.loop else ()
    if items:
        return any(need_is_due(item, incident) for item in items)
    return incident.status(step) is StepStatus.UNDECIDED and incident.condition(step).verdict is Verdict.DUE


def can_check_need(step: Step, incident: Incident) -> bool:
    """Whether the checks of the step's condition can be evaluated, or evaluated once more: nothing ran, nobody said."""
    if incident.step(step.id).needed or not checks_in(step.when):
        return False
    return incident.status(step) in (StepStatus.UNDECIDED, StepStatus.NOT_NEEDED, StepStatus.TODO)


def require_need_checkable(step: Step, incident: Incident, runbook: Runbook) -> list[Step]:
    """The step, or the items of the loop, whose checks of the condition can be evaluated."""
    require_open(incident)
    _needs(step, incident, runbook)
    found = [one for one in (step.loop.steps if step.loop else (step,)) if can_check_need(one, incident)]
    if not found:
        raise Refused(
            f"{step.title} is {incident.status(step)}", hint="Only a step whose need a check decides is checked"
        )
    return found


def can_check_outcome(step: Step, incident: Incident) -> bool:
    """Whether the step's action, or what it verifies, can find out how it ended, which nobody knows."""
    has_evidence = step.kind is StepKind.USES or bool(step.verify)
    return incident.status(step) is StepStatus.UNKNOWN and has_evidence


def require_manual(
    step: Step, incident: Incident, runbook: Runbook, *, note: str, values: Mapping[str, str]
) -> dict[str, str]:
    """The answers that count, once they are complete. A step that a machine does is marked done only after it
    failed."""
    require_open(incident)
    if step.loop is not None:
        raise Refused(f"{step.title} is done for each of its items", hint="Mark its items done, or skip it")
    status = incident.status(step)
    if step.kind is not StepKind.MANUAL:
        if status not in (StepStatus.FAILED, StepStatus.UNKNOWN):
            hint = "Run it, or skip it with a reason"
            raise Refused(f"{step.title} cannot be marked done while it is {status}", hint=hint)
        require_reason(note)
    elif status in (StepStatus.NOT_NEEDED, StepStatus.UNDECIDED) and not optional_reason(note):
        hint = "Say in the note why it was done all the same"
        raise Refused(f"{step.title} is {status}: {incident.condition(step).reason}", hint=hint)
    _needs(step, incident, runbook)
    return require_answers(step, values)


def require_answers(step: Step, values: Mapping[str, str]) -> dict[str, str]:
    """The answers to the step's questions, those by default included, once they are complete and fit."""
    unknown = sorted(set(values) - {ask.name for ask in step.questions})
    if unknown:
        raise Refused(
            f"{step.title} does not ask for {unknown[0]}", hint=f"It asks: {', '.join(a.name for a in step.questions)}"
        )
    answers: dict[str, str] = {}
    for ask in step.questions:
        answer = tidy(values.get(ask.name, ask.default))
        if not answer and ask.required:
            raise Refused(f"{step.title} asks: {ask.prompt}", hint=f"Answer {ask.name}")
        if why := misfit(ask, answer):
            raise Refused(f"{ask.prompt} {why}")
        if answer:
            answers[ask.name] = answer
    return answers


def require_decidable(step: Step, incident: Incident, reason: str) -> None:
    """Whether a person may skip, fail or reopen the step now."""
    require_open(incident)
    require_reason(reason)
    if step.loop is not None and not step.awaits_items:
        raise Refused(f"{step.title} is done for each of its items", hint="Choose an item")
    if incident.status(step) is StepStatus.RUNNING:
        raise Refused(f"{step.title} is running", hint="Cancel it first")


def require_closable(
    found: Mapping[str, CriterionState], incident: Incident, runbook: Runbook, reason: str
) -> list[str]:
    """The criteria that are not met; without a reason there may be none."""
    _require_endable(incident, runbook)
    given = optional_reason(reason)
    failing = unmet(runbook.closure, found)
    if failing and not given:
        count = f"{len(failing)} of {len(runbook.closure)} closure criteria are not met"
        raise Refused(f"{count}: {'; '.join(failing.values())}", hint="Give a reason")
    return list(failing)


def require_abandonable(incident: Incident, runbook: Runbook, reason: str) -> None:
    """Whether the incident may be abandoned: with a reason, and not while a step is running."""
    _require_endable(incident, runbook)
    require_reason(reason)


def _require_endable(incident: Incident, runbook: Runbook) -> None:
    require_open(incident)
    if running := incident.running():
        raise Refused(f"{runbook.step(running[0].id).title} is running", hint="Wait for it or cancel it")


def require_text(text: str, what: str) -> str:
    """The text without its edges; `Refused` when nothing is left."""
    if not text.strip():
        raise Refused(f"{what} is missing", hint="Say it in a few words")
    return text.strip()


def require_consent(step: Step, plan: Plan, typed: str) -> None:
    """Whether what a person did is enough to consent to this plan."""
    if plan.refusal:
        raise Refused(plan.refusal)
    wanted = name_to_type(step, plan)
    if wanted and typed != wanted:
        raise Refused("What it destroys cannot be brought back", hint=f"Type the name {wanted} exactly to go on")


def require_open(incident: Incident) -> None:
    """Whether anything may be done to it at all."""
    if not incident.open:
        raise Refused(f"The incident is {incident.word}", hint="Declare a new one")


def _needs(step: Step, incident: Incident, runbook: Runbook) -> None:
    if needs := incident.unmet_needs(step, runbook):
        names = ", ".join(f"{need.number} {need.title}" for need in needs)
        raise Refused(f"{step.title} needs {names} first", hint="Do it, or skip it with a reason")
