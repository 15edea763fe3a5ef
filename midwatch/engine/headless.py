"""Runs a whole incident without a screen: an answers file decides what a person would. It proves that the core is
headless."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial

from midwatch.engine import workflow
from midwatch.engine.answers import Answers
from midwatch.engine.headless_output import POLL_S, Pause, Say, Voice, each_line, follow_batch, follow_step
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.policy import risk_of
from midwatch.engine.workflow import ActionKind, need_words, next_action, requirements
from midwatch.incident.step_status import StepStatus
from midwatch.journal.notices import journal_notice
from midwatch.runbook.model import Risk, Step
from midwatch.system.errors import BadInput, Exit, MidwatchError
from midwatch.system.units import duration


def run(
    controller: IncidentController,
    answers: Answers,
    say: Say,
    *,
    show: Callable[[str], None] | None = None,
    retry: bool = False,
    full_output: bool = False,
    observe: str = "",
    pause: Pause = nullcontext,
) -> Exit:
    """Take every step in order, then evaluate closure and close. Stops at the first step that does not succeed.

    With the id of a phase in `observe`, run only what observes in it, and leave the incident open.

    `retry` says that the operator asked to go on with an incident that stopped earlier: a step that had failed by then
    is run once more, and the outcome of one that ended unknown is checked. Steps that `skip` names are skipped in any
    state. `full_output` says every line of a step; else the first 2,000 lines and the last ones. `show` gets them in
    blocks, safe and each with its line end; without it `say` gets each. Within `pause` nothing is half done: there the
    run waits, and may be interrupted. Raises `BadInput` for an answer that is missing or does not fit; the incident
    stays open and can be resumed.
    """
    voice = Voice(say, show or partial(each_line, say), full_output, pause)
    with controller.heartbeat():
        if observe:
            controller.start_observing(observe)
            return follow_batch(controller, voice)
        return _run_all(controller, answers, voice, retry=retry)


def _run_all(controller: IncidentController, answers: Answers, voice: Voice, *, retry: bool) -> Exit:
    say = voice.say
    tried: set[str] = set()
    inconclusive: set[str] = set()
    say(f"environment: {controller.runbook.environment.word}")
    of_the_journal = _of_the_journal(controller, say)
    while True:
        with voice.pause():
            pass
        controller.poll()
        next(of_the_journal)
        for state in controller.incident.running():  # taken over from a front end that died
            follow_step(controller, controller.runbook.step(state.id), voice)
        action = next_action(controller, inconclusive=inconclusive)
        while action.kind is ActionKind.GO_TO:
            action = next_action(controller, action.step, inconclusive)
        if action.kind is ActionKind.CLOSE:
            code = _close(controller, say)
            next(of_the_journal)
            return code
        step = controller.runbook.step(action.step)
        status = controller.incident.status(step)
        if (left := _to_skip(controller, step, answers)) is not None:
            say(f"{left.number} {left.title}")
            controller.skip(left.id, answers.skip_reason(left))
            say(f"    skipped: {answers.skip_reason(left)}")
        elif status in (StepStatus.FAILED, StepStatus.UNKNOWN) and (not retry or step.id in tried):
            return _stopped(controller, step, status, say)
        elif action.kind is ActionKind.CHECK_NEED:
            controller.check_need(step.id)
            say(f"{step.number} {step.title}: {need_words(controller, step)}")
        elif action.kind is ActionKind.CHECK_OUTCOME:
            if _check_outcome(controller, step, say) is None:
                inconclusive.add(step.id)
        elif action.kind is ActionKind.DECIDE_NEED:
            if not (reason := answers.override_reason(step)):
                return _undecided(controller, step, say)
            controller.reopen(step.id, reason)
            say(f"{step.number} {step.title}")
            say(f"    needed: {reason}")
        elif status is StepStatus.UNKNOWN and not answers.override_reason(step):
            return _stopped(controller, step, status, say)
        else:
            tried.add(step.id)
            say(f"{step.number} {step.title}{' again' if status is StepStatus.FAILED else ''}")
            if action.kind is ActionKind.MARK_DONE:
                _mark_done(controller, step, answers, say)
            else:
                _run(controller, step, answers, voice)
                if step.loop is None:
                    follow_step(controller, step, voice)
                else:
                    follow_batch(controller, voice)
                    _name_not_needed(controller, step.loop.steps, say)


def _name_not_needed(controller: IncidentController, items: Sequence[Step], say: Say) -> None:
    for item in items:
        if controller.incident.status(item) is StepStatus.NOT_NEEDED:
            say(f"{item.number} {item.title}: {need_words(controller, item)}")


def _to_skip(controller: IncidentController, step: Step, answers: Answers) -> Step | None:
    """The step if the file skips it; of a loop, the first item that it skips."""
    for left in step.loop.steps if step.loop and step.loop.steps else (step,):
        if answers.skip_reason(left) and not controller.incident.status(left).concluded:
            return left
    return None


def _mark_done(controller: IncidentController, step: Step, answers: Answers, say: Say) -> None:
    answer = answers.for_manual(step)
    try:
        controller.mark_done(step.id, note=answer.note, values=answer.values)
    except MidwatchError as error:
        raise BadInput(
            f"The answer to step {step.id} does not fit: {error.sentence}", place=answer.place, hint=error.hint
        ) from error
    say(f"    done by {controller.actor}{': ' + answer.note if answer.note else ''}")


def _of_the_journal(controller: IncidentController, say: Say) -> Iterator[None]:
    """Each time, say what the journal has told of itself since: that it went to another disk, that it is back."""
    seen = 0
    while True:
        for event in controller.events[seen:]:
            if words := journal_notice(event.kind, event.body):
                say(f"    {words}")
        seen = len(controller.events)
        yield


def _run(controller: IncidentController, step: Step, answers: Answers, voice: Voice) -> None:
    """Plan it, take what the plan requires from the answers file, start it."""
    plan = controller.plan(step.id)
    if (risk := risk_of(step, plan)) is not Risk.OBSERVE:
        voice.say(f"    {risk} in {controller.runbook.environment.word}")
    found = controller.evaluate_preconditions(step.id) if step.preconditions and not plan.refusal else None
    needed = requirements(controller, ActionKind.RUN, step.id, plan=plan, found=found)
    pins = [item for item in needed if isinstance(item, workflow.PinReason)]
    if pins and all(target in answers.pin_anew for target in pins[0].servers):
        controller.pin_anew(plan, "; ".join(dict.fromkeys(answers.pin_anew[target] for target in pins[0].servers)))
        _run(controller, step, answers, voice)
        return
    for requirement in needed:
        answers.require(requirement, step, plan)
    for requirement in needed:  # nobody else is asked while an answer is missing
        if isinstance(requirement, workflow.Approval):
            if not requirement.is_requested:
                controller.request_approval(step.id, plan)
            _await_approval(controller, step, answers.wait_for_approval, voice)
    controller.start(step.id, plan, typed=answers.typed_for(step), reason=answers.override_reason(step))


def _await_approval(controller: IncidentController, step: Step, seconds: float, voice: Voice) -> None:
    """Wait for the second person who was asked: no answers file can stand in for them."""
    voice.say(
        f"    waits {duration(seconds)} at most for a second person: midwatch approve {controller.incident.id} "
        f"{step.id}"
    )
    deadline = time.monotonic() + seconds
    while controller.incident.approvals[step.id].waits and time.monotonic() < deadline:
        with voice.pause():
            time.sleep(POLL_S)
        controller.poll()


def _check_outcome(controller: IncidentController, step: Step, say: Say) -> bool | None:
    """Ask the step's action whether the attempt whose end nobody saw took effect; None when it cannot tell."""
    holds = controller.check_outcome(step.id)
    word = {True: "it took effect", False: "it took no effect", None: "it is still unknown"}[holds]
    say(f"{step.number} {step.title}: checked whether it took effect: {word}")
    return holds


