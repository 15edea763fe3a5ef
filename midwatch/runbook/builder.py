"""Builds the runbook model from the fields that were read. Problems are already reported; defaults fill the gaps."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from midwatch.api.action import Action
from midwatch.api.registry import find_action
from midwatch.runbook.condition_builder import build_condition
from midwatch.runbook.fields import Fields, Found
from midwatch.runbook.locations import LOCATIONS
from midwatch.runbook.model import (
    CheckSpec,
    Comms,
    Dependent,
    Environment,
    ExternalCommand,
    OnFailure,
    Panel,
    Phase,
    Question,
    Risk,
    Role,
    Runbook,
    Severity,
    Step,
    StepKind,
    Target,
    TargetKind,
    Trigger,
)
from midwatch.system.errors import BadInput

_NONE: dict[str, Found] = {}


def build_runbook(
    fields: Fields,
    site: Fields | None,
    *,
    file: Path,
    site_file: Path | None,
    base: Path,
    sha256: str,
    site_sha256: str = "",
) -> Runbook:
    """The runbook with the site's entries laid over its own."""
    return Runbook(
        id=identity(fields),
        title=fields.get("title", ""),
        severity=Severity(fields.get("severity", Severity.SEV1)),
        file=file,
        site=site_file,
        base=base,
        sha256=sha256,
        site_sha256=site_sha256,
        environment=_environment(fields, site),
        summary=_prose(fields, "summary"),
        targets=MappingProxyType(
            {name: _target(name, found.value) for name, found in laid_over("targets", fields, site).items()}
        ),
        roles=MappingProxyType(
            {name: _role(name, found.value) for name, found in laid_over("roles", fields, site).items()}
        ),
        comms=_comms(fields, site),
        locations=MappingProxyType(
            LOCATIONS | {name: found.value for name, found in laid_over("locations", fields, site).items()}
        ),
        panels=tuple(
            Panel(name, _arguments(found.value), found.key) for name, found in laid_over("panels", fields, site).items()
        ),
        triggers=tuple(_trigger(item.value) for item in fields.items("triggers")),
        phases=_phases(fields),
        closure=tuple(_criterion(item.value) for item in fields.items("closure")),
        inputs=tuple(_input(item.value, site.table("inputs") if site else _NONE) for item in fields.items("inputs")),
        witness=site.get("witness", fields.get("witness", True)) if site else fields.get("witness", True),
    )


def _environment(fields: Fields, site: Fields | None) -> Environment:
    given = (site.get("environment") if site else None) or fields.get("environment")
    return Environment(given) if given else Environment.PRODUCTION


def laid_over(name: str, fields: Fields, site: Fields | None) -> dict[str, Found]:
    """The entries of one table, the site's in place of the runbook's where both have one."""
    entries = fields.table(name) | (site.table(name) if site else _NONE)
    return {key: found for key, found in entries.items() if found.value is not None}


def identity(fields: Fields) -> str:
    """The id that was given, or one made from the title."""
    return str(fields.get("id") or slug(fields.get("title", "")))


def slug(title: str) -> str:
    """Lower-case letters, digits and dashes: `Disk below 80 %` → `disk-below-80`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain)[:64].strip("-")


def section_of(phase: Fields, place: int) -> str:
    """The phase's section: as given, or its place among the phases."""
    return str(phase.get("section") or place)


def kind_of(step: Fields) -> StepKind:
    """Who does the step."""
    return StepKind.USES if "uses" in step else StepKind.RUN if "run" in step else StepKind.MANUAL


def action_of(name: str) -> type[Action] | None:
    """The action with this name; None when there is none."""
    try:
        return find_action(name)
    except BadInput:
        return None


def _phases(fields: Fields) -> tuple[Phase, ...]:
    """The phases with their steps; a step knows the earlier steps that its condition names."""
    phases: list[Phase] = []
    earlier: dict[str, Step] = {}
    for place, item in enumerate(fields.items("phases"), start=1):
        phase: Fields = item.value
        section = section_of(phase, place)
        steps = []
        for number, found in enumerate(phase.items("steps"), start=1):
            step = _step(found.value, f"{section}.{number}", earlier)
            earlier[step.id] = step
            steps.append(step)
        phases.append(Phase(identity(phase), phase.get("title", ""), section, tuple(steps), _prose(phase, "intro")))
    return tuple(phases)


