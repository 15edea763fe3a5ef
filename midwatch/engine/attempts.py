"""One try at a step on disk: its folder and plan before it starts, and the event that tells how it ended."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from midwatch.api.action import Action, Context
from midwatch.api.plan import Plan
from midwatch.engine.attempt_summary import summary_of
from midwatch.engine.planning import typed_command
from midwatch.engine.script_plan import CUT
from midwatch.engine.verification import Verification
from midwatch.incident.event_redaction import masked
from midwatch.incident.events import StepOutcome
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.permissions import new_folder, open_file, read_file, replace_file
from midwatch.incident.step_state import Attempt, CriterionState
from midwatch.runbook.model import Step, StepKind
from midwatch.supervisor.result import Result
from midwatch.supervisor.step_outputs import read_values
from midwatch.system.durable import sync_folder
from midwatch.system.errors import Exit, Failed, MidwatchError
from midwatch.system.process import ProcessIdentity
from midwatch.system.units import first_few, size

_PLAN_IN_EVENT_BYTES, _COMMAND_IN_EVENT_BYTES = 40_000, 16_000
"""An event has at most 64 KiB; the whole plan is in the attempt's folder, and the digest binds it."""
_ROWS_AND_BYTES = ((100, 16_000), (100, 1_000), (30, 200), (0, 0))
"""Rows of a plan that an event shows, and bytes of each of its texts: the first that fit in."""


def prepare(attempt: AttemptFolder, plan: Plan, secrets: Mapping[str, str]) -> str:
    """Make the folder and put the confirmed plan in it, masked, on disk when this returns. Raises `Failed`.

    Returns the SHA-256 of the file. The file is a record: the step gets its plan through the supervisor's socket.
    """
    record = json.dumps(masked(plan.to_json(), secrets)).encode("ascii")
    try:
        with contextlib.suppress(FileExistsError):
            new_folder(attempt.path)
        replace_file(attempt.plan, record)
        for folder in list(attempt.path.parents)[:3]:  # of its step, of all steps, of the incident
            sync_folder(folder)
    except OSError as error:
        hint = f"Nothing ran. Make room or rights in {attempt.path.parent}"
        raise Failed(f"The plan cannot be stored: {error.strerror}", hint=hint) from error
    return hashlib.sha256(record).hexdigest()


