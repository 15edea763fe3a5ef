"""Builds the runbook model from the fields that were read. Problems are already reported; defaults fill the gaps."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path
from types import MappingProxyType
from typing import Any

from midwatch.runbook.alert_keys import build_alert_rules
from midwatch.runbook.channel_keys import build_channel
from midwatch.runbook.contacts import Comms, Role
from midwatch.runbook.expansion import expanded
from midwatch.runbook.fields import Fields, Found, arguments
from midwatch.runbook.locations import LOCATIONS
from midwatch.runbook.model import Environment, Panel, Phase, Runbook, Step
from midwatch.runbook.schema import PANEL_KEYS
from midwatch.runbook.severity import Severity
from midwatch.runbook.step_builder import RiskOf, build_step, criterion_of, identity, prose, question_of
from midwatch.runbook.target_builder import build_target
from midwatch.runbook.value_sources import Question
from midwatch.runbook.watch_keys import build_trigger, build_watch

_NONE: dict[str, Found] = {}


def build_runbook(
    fields: Fields,
    site: Fields | None,
    *,
    file: Path,
    site_file: Path | None,
    base: Path,
    sha256: str,
    site_sha256: str,
    risk_of: RiskOf,
) -> Runbook:
    """The runbook with the site's entries laid over its own."""
    targets = {name: build_target(name, found.value) for name, found in laid_over("targets", fields, site).items()}
    runbook = Runbook(
        id=identity(fields),
        title=fields.get("title", ""),
        severity=Severity(fields.get("severity", Severity.SEV1)),
        file=file,
        site=site_file,
        base=base,
        sha256=sha256,
        site_sha256=site_sha256,
        environment=_environment(fields, site),
        summary=prose(fields, "summary"),
        targets=MappingProxyType(targets),
        roles=MappingProxyType(
            {name: _role(name, found.value) for name, found in laid_over("roles", fields, site).items()}
        ),
        comms=_comms(fields, site),
        channels=MappingProxyType(
            {name: build_channel(name, found) for name, found in laid_over("channels", fields, site).items()}
        ),
        alerts=build_alert_rules(fields, site),
        locations=MappingProxyType(
            LOCATIONS | {name: found.value for name, found in laid_over("locations", fields, site).items()}
        ),
        panels=tuple(_panel(name, found) for name, found in laid_over("panels", fields, site).items()),
        triggers=tuple(build_trigger(identity(item.value), item.value) for item in fields.items("triggers")),
        watch=build_watch(fields, site),
        phases=_phases(fields, targets, risk_of),
        closure=tuple(criterion_of(item.value) for item in fields.items("closure")),
        controls=tuple(criterion_of(item.value) for item in fields.items("controls")),
        inputs=tuple(_input(item.value, site.table("inputs") if site else _NONE) for item in fields.items("inputs")),
        witness=site.get("witness", fields.get("witness", True)) if site else fields.get("witness", True),
    )
    return expanded(runbook)


def _environment(fields: Fields, site: Fields | None) -> Environment:
    given = (site.get("environment") if site else None) or fields.get("environment")
    return Environment(given) if given else Environment.PRODUCTION


def laid_over(name: str, fields: Fields, site: Fields | None) -> dict[str, Found]:
    """The entries of one table, the site's in place of the runbook's where both have one."""
    entries = fields.table(name) | (site.table(name) if site else _NONE)
    return {key: found for key, found in entries.items() if found.value is not None}


def section_of(phase: Fields, place: int) -> str:
    """The phase's section: as given, or its place among the phases."""
    return str(phase.get("section") or place)


def _phases(fields: Fields, targets: Collection[str], risk_of: RiskOf) -> tuple[Phase, ...]:
    """The phases with their steps; a step knows the earlier steps that its condition names."""
    phases: list[Phase] = []
    earlier: dict[str, Step] = {}
    for place, item in enumerate(fields.items("phases"), start=1):
        phase: Fields = item.value
        section = section_of(phase, place)
        steps = []
        for number, found in enumerate(phase.items("steps"), start=1):
            step = build_step(found.value, f"{section}.{number}", earlier, targets, risk_of)
            earlier[step.id] = step
            steps.append(step)
        phases.append(Phase(identity(phase), phase.get("title", ""), section, tuple(steps), prose(phase, "intro")))
    return tuple(phases)


def _input(fields: Fields, site: dict[str, Found]) -> Question:
    ask = question_of(fields)
    default = site.get(ask.name)
    return ask if default is None or default.value is None else dataclasses.replace(ask, default=default.value.strip())


def _panel(name: str, found: Found) -> Panel:
    own = {key: found.value[key].value for key in PANEL_KEYS if key in found.value and found.value[key].value}
    parameters = arguments(probe_parameters(found))
    return Panel(name, own.get("probe", name), parameters, found.key, own.get("title", ""), own.get("every", 0.0))


def probe_parameters(panel: Found) -> dict[str, Found]:
    """The entries of a panel that are for its probe."""
    return {name: found for name, found in panel.value.items() if name not in PANEL_KEYS}


def _role(role_id: str, fields: Fields) -> Role:
    return Role(
        role_id,
        fields.get("name", ""),
        fields.get("notify_when", ""),
        fields.get("contact", ""),
        fields.get("channel", ""),
        fields.values("notify_on"),
    )


def _comms(fields: Fields, site: Fields | None) -> Comms:
    given: dict[str, Any] = {}
    templates: dict[str, str] = {}
    for source in (fields, site):
        comms = source.get("comms") if source else None
        given |= {key: comms.get(key) for key in comms if key != "templates"} if comms else {}
        templates |= {name: found.value for name, found in (comms.table("templates") if comms else _NONE).items()}
    return Comms(**given, templates=MappingProxyType(templates))
