"""Checks across keys: ids are unique, references lead to earlier steps, keys fit the kind of step."""

from __future__ import annotations

from collections.abc import Iterable

from midwatch.runbook.alert_keys import check_alert_rules
from midwatch.runbook.builder import laid_over, section_of
from midwatch.runbook.channel_keys import check_channels, check_role_channels
from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.link_checks import check_closure_links, check_links
from midwatch.runbook.loop_checks import check_loops, references_in
from midwatch.runbook.model import Risk, StepKind
from midwatch.runbook.process_keys import PROCESS_KEYS, check_process
from midwatch.runbook.processes import is_reserved
from midwatch.runbook.question_checks import check_inputs, check_questions
from midwatch.runbook.secret_keys import SECRETS, check_secrets
from midwatch.runbook.step_builder import identity, kind_of
from midwatch.runbook.targets import TargetKind
from midwatch.runbook.text_checks import check_texts, values_in
from midwatch.runbook.value_checks import check_values
from midwatch.runbook.value_sources import INPUTS
from midwatch.runbook.watch_keys import check_trigger, check_watch
from midwatch.system.suggestion import suggest

_BELONGS = {
    "with": (StepKind.USES, "a step that 'uses' an action"),
    "env": (StepKind.RUN, "a step with 'run'"),
    "outputs": (StepKind.RUN, "a step with 'run'"),
    **{key.name: (StepKind.RUN, "a step with 'run'") for key in (*PROCESS_KEYS, SECRETS)},
    "questions": (StepKind.MANUAL, "a step that a person does"),
    "notify": (StepKind.MANUAL, "a step that a person does"),
}


def check_whole(fields: Fields, site: Fields | None, problems: Problems) -> None:
    """Say what does not fit together."""
    phases = [item.value for item in fields.items("phases")]
    steps = [item.value for phase in phases for item in phase.items("steps")]
    _unique("phase", phases, problems)
    _unique("step", steps, problems)
    _unique("trigger", [item.value for item in fields.items("triggers")], problems)
    _unique("criterion", [item.value for item in fields.items("closure")], problems)
    _unique("control", [item.value for item in fields.items("controls")], problems)
    _sections(phases, problems)
    for step in steps:
        _step_keys(step, problems)
        check_questions(step.items("questions"), problems)
        for key in ("preconditions", "verify"):
            _unique("requirement", [item.value for item in step.items(key)], problems)
    panels = laid_over("panels", fields, site)
    for trigger in fields.items("triggers"):
        check_trigger(trigger.value, panels, problems)
    targets = laid_over("targets", fields, site)
    for source in (fields, site):
        for found in source.table("targets").values() if source else ():
            if found.value is not None:
                _target_keys(found.value, problems)
                _dependents(found.value, targets, problems)
        if source:
            check_channels(source, problems)
    roles = laid_over("roles", fields, site)
    channels = laid_over("channels", fields, site)
    check_role_channels(roles, channels, problems)
    for source in filter(None, (fields, site)):
        check_watch(source, channels, problems)
    _names(steps, roles, panels, problems)
    check_inputs(fields, site, problems)
    check_alert_rules(fields, site, problems)
    check_loops(steps, targets, problems)
    check_texts(fields, phases, {identity(step): step for step in steps}, problems)
    check_links(steps, problems)
    closure = [item.value for item in fields.items("closure")]
    check_closure_links(closure, {identity(step) for step in steps}, problems)
    mentions = [found for part in (*closure, *phases) for found in values_in(part)]
    mentions += [found for criterion in closure for found in references_in(criterion)]
    check_values(steps, mentions, fields.items("inputs"), problems)


def _unique(what: str, items: Iterable[Fields], problems: Problems) -> None:
    first: dict[str, int] = {}
    for item in items:
        name = identity(item)
        where = item.where("id") if "id" in item else item.where("title")
        if not name and item.get("title"):
            problems.add("No id can be made from this title", where, "Give one with the key 'id'")
        if name and name in first:
            sentence = f"There is a {what} {name!r} already, in line {first[name]}"
            problems.add(sentence, where, "Give this one an id of its own")
        first.setdefault(name, where.line)


