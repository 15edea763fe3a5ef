"""Runs a whole incident without a screen: an answers file decides what a person would. It proves that the core is headless."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from midwatch.answers import Answers
from midwatch.conductor import Conductor
from midwatch.errors import BadInput, Exit, MidwatchError
from midwatch.incident.state import StepStatus
from midwatch.journal.words import journal_words
from midwatch.pins import other_servers, pins_of
from midwatch.plan import Plan, Risk
from midwatch.rules import name_to_type, risk_of, takes_two
from midwatch.runbook.model import Step, StepKind
from midwatch.spool import Spool
from midwatch.units import duration

Say = Callable[[str], None]
_POLL = 0.1
_BLOCK = 1000
"""Lines that are read at once."""


def run(conductor: Conductor, answers: Answers, say: Say, *, retry: bool = False) -> Exit:
    """Take every step in order, then evaluate closure and close. Stops at the first step that does not succeed.

    `retry` says that the operator asked to go on with an incident that stopped earlier: a step that had failed by then is run
    once more, and the outcome of one that ended unknown is checked. Steps that `skip` names are skipped in any state.
    Raises `BadInput` for an answer that is missing or does not fit; the incident stays open and can be resumed.
    """
    with conductor.beating():
        return _run_all(conductor, answers, say, retry=retry)


def _run_all(conductor: Conductor, answers: Answers, say: Say, *, retry: bool) -> Exit:
    tried: set[str] = set()
    say(f"environment: {conductor.runbook.environment.word}")
    of_the_journal = _of_the_journal(conductor, say)
    while True:
        conductor.poll()
        next(of_the_journal)
        for state in conductor.incident.running():  # taken over from a front end that died
            _follow(conductor, conductor.runbook.step(state.id), say)
        step = conductor.incident.next_step(conductor.runbook)
        if step is None:
            code = _close(conductor, say)
            next(of_the_journal)
            return code
        status = conductor.incident.status(step)
        if step.id in answers.skip:
            say(f"{step.number} {step.title}")
            conductor.skip(step.id, answers.skip[step.id])
            say(f"    skipped: {answers.skip[step.id]}")
            continue
        if status is StepStatus.UNKNOWN and retry and step.id not in tried and step.kind is StepKind.USES:
            status = _check_outcome(conductor, step, say)
        if status is StepStatus.DONE:
            continue
        if status is StepStatus.UNKNOWN and step.id not in answers.override:
            return _stopped(conductor, step, status, say)
        if status in (StepStatus.FAILED, StepStatus.UNKNOWN) and (not retry or step.id in tried):
            return _stopped(conductor, step, status, say)
        if status is StepStatus.UNDECIDED and step.id not in answers.override:
            return _undecided(conductor, step, say)
        tried.add(step.id)
        say(f"{step.number} {step.title}{' again' if status is StepStatus.FAILED else ''}")
        if status is StepStatus.UNDECIDED:
            conductor.reopen(step.id, answers.override[step.id])
            say(f"    needed: {answers.override[step.id]}")
        if step.kind is StepKind.MANUAL:
            answer = answers.for_manual(step)
            try:
                conductor.tick(step.id, note=answer.note, values=answer.values)
            except MidwatchError as error:
                raise BadInput(
                    f"The answer to step {step.id} does not fit: {error.sentence}", place=answer.place, hint=error.hint
                ) from error
            say(f"    done by {conductor.actor}{': ' + answer.note if answer.note else ''}")
        else:
            _run(conductor, step, answers, say)


def _of_the_journal(conductor: Conductor, say: Say) -> Iterator[None]:
    """Each time, say what the journal has told of itself since: that it went to another disk, that it is back."""
    seen = 0
    while True:
        for event in conductor.events[seen:]:
            if words := journal_words(event.kind, event.body):
                say(f"    {words}")
        seen = len(conductor.events)
        yield


def _run(conductor: Conductor, step: Step, answers: Answers, say: Say) -> None:
    plan = _plan(conductor, step, answers)
    if (risk := risk_of(step, plan)) is not Risk.OBSERVE:
        say(f"    {risk} in {conductor.runbook.environment.word}")
    wanted, typed = name_to_type(step, plan), answers.confirm.get(step.id, "")
    if wanted and typed != wanted:
        given = f"it says {typed!r}" if typed else "it says nothing"
        raise BadInput(
            f"Step {step.id} destroys: the answers file must confirm {wanted!r}; {given}",
            hint=f"confirm: {{{step.id}: {wanted}}}",
        )
    if takes_two(step, plan):
        _await_approval(conductor, step, plan, answers.wait_for_approval, say)
    conductor.start(step.id, plan, typed=typed, reason=answers.override.get(step.id, ""))
    _follow(conductor, step, say)


def _plan(conductor: Conductor, step: Step, answers: Answers) -> Plan:
    """The step's plan, after its servers were pinned anew where the answers say why."""
    plan = conductor.plan(step.id)
    others = other_servers(plan, pins_of(conductor.runbook, conductor.incident.pins))
    if not others or not all(target in answers.pin_anew for target in others):
        return plan
    conductor.pin_anew(plan, "; ".join(dict.fromkeys(answers.pin_anew[target] for target in others)))
    return conductor.plan(step.id)


