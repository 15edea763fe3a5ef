"""Checks across keys: ids are unique, references lead to earlier steps, keys fit the kind of step."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from midwatch.runbook.action_lookup import action_of
from midwatch.runbook.alert_keys import check_alert_rules
from midwatch.runbook.builder import laid_over, section_of
from midwatch.runbook.channel_keys import check_channels, check_role_channels
from midwatch.runbook.condition_checks import check_condition, conditions_in
from midwatch.runbook.condition_forms import Outcome
from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.loop_checks import check_loops, references_in
from midwatch.runbook.loops import loop_of
from midwatch.runbook.model import INPUTS, ITEM, Reference, Risk, StepKind
from midwatch.runbook.process_keys import PROCESS_KEYS, check_process
from midwatch.runbook.processes import is_reserved
from midwatch.runbook.question_checks import check_inputs, check_questions
from midwatch.runbook.secret_keys import SECRETS, check_secrets
from midwatch.runbook.step_builder import identity, kind_of, question_of
from midwatch.runbook.targets import TargetKind
from midwatch.runbook.text_checks import check_texts, values_in
from midwatch.runbook.watch_keys import check_trigger, check_watch
from midwatch.system.errors import SourceLocation
from midwatch.system.suggestion import suggest

_BELONGS = {
    "with": (StepKind.USES, "a step that 'uses' an action"),
    "env": (StepKind.RUN, "a step with 'run'"),
    "outputs": (StepKind.RUN, "a step with 'run'"),
    **{key.name: (StepKind.RUN, "a step with 'run'") for key in (*PROCESS_KEYS, SECRETS)},
    "questions": (StepKind.MANUAL, "a step that a person does"),
    "notify": (StepKind.MANUAL, "a step that a person does"),
}
_SEARCHES = 100
"""Links for which a circle is looked for; beyond that only the wrong direction is told."""


@dataclass(frozen=True, slots=True)
class _Link:
    """One step's mention of another."""

    source: str
    target: str
    place: SourceLocation
    word: str


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
    _links(steps, problems)
    closure = [item.value for item in fields.items("closure")]
    _closure_links(closure, {identity(step) for step in steps}, problems)
    mentions = [found for part in (*closure, *phases) for found in values_in(part)]
    mentions += [found for criterion in closure for found in references_in(criterion)]
    _answers(steps, mentions, fields.items("inputs"), problems)


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


def _links_of(step: Fields) -> Iterator[_Link]:
    name = identity(step)
    for found in step.items("depends_on"):
        yield _Link(name, found.value, found.place, "needs")
    for condition in conditions_in(step.get("when")):
        for outcome in Outcome:
            for found in condition.items(outcome):
                yield _Link(name, found.value, found.place, "waits for the outcome of")
        for found in condition.items("answer"):
            if found.value.step != INPUTS:
                yield _Link(name, loop_of(found.value.step)[0], found.place, "waits for a value of")
    for found in references_in(step):
        if found.value.step != INPUTS and found.value != ITEM:
            yield _Link(name, loop_of(found.value.step)[0], found.place, "takes a value of")
    for found in values_in(step):
        if found.value.step != INPUTS:
            yield _Link(name, loop_of(found.value.step)[0], found.place, "shows a value of")


def _links(steps: list[Fields], problems: Problems) -> None:
    """Links lead to steps that exist and come earlier; a circle is told as such, once."""
    order: dict[str, int] = {}
    for place, step in enumerate(steps):
        order.setdefault(identity(step), place)
    links = [link for step in steps for link in _links_of(step)]
    onward: dict[str, list[str]] = {}
    for link in links:
        onward.setdefault(link.source, []).append(link.target)
    told: set[frozenset[str]] = set()
    searches = 0
    for link in links:
        if link.target not in order:
            hint = "" if problems.full else suggest(link.target, order, "Steps")
            problems.add(f"There is no step {link.target!r}", link.place, hint)
            continue
        if order[link.target] < order[link.source]:
            continue
        searches += 1  # every circle has a link that does not look back, so the others need no search
        circle = _way(link.target, link.source, onward) if searches <= _SEARCHES else []
        if not circle:
            sentence = f"{link.source!r} {link.word} {link.target!r}, which comes later"
            problems.add(sentence, link.place, "Steps can only look back")
        elif frozenset(circle) not in told:
            told.add(frozenset(circle))
            if link.source == link.target:
                problems.add(
                    f"{link.source!r} waits for itself",
                    link.place,
                    "Name an earlier step, or give one an id of its own",
                )
                continue
            names = [link.source, *circle]
            way = " → ".join(names if len(names) <= 8 else [*names[:4], "…", *names[-3:]])
            problems.add(f"These steps wait for one another: {way}", link.place, "One of them has to come first")