def _undecided(controller: IncidentController, step: Step, say: Say) -> Exit:
    reason = controller.incident.condition(step).reason
    say(
        f"Step {step.number} {step.id} is undecided: {reason}. The answers file has to say: override if needed, "
        "else skip"
    )
    return Exit.UNKNOWN


def _stopped(controller: IncidentController, step: Step, status: StepStatus, say: Say) -> Exit:
    items = step.loop.steps if step.loop else ()
    step = next((item for item in items if controller.incident.status(item) is status), step)
    last = controller.incident.step(step.id).last
    summary = last.summary if last else controller.incident.step(step.id).reason
    advice = f" {step.on_failure.advice}" if step.on_failure.advice else ""
    word = (last.ending if last else "failed") if status is StepStatus.FAILED else "ended, and nobody knows how"
    end = "" if summary.endswith((".", "?", "!")) else "."
    say(f"Step {step.number} {step.id} {word}: {summary}{end}{advice}")
    return Exit.FAILED if status is StepStatus.FAILED else Exit.UNKNOWN


def _close(controller: IncidentController, say: Say) -> Exit:
    for left in workflow.open_ends(controller):
        say(left)
    freeze = ""
    try:
        freeze = controller.close()
    except MidwatchError as error:
        say(f"{error.sentence}. It stays open: --resume tries again, and the screen or --plain closes it with a reason")
        return error.exit
    finally:
        for criterion in controller.runbook.closure:
            if found := controller.incident.criteria.get(criterion.id):
                word = {True: "met", False: "NOT met", None: "unknown"}[found.met]
                say(f"{word:8} {criterion.title}: {found.detail}")
    if freeze:
        say(f"{freeze}.")
    say(f"{controller.incident.id} is closed, {len(controller.events)} events, head {controller.head}")
    return Exit.DONE