def _await_approval(conductor: Conductor, step: Step, plan: Plan, seconds: float, say: Say) -> None:
    """Ask for a second person and wait for one: no answers file can stand in for them. Raises `Refused` when none comes."""
    conductor.ask_approval(step.id, plan)
    say(f"    waits {duration(seconds)} at most for a second person: midwatch approve {conductor.incident.id} {step.id}")
    deadline = time.monotonic() + seconds
    while conductor.incident.approvals[step.id].waits and time.monotonic() < deadline:
        time.sleep(_POLL)
        conductor.poll()


def _follow(conductor: Conductor, step: Step, say: Say) -> None:
    """Say what the step writes, as it comes, until it has ended."""
    folder = conductor.attempt_folder(step.id)
    assert folder is not None
    spool, said = Spool(folder.output), 0
    running = True
    while running:
        conductor.poll()
        running = conductor.incident.status(step) is StepStatus.RUNNING
        while spool.refresh():
            pass
        upto = spool.ended_lines if running else spool.line_count
        while said < upto:
            lines = spool.lines(said, min(upto - said, _BLOCK))
            for line in lines:
                say(f"    {line}")
            said += len(lines)
        if running:
            time.sleep(_POLL)
    last = conductor.incident.step(step.id).last
    assert last is not None
    took = f" in {duration(last.seconds)}" if last.seconds is not None else ""
    say(f"    {last.outcome}{took}")


def _check_outcome(conductor: Conductor, step: Step, say: Say) -> StepStatus:
    """Ask the step's action whether the attempt whose end nobody saw took effect."""
    holds = conductor.verify(step.id)
    word = {True: "it took effect", False: "it took no effect", None: "it is still unknown"}[holds]
    say(f"{step.number} {step.title}: checked whether it took effect: {word}")
    return conductor.incident.status(step)


def _undecided(conductor: Conductor, step: Step, say: Say) -> Exit:
    reason = conductor.incident.condition(step).reason
    say(f"Step {step.number} {step.id} is undecided: {reason}. The answers file has to say: override if needed, else skip")
    return Exit.UNKNOWN


def _stopped(conductor: Conductor, step: Step, status: StepStatus, say: Say) -> Exit:
    last = conductor.incident.step(step.id).last
    summary = last.summary if last else conductor.incident.step(step.id).reason
    advice = f" {step.on_failure.advice}" if step.on_failure.advice else ""
    word = "failed" if status is StepStatus.FAILED else "ended, and nobody knows how"
    say(f"Step {step.number} {step.id} {word}: {summary.rstrip('.')}.{advice}")
    return Exit.FAILED if status is StepStatus.FAILED else Exit.UNKNOWN


def _close(conductor: Conductor, say: Say) -> Exit:
    try:
        conductor.close()
    except MidwatchError as error:
        say(f"{error.sentence}. It stays open: --resume tries again, and the screen or --plain closes it with a reason")
        return error.exit
    finally:
        for criterion in conductor.runbook.closure:
            if found := conductor.incident.criteria.get(criterion.id):
                word = {True: "met", False: "NOT met", None: "unknown"}[found.met]
                say(f"{word:8} {criterion.title}: {found.detail}")
    say(f"{conductor.incident.id} is closed, {len(conductor.events)} events, head {conductor.head}")
    return Exit.DONE