def _closure_links(closure: list[Fields], steps: Collection[str], problems: Problems) -> None:
    """A criterion takes values of any step, but of no item of a loop that it does not name."""
    for criterion in closure:
        for found in references_in(criterion):
            name = loop_of(found.value.step)[0]
            if found.value == ITEM:
                problems.add("Only a step with 'for_each' has an item", found.place, "Write LOOP[ITEM].KEY")
            elif name != INPUTS and name not in steps:
                problems.add(f"There is no step {name!r}", found.place, suggest(name, steps, "Steps"))


def _way(start: str, end: str, onward: dict[str, list[str]]) -> list[str]:
    """The shortest way from one step to another along links; empty when there is none."""
    came: dict[str, str] = {start: ""}
    queue = [start]
    for name in queue:
        if name == end:
            way = [name]
            while came[way[-1]]:
                way.append(came[way[-1]])
            return way[::-1]
        for following in onward.get(name, ()):
            if following not in came:
                came[following] = name
                queue.append(following)
    return []


def _answers(steps: list[Fields], mentions: list[Found], inputs: list[Found], problems: Problems) -> None:
    """These values, and those that steps name, are asked for or reported by the step that they name."""
    manual = {identity(step): step.items("questions") for step in steps if kind_of(step) is StepKind.MANUAL}
    reporting = {identity(step): step for step in steps if kind_of(step) is not StepKind.MANUAL}
    asked = {
        name: {ask.name: ask for ask in (question_of(item.value) for item in items)}
        for name, items in (manual | {INPUTS: inputs}).items()
    }
    for step in steps:
        mentions += [*references_in(step), *values_in(step)]
        for condition in conditions_in(step.get("when")):
            check_condition(condition, asked, problems)
            mentions += condition.items("answer")
    for found in mentions:
        reference = dataclasses.replace(found.value, step=loop_of(found.value.step)[0])
        if reference == ITEM:
            continue
        if reference.step in reporting:
            _reported(reporting[reference.step], found, problems)
        if reference.step not in asked or reference.key in asked[reference.step]:
            continue
        names = [name for name in asked[reference.step] if name]
        if reference.step == INPUTS:
            problems.add(
                f"There is no input {reference.key!r}",
                found.place,
                suggest(reference.key, names, "Inputs"),
            )
        else:
            sentence = f"Step {reference.step!r} does not ask for {reference.key!r}"
            problems.add(sentence, found.place, suggest(reference.key, names, "It asks for"))


def _reported(step: Fields, mention: Found, problems: Problems) -> None:
    """The script declares the key in 'outputs', or the action is known to report it."""
    reference: Reference = mention.value
    if kind_of(step) is StepKind.RUN:
        declared = step.values("outputs")
        if reference.key not in declared:
            hint = (
                suggest(reference.key, declared, "It reports")
                if declared
                else f"Add outputs: [{reference.key}] to that step"
            )
            problems.add(f"Step {reference.step!r} does not declare the output {reference.key!r}", mention.place, hint)
        return
    action = action_of(step.get("uses", ""))
    if action is not None and action.outputs is not None and reference.key not in action.outputs:
        hint = suggest(reference.key, action.outputs, "It reports") if action.outputs else "It reports nothing"
        problems.add(f"The action {action.name!r} does not report {reference.key!r}", mention.place, hint)