def _sections(phases: list[Fields], problems: Problems) -> None:
    first: dict[str, int] = {}
    for place, phase in enumerate(phases, start=1):
        section, where = section_of(phase, place), phase.where("section")
        if section in first:
            sentence = f"Section {section} is taken by the phase in line {first[section]}"
            problems.add(sentence, where, "Steps are numbered from it: give each phase its own")
        first.setdefault(section, where.line)


def _step_keys(step: Fields, problems: Problems) -> None:
    if "run" in step and "uses" in step:
        problems.add("A step has either 'run' or 'uses', not both", step.where("uses"), "Make two steps of it")
        return
    if identity(step) == INPUTS:
        sentence = f"{INPUTS!r} stands for what is asked at the declaration, so no step can have it for an id"
        problems.add(sentence, step.where("id" if "id" in step else "title"), "Give this one another id")
    kind = kind_of(step)
    for key, (wanted, owner) in _BELONGS.items():
        if key in step and kind is not wanted:
            problems.add(f"{key!r} belongs to {owner}", step.key(key), "Take it out")
    if kind is StepKind.RUN and "risk" not in step:
        problems.add("A step with 'run' has to say its risk", step.where("run"), "Add risk: observe, change or destroy")
    check_process(step, problems)
    check_secrets(step, problems)
    if kind is StepKind.MANUAL:
        for key in ("timeout", "risk", "preconditions", "verify", "requires_approval"):
            if key in step:
                problems.add(f"{key!r} belongs to a step with 'run' or 'uses'", step.key(key), "Take it out")
    if step.get("requires_approval") and step.get("risk") == Risk.OBSERVE:
        problems.add(
            "A step that changes nothing takes one person",
            step.where("requires_approval"),
            "Take 'requires_approval' out",
        )
    for name, found in [*step.table("env").items(), *step.table("secrets").items()]:
        if is_reserved(name):
            problems.add(f"{name} is not for a runbook to set", found.key, "Choose another name")


def _target_keys(target: Fields, problems: Problems) -> None:
    if target.get("kind") == TargetKind.LOCAL and "container" in target:
        problems.add("'container' belongs to a target of kind 'docker'", target.key("container"), "Take it out")
    if target.get("kind") == TargetKind.LOCAL and "host" not in target and "socket" not in target:
        problems.add("A target of kind 'local' needs 'host' or 'socket'", target.place, "Say how it is reached")
    for item in target.items("migration_roles"):
        if item.value in (target.get("user"), target.get("superuser")):
            sentence = f"{item.value!r} is the login of the applications or of Midwatch, which no freeze touches"
            problems.add(sentence, item.place, "Name a role that only migrations use")


def _dependents(target: Fields, targets: dict[str, Found], problems: Problems) -> None:
    for item in target.items("dependents"):
        ways = [key for key in ("target", "tcp", "command") if key in item.value]
        if len(ways) != 1:
            hint = "Say how it is asked" if not ways else "Make two dependents of it"
            problems.add("A dependent has one of 'target', 'tcp' and 'command'", item.value.place, hint)
        name = item.value.get("target")
        if name is not None and name not in targets:
            problems.add(f"There is no target {name!r}", item.value.where("target"), suggest(name, targets, "Targets"))


def _names(steps: list[Fields], roles: dict[str, Found], panels: dict[str, Found], problems: Problems) -> None:
    for step in steps:
        failure = step.get("on_failure") or Fields(step.place)
        for found in [*step.items("notify"), *failure.items("notify")]:
            if found.value not in roles:
                problems.add(f"There is no role {found.value!r}", found.place, suggest(found.value, roles, "Roles"))
        for found in step.items("measure"):
            if found.value not in panels:
                problems.add(f"There is no panel {found.value!r}", found.place, suggest(found.value, panels, "Panels"))