def _step(fields: Fields, number: str, earlier: Mapping[str, Step]) -> Step:
    return Step(
        id=identity(fields),
        number=number,
        title=fields.get("title", ""),
        kind=kind_of(fields),
        risk=_risk(fields),
        place=fields.place,
        why=_prose(fields, "why"),
        instructions=_prose(fields, "instructions"),
        run=fields.get("run", ""),
        uses=fields.get("uses", ""),
        with_=_arguments(fields.table("with")),
        env=_arguments(fields.table("env"), as_text=True),
        outputs=fields.values("outputs"),
        timeout=fields.get("timeout", 600.0),
        expect=_prose(fields, "expect"),
        original_command=_prose(fields, "original_command"),
        deviation=_prose(fields, "deviation"),
        depends_on=fields.values("depends_on"),
        preconditions=tuple(_criterion(item.value) for item in fields.items("preconditions")),
        when=build_condition(fields.get("when"), earlier),
        measure=fields.values("measure"),
        questions=tuple(question_of(item.value) for item in fields.items("questions")),
        notify=fields.values("notify"),
        requires_approval=fields.get("requires_approval", False),
        optional=fields.get("optional", False),
        on_failure=_on_failure(fields.get("on_failure")),
    )


def _risk(fields: Fields) -> Risk:
    if fields.get("risk"):
        return Risk(fields.get("risk"))
    action = action_of(fields.get("uses")) if fields.get("uses") else None
    return action.risk if action else Risk.OBSERVE


def _on_failure(fields: Fields | None) -> OnFailure:
    if fields is None:
        return OnFailure()
    escalate = fields.get("raise_severity")
    return OnFailure(Severity(escalate) if escalate else None, fields.values("notify"), _prose(fields, "advice"))


def question_of(fields: Fields) -> Question:
    """One question, of a step or of the declaration."""
    return Question(
        fields.get("name", ""),
        fields.get("prompt", ""),
        fields.get("kind", "line"),
        fields.get("required", True),
        fields.values("options"),
        _prose(fields, "default"),
        fields.get("min", ""),
        fields.get("max", ""),
        fields.get("pattern", ""),
        fields.get("example", ""),
    )


def _input(fields: Fields, site: dict[str, Found]) -> Question:
    ask = question_of(fields)
    default = site.get(ask.name)
    return ask if default is None or default.value is None else dataclasses.replace(ask, default=default.value.strip())


def _trigger(fields: Fields) -> Trigger:
    return Trigger(
        identity(fields),
        fields.get("title", ""),
        fields.place,
        log=fields.get("log", ""),
        match=fields.get("match", ""),
        timezone=fields.get("timezone", ""),
        check=fields.get("check", ""),
        with_=_arguments(fields.table("with")),
    )


def _criterion(fields: Fields) -> CheckSpec:
    title, check = fields.get("title", ""), fields.get("check", "")
    return CheckSpec(identity(fields), title, check, _arguments(fields.table("with")), fields.place)


def _target(name: str, fields: Fields) -> Target:
    given: dict[str, Any] = {key: fields.get(key) for key in fields}
    kind = TargetKind(given.pop("kind", TargetKind.LOCAL))
    if kind is TargetKind.DOCKER:
        given.setdefault("container", name)
    if store := given.get("secret_store"):
        given["secret_store"] = ExternalCommand(**{"command": ""} | {key: store.get(key) for key in store})
    given["dependents"] = tuple(_dependent(item.value) for item in fields.items("dependents"))
    given["extensions"] = fields.values("extensions")
    return Target(**({"name": name, "kind": kind, "database": "", "label": name} | given))


def _dependent(fields: Fields) -> Dependent:
    return Dependent(**{"name": ""} | {key: fields.get(key) for key in fields})


def _role(role_id: str, fields: Fields) -> Role:
    return Role(role_id, fields.get("name", ""), fields.get("notify_when", ""), fields.get("contact", ""))


def _comms(fields: Fields, site: Fields | None) -> Comms:
    given: dict[str, Any] = {}
    for source in (fields, site):
        comms = source.get("comms") if source else None
        given |= {key: comms.get(key) for key in comms} if comms else {}
    return Comms(**given)


def _arguments(found: dict[str, Found], *, as_text: bool = False) -> MappingProxyType[str, Any]:
    def value(given: Any) -> Any:
        if not as_text or not isinstance(given, bool | int):
            return tuple(given) if isinstance(given, list) else given
        return ("true" if given else "false") if isinstance(given, bool) else str(given)

    return MappingProxyType({name: value(item.value) for name, item in found.items() if item.value is not None})


def _prose(fields: Fields, name: str) -> str:
    return str(fields.get(name, "")).strip()
