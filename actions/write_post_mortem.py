"""The action `write-post-mortem`: writes the draft of the post-mortem from the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.support.incident_values import events_of
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.plan import Plan, Verb
from midwatch.incident.paths import IncidentFolder
from midwatch.runbook.model import Risk
from midwatch.system.errors import Failed, Refused


@dataclass(frozen=True)
class WritePostMortem(Action):
    """Writes `post-mortem.md` into the incident's folder, from the journal alone.

    Written again, it keeps what people wrote in it since: lines that only they changed stay as they are, and lines that
    both changed stay in both texts, marked as a conflict. The former document is kept as `post-mortem.md.before`.
    `complete` says whether every section has content and no conflict is left.
    """

    name: ClassVar[str] = "write-post-mortem"
    summary: ClassVar[str] = "Write the draft of the post-mortem from the journal"
    risk: ClassVar[Risk] = Risk.CHANGE
    outputs: ClassVar[tuple[str, ...] | None] = ("post_mortem", "complete", "post_mortem_sha256")

    def plan(self, context: Context) -> Plan:
        """Show the file to write, and whether people have edited it."""
        from midwatch.reports.post_mortem_file import PostMortemFile

        draft = self.draft()
        if context.incident is None:
            draft.refusal = "There is no incident to write about; run it as a step of one"
            return draft.plan()
        file = PostMortemFile(IncidentFolder(context.incident))
        try:
            edited, exists = file.was_edited(), file.read() is not None
        except Failed as error:
            draft.refusal = str(error)
            return draft.plan()
        note = "from the journal, with what people wrote in it" if edited else "from the journal"
        draft.add(Verb.CHANGE if exists else Verb.CREATE, str(file.path), note=note, kind="file")
        if exists:
            draft.add(Verb.CREATE, str(file.before), note="what is there now", kind="file")
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Write the post-mortem from the journal."""
        from midwatch.reports.post_mortem import post_mortem
        from midwatch.reports.post_mortem_file import PostMortemFile
        from midwatch.system.local_zone import local_zone

        if context.incident is None:
            raise Refused("There is no incident to write about", hint="Run it as a step of one")
        folder = IncidentFolder(context.incident)
        file = PostMortemFile(folder)
        zone = file.zone(local_zone())
        written = file.write(post_mortem(context.runbook, events_of(context), folder, zone))
        context.console.say(f"[OK] Post-mortem draft written: {file.path}")
        context.console.say(f"{written.words[0].upper()}{written.words[1:]}")
        values = {
            "post_mortem": str(file.path),
            "complete": "yes" if written.is_complete else "no",
            "post_mortem_sha256": written.sha256,
        }
        return Outcome(True, f"Post-mortem draft {file.path}, {written.words}", values)
