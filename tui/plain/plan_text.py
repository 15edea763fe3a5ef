"""A plan and an output line as plain text, for terminals without a screen."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.api.plan import WARNING, Plan, Verb
from midwatch.runbook.condition_forms import checks_in
from midwatch.runbook.model import CheckSpec, Runbook, Step
from midwatch.runbook.value_sources import Reference
from midwatch.system.sanitize import safe_text
from midwatch.system.units import size


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan, a line an effect, facts after them with every value uncut, a refusal last."""
    from midwatch.engine.script_plan import with_whole_values  # not for who only asks for help

    yield from (safe_text(f"WARNING: {text}") for label, text in plan.facts if label == WARNING)
    if not plan.effects and not plan.refusal:
        yield "touches nothing"
    for effect in plan.effects:
        extent = f"  {size(effect.size)}" if effect.size is not None else ""
        note = f"  ({effect.note})" if effect.note else ""
        once = "" if effect.reversible or not effect.verb.touches else "  cannot be undone"
        yield safe_text(f"{effect.verb:6} {effect.object}{extent}{note}{once}")
    if plan.total(Verb.REMOVE):
        yield f"removes {size(plan.total(Verb.REMOVE))} in all"
    for label, text in with_whole_values(plan).facts:
        if label == WARNING:
            continue
        first, *more = text.splitlines() or [""]
        yield safe_text(f"{label}: {first}")
        yield from (safe_text(f"  {line}") for line in more)
    if plan.refusal:
        yield safe_text(f"would refuse: {plan.refusal}")


def requirement_lines(step: Step, runbook: Runbook, plan: Plan | None) -> Iterator[str]:
    """What running the step takes beside its plan; without a plan the script that it would run as well."""
    from midwatch.engine import policy  # not for who only asks for help
    from midwatch.runbook.condition_words import condition_words

    if plan is None:
        yield from _labelled("command", step.run)
        yield from (safe_text(f"${name}: {_given(value)}") for name, value in step.env.items())
        process = step.process
        for label, text in (("run as", process.run_as), ("retry", str(process.retry or "")), ("undo", process.undo)):
            yield from _labelled(label, text)
        for check in step.verify:
            yield safe_text(f"verifies: {check.title}")
            yield from script_lines(check)
    if step.depends_on:
        needs = (runbook.step(need) for need in step.depends_on)
        yield safe_text(f"needs first: {'; '.join(f'{need.number} {need.title}' for need in needs)}")
    if step.when is not None:
        yield safe_text(f"needed when: {condition_words(step.when)}")
        for check in checks_in(step.when):
            yield from script_lines(check)
    for required in step.preconditions:
        if plan is None or not required.script:  # a plan has the scripts among its facts
            yield safe_text(f"requires: {required.title}")
            yield from script_lines(required)
    if step.requires_approval:
        yield "approval: a second person, from a login of their own"
    if plan is not None and (name := policy.name_to_type(step, plan)):
        yield safe_text(f"type to confirm: {name}")


def _labelled(label: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.strip().splitlines()):
        yield safe_text(f"  {line}" if number else f"{label}: {line}")


def _given(value: str | Reference) -> str:
    return f"from {value}" if isinstance(value, Reference) else value


def script_lines(check: CheckSpec) -> Iterator[str]:
    """The script that a check runs; nothing for a check that runs none."""
    for number, line in enumerate(check.script.splitlines()):
        yield f"  {line}" if number else f"{check.title} runs: {line}"