def never_begins(attempt: AttemptFolder) -> bool:
    """Make sure that an attempt without a supervisor stays so: its order, which exists once, is taken by an empty one.

    False when it has an order already: whoever wrote that may yet start it.
    """
    try:
        os.close(open_file(attempt.launch_spec, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except OSError:
        return False
    return True


def shown_plan(plan: Plan) -> dict[str, Any]:
    """The plan as an event has room for it; its digest still is that of the whole."""
    shown: dict[str, Any] = {}
    for rows, length in _ROWS_AND_BYTES:
        shown = plan.to_json()
        given, effects, facts = list(plan.parameters.items()), shown["effects"], shown["facts"]
        shown["parameters"] = {name: excerpt(value, length) for name, value in given[:rows]}
        shown["facts"] = [[label, excerpt(text, length)] for label, text in facts[:rows]]
        shown["effects"] = [
            effect | {key: excerpt(effect[key], length) for key in ("object", "note", "identity")}
            for effect in effects[:rows]
        ]
        for items, noun in ((effects, "effects"), (given, "parameters"), (facts, "facts")):
            if len(items) > rows:
                shown["facts"].append(["and", f"{len(items) - rows} more {noun}, in plan.json"])
        if len(json.dumps(shown)) <= _PLAN_IN_EVENT_BYTES:
            break
    return shown


def shown_command(plan: Plan) -> str:
    """The command of a plan as an engineer would type it, as far as an event has room for it."""
    return excerpt(typed_command(plan), _COMMAND_IN_EVENT_BYTES)


def excerpt(text: str, limit_bytes: int) -> str:
    """The text, or its beginning with the size and digest of the whole, so that it takes no more than the limit as
    JSON."""
    if len(json.dumps(text)) <= limit_bytes:
        return text
    data, kept = text.encode("utf-8", "surrogateescape"), text[: limit_bytes // 2]
    while kept and len(json.dumps(kept)) > limit_bytes:
        kept = kept[: len(kept) // 2]
    return f"{kept}… ({size(len(data))}, SHA-256 {hashlib.sha256(data).hexdigest()}{CUT}"


def confirmed_body(
    step: Step, number: int, plan: Plan, reason: str, found: Mapping[str, CriterionState], undoes: int | None
) -> dict[str, Any]:
    """The body of `step.confirmed`; `found` is the state of what the step requires."""
    return {
        "step": step.id,
        "attempt": number,
        "plan": shown_plan(plan),
        "effects": sum(effect.verb.touches for effect in plan.effects),
        "digest": plan.digest,
        "reason": reason,
        "undoes": undoes,
        "preconditions": [
            {"title": required.title, "met": state.met, "detail": state.detail}
            for required in step.preconditions
            if (state := found.get(required.id)) is not None
        ],
    }


def finished_body(
    step: Step,
    number: int,
    attempt: AttemptFolder,
    result: Result,
    *,
    undo: bool = False,
    verification: Verification | None = None,
) -> dict[str, Any]:
    """The body of `step.finished` for a step whose supervisor left a result. An undo has nothing to report."""
    outcome = result.outcome
    if step.kind is StepKind.USES and outcome is StepOutcome.FAILED and result.exit == Exit.UNKNOWN:
        outcome = StepOutcome.UNKNOWN
    values = read_values(attempt)
    missing = [key for key in step.outputs if key not in values] if outcome is StepOutcome.DONE and not undo else []
    if missing:
        outcome = StepOutcome.FAILED
        summary = f"exit {result.exit}, but it did not report {', '.join(missing)} in $STEP_OUTPUT"
        if values:
            summary += f" (it reported {first_few(values, 5)})"
    else:
        summary = summary_of(step, attempt, result)
        if verification is not None:
            outcome, summary = verification.outcome, f"{summary.rstrip('.')}. {verification.sentence}"
    if step.process.retry is not None and result.tries > 1:
        summary = f"{summary.rstrip('.')}. It was try {result.tries} of {step.process.retry.times + 1}"
    body = ended_without_result(step, number, outcome, summary)
    if values.passed_over:
        unusable = first_few(values.passed_over, 3, "; ")
        body["summary"] = f"{body['summary'].rstrip('.')}. Not used of $STEP_OUTPUT: {unusable}"
    body |= {"exit": result.exit, "seconds": result.seconds, "ended": result.ended}
    body["values"] = dict(values)
    body["verified"] = verification.to_json() if verification is not None else []
    body["output"] = {
        "bytes": result.output_bytes,
        "dropped": result.output_dropped,
        "sha256": result.output_sha256,
        "masked": result.masked,
        "secrets": dict(result.secrets),
        "discovered": list(result.discovered),
    }
    return body


def marked(step: Step) -> dict[str, str]:
    """What the event that a step is done says of the moment that this marks."""
    return {"marks": step.marks} if step.marks else {}


def verdict(action: Action, context: Context, attempt: Attempt) -> tuple[bool | None, str]:
    """What the action itself finds of an attempt whose end nobody saw; None when it cannot tell."""
    try:
        found = action.verify(context, attempt.confirmed_at)
        return found.ok, found.summary
    except MidwatchError as error:
        return None, str(error)
    except Exception as error:  # a plug-in's action may break in any way; unknown is the truth then
        return None, f"{type(error).__name__}: {error}"


def owner_of(attempt: AttemptFolder, found: object) -> dict[str, Any] | None:
    """The supervisor that ran this attempt, for a `step.started` that its driver could not write any more.

    None when there was none, or when it has said that nothing ran.
    """
    if isinstance(found, Result) and found.exit is None and found.outcome is StepOutcome.CANCELLED:
        return None
    try:
        return ProcessIdentity.from_json(json.loads(read_file(attempt.supervisor))).to_json()
    except (OSError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None


def ended_without_result(step: Step, number: int, outcome: StepOutcome, summary: str) -> dict[str, Any]:
    """The body of `step.finished` for a step that never started, or whose supervisor is gone."""
    failed = outcome in (StepOutcome.FAILED, StepOutcome.TIMED_OUT)
    return {
        "step": step.id,
        "attempt": number,
        "outcome": outcome.value,
        "exit": None,
        "seconds": None,
        "ended": None,
        "summary": summary,
        "values": {},
        "output": {},
        "notify": list(step.on_failure.notify) if failed else [],
    }
