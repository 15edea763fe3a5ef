"""Builds one step of the model from the fields that were read, with its questions and checks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping

from midwatch.runbook.condition_builder import build_condition
from midwatch.runbook.fields import Fields, arguments
from midwatch.runbook.loop_keys import build_loop
from midwatch.runbook.model import CheckSpec, OnFailure, Risk, Step, StepKind
from midwatch.runbook.process_keys import build_process
from midwatch.runbook.secret_keys import build_secrets
from midwatch.runbook.severity import Severity
from midwatch.runbook.value_sources import Question

RiskOf = Callable[[str], Risk]
"""The risk of the action with this name."""
_AT_TERMINAL_S = 8 * 3600.0
"""Seconds after which a step at whose terminal a person sits is stopped, unless it says its own time."""


def identity(fields: Fields) -> str:
    """The id that was given, or one made from the title."""
    return str(fields.get("id") or slug(fields.get("title", "")))


def slug(title: str) -> str:
    """Lower-case letters, digits and dashes: `Disk below 80 %` → `disk-below-80`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain)[:64].strip("-")


def kind_of(step: Fields) -> StepKind:
    """Who does the step."""
    return StepKind.USES if "uses" in step else StepKind.RUN if "run" in step else StepKind.MANUAL


def build_step(
    fields: Fields, number: str, earlier: Mapping[str, Step], targets: Collection[str], risk_of: RiskOf
) -> Step:
    return Step(
        id=identity(fields),
        number=number,
        title=fields.get("title", ""),
        kind=kind_of(fields),
        risk=_risk(fields, risk_of),
        place=fields.place,
        why=prose(fields, "why"),
        instructions=prose(fields, "instructions"),
        run=fields.get("run", ""),
        uses=fields.get("uses", ""),
        with_=arguments(fields.table("with")),
        env=arguments(fields.table("env"), as_text=True),
        process=build_process(fields),
        secrets=build_secrets(fields),
        outputs=fields.values("outputs"),
        timeout=fields.get("timeout", _AT_TERMINAL_S if fields.get("terminal") else 600.0),
        expect=prose(fields, "expect"),
        original_command=prose(fields, "original_command"),
        deviation=prose(fields, "deviation"),
        depends_on=fields.values("depends_on"),
        preconditions=tuple(criterion_of(item.value) for item in fields.items("preconditions")),
        verify=tuple(criterion_of(item.value) for item in fields.items("verify")),
        when=build_condition(fields.get("when"), earlier),
        measure=fields.values("measure"),
        questions=tuple(question_of(item.value) for item in fields.items("questions")),
        notify=fields.values("notify"),
        requires_approval=fields.get("requires_approval", False),
        optional=fields.get("optional", False),
        marks=fields.get("marks", ""),
        on_failure=_on_failure(fields.get("on_failure")),
        loop=build_loop(fields, targets),
    )


def _risk(fields: Fields, risk_of: RiskOf) -> Risk:
    if fields.get("risk"):
        return Risk(fields.get("risk"))
    return risk_of(fields.get("uses")) if fields.get("uses") else Risk.OBSERVE


def _on_failure(fields: Fields | None) -> OnFailure:
    if fields is None:
        return OnFailure()
    escalate = fields.get("raise_severity")
    return OnFailure(Severity(escalate) if escalate else None, fields.values("notify"), prose(fields, "advice"))


def question_of(fields: Fields) -> Question:
    """One question, of a step or of the declaration."""
    by_command = fields.get("options") if isinstance(fields.get("options"), Fields) else Fields(fields.place)
    return Question(
        fields.get("name", ""),
        fields.get("prompt", ""),
        fields.get("kind", "line"),
        fields.get("required", True),
        fields.values("options"),
        prose(fields, "default"),
        fields.get("min", ""),
        fields.get("max", ""),
        fields.get("pattern", ""),
        fields.get("example", ""),
        prose(by_command, "command"),
        arguments(by_command.table("env"), as_text=True),
    )


def criterion_of(fields: Fields) -> CheckSpec:
    title, check = fields.get("title", ""), fields.get("check", "")
    return CheckSpec(identity(fields), title, check, arguments(fields.table("with")), fields.place)


def prose(fields: Fields, name: str) -> str:
    return str(fields.get(name, "")).strip()
