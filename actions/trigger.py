"""The action `trigger`: reports whether a detection trigger of the runbook has fired."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.runbook.model import Risk
from midwatch.runbook.triggers import Trigger
from midwatch.system.errors import BadInput, Failed
from midwatch.system.expressions import LineSearch
from midwatch.system.suggestion import suggest
from midwatch.watch.trigger_sample import check_of, sample_trigger
from probes.logs.rotated_log import Coverage, find_lines

TAIL = 10_000_000
"""Bytes at the end of the log that are searched: more than a night's worth."""


@dataclass(frozen=True)
class TriggerAction(Action):
    """Looks whether one trigger has fired: a line in its log, a check that fails, or a panel at a level. Changes
    nothing.

    Searches the last 10 MB of the log and of its newest rotation, also a compressed one, so last night's run counts.
    Done either way: `detected` is `yes` or `no`, `evidence` is the newest line with its file and number, or what was
    looked at. Unknown when the check or panel cannot tell; failed when the log cannot be read.
    """

    name: ClassVar[str] = "trigger"
    summary: ClassVar[str] = "Look whether one of the runbook's triggers has fired"
    risk: ClassVar[Risk] = Risk.OBSERVE
    outputs: ClassVar[tuple[str, ...] | None] = ("detected", "evidence")

    id: str = param("the trigger, by its id in the runbook")

    def plan(self, context: Context) -> Plan:
        """List the log or the check that decides."""
        draft, trigger = self.draft(), self._trigger(context)
        if trigger.log:
            draft.add(Verb.READ, f"the end of {context.runbook.resolve(trigger.log)}")
            draft.fact("looks for", readable(trigger.match) or f"{trigger.title}: the pattern at {trigger.place}")
        elif trigger.check:
            draft.add(Verb.READ, f"what the check {trigger.check} looks at")
            draft.facts += check_of(trigger, context.runbook).plan(context).facts
        else:
            draft.add(Verb.READ, f"what the panel {trigger.panel} shows")
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Report whether the trigger has fired, with the evidence."""
        trigger = self._trigger(context)
        detected, evidence = self._in_log(trigger, context) if trigger.log else _sampled(trigger, context)
        summary = f"{trigger.title}: {'detected' if detected else 'not detected'}" + (
            f", {evidence}" if evidence else ""
        )
        return Outcome(True, summary, {"detected": "yes" if detected else "no", "evidence": evidence})

    def _trigger(self, context: Context) -> Trigger:
        triggers = {trigger.id: trigger for trigger in context.runbook.triggers}
        if self.id in triggers:
            return triggers[self.id]
        hint = suggest(self.id, triggers, "Triggers")
        raise BadInput(f"There is no trigger {self.id!r}", hint=hint)

    def _in_log(self, trigger: Trigger, context: Context) -> tuple[bool, str]:
        path = context.runbook.resolve(trigger.log)
        try:
            re.compile(trigger.match)
        except re.error as error:
            raise BadInput(f"The trigger {trigger.id!r} has a wrong pattern: {error}", place=trigger.place) from error
        coverage, search = Coverage(), LineSearch(trigger.match)
        lines = find_lines(path, [search], limit=TAIL, newest=1000, coverage=coverage)
        if search.gave_up:
            sentence = (
                f"The expression of the trigger {trigger.id!r} takes more than a second for a line, so nobody knows"
            )
            raise Failed(sentence, place=trigger.place, hint="Look into the log yourself, and simplify its match")
        if not lines:
            return False, f"no such line in {coverage}"
        for line in lines[-3:]:
            context.console.say(f"{line.place}: {line.text}")
        if len(lines) > 3:
            context.console.say(f"{len(lines) - 3} earlier lines like these")
        return True, f"{lines[-1].place}: {lines[-1].text}"


def _sampled(trigger: Trigger, context: Context) -> tuple[bool, str]:
    sample = sample_trigger(trigger, context)
    return sample.detected, sample.evidence


_PLAIN = (
    (re.compile(r"\\s[?*+]?"), " "),
    (re.compile(r"\.[*+]\??"), " … "),
    (re.compile(r"\\d[*+]?"), "N"),
    (re.compile(r"\(\?:|[()]"), ""),
    (re.compile(r"\|"), " or "),
    (re.compile(r"\\([^A-Za-z0-9])"), r"\1"),
    (re.compile(r"([^\\\[\]{}^$*+?.|()])"), r"\1"),
)


def readable(pattern: str) -> str:
    """A regular expression in words, `[FAILURE or ERROR] … job`; empty for one that is more than words, blanks and
    alternatives."""
    words, at = "", 0
    while at < len(pattern):
        found = next(((hit, text) for form, text in _PLAIN if (hit := form.match(pattern, at))), None)
        if found is None:
            return ""
        words, at = words + found[0].expand(found[1]), found[0].end()
    return " ".join(words.split())
