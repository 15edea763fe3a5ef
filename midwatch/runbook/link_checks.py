"""Checks of what steps say about one another: the steps that they name exist and come earlier."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from midwatch.runbook.condition_checks import conditions_in
from midwatch.runbook.condition_forms import Outcome
from midwatch.runbook.fields import Fields, Problems
from midwatch.runbook.loop_checks import references_in
from midwatch.runbook.loops import loop_of
from midwatch.runbook.step_builder import identity
from midwatch.runbook.text_checks import values_in
from midwatch.runbook.value_sources import INPUTS, ITEM
from midwatch.system.errors import SourceLocation
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import suggest

_SEARCHES = 100
"""Links for which a circle is looked for; beyond that only the wrong direction is told."""


@dataclass(frozen=True, slots=True)
class _Link:
    """One step's mention of another."""

    source: str
    target: str
    place: SourceLocation
    word: str


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


def check_links(steps: list[Fields], problems: Problems) -> None:
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
            problems.add(f"There is no step {shortened(link.target)!r}", link.place, hint)
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


def check_closure_links(closure: list[Fields], steps: Collection[str], problems: Problems) -> None:
    """A criterion takes values of any step, but of no item of a loop that it does not name."""
    for criterion in closure:
        for found in references_in(criterion):
            name = loop_of(found.value.step)[0]
            if found.value == ITEM:
                problems.add("Only a step with 'for_each' has an item", found.place, "Write LOOP[ITEM].KEY")
            elif name != INPUTS and name not in steps:
                problems.add(f"There is no step {shortened(name)!r}", found.place, suggest(name, steps, "Steps"))


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
