"""The action `write-post-mortem`: writes the draft of the post-mortem from the journal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from actions.support.incident_values import events_of
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import replace_file
from midwatch.runbook.model import Risk
from midwatch.system.errors import Failed, Refused
from midwatch.system.trusted_files import read_regular

LIMIT_BYTES = 64 << 20
"""Of an `post-mortem.md` that somebody may have edited."""


@dataclass(frozen=True)
class WritePostMortem(Action):
    """Writes `post-mortem.md` into the incident's folder: 5 Whys, timeline, impact, fixes, preventive controls, action
    items.

    Everything in it comes from the journal. An `post-mortem.md` that is there is kept as `post-mortem.md.before`, and
    never overwritten if somebody edited it since this action wrote it, unless `again`. `complete` says whether every
    section has content; the empty ones are named.
    """

    name: ClassVar[str] = "write-post-mortem"
    summary: ClassVar[str] = "Write the draft of the post-mortem from the journal"
    risk: ClassVar[Risk] = Risk.CHANGE
    outputs: ClassVar[tuple[str, ...] | None] = ("post_mortem", "complete", "post_mortem_sha256")

    again: bool = param(
        "write it again although somebody edited it; their text is kept as post-mortem.md.before", default=False
    )

    def plan(self, context: Context) -> Plan:
        """Show the file to write and the sections without content."""
        draft = self.draft()
        if context.incident is None:
            draft.refusal = "There is no incident to write about; run it as a step of one"
            return draft.plan()
        path = IncidentFolder(context.incident).post_mortem
        draft.add(Verb.CHANGE if path.exists() else Verb.CREATE, str(path), note="from the journal", kind="file")
        if path.exists():
            draft.add(Verb.CREATE, f"{path}.before", note="what is there now", kind="file")
            if self._edited(IncidentFolder(context.incident)) and not self.again:
                draft.refusal = f"{path.name} was edited manually; use --again true to write it anew"
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Write the post-mortem from the journal."""
        from midwatch.reports.post_mortem import missing_sections, post_mortem

        if context.incident is None:
            raise Refused("There is no incident to write about", hint="Run it as a step of one")
        folder = IncidentFolder(context.incident)
        if self._edited(folder) and not self.again:
            raise Refused(f"{folder.post_mortem.name} was edited manually", hint="Use --again true to write it anew")
        text = post_mortem(context.runbook, events_of(context), folder)
        content = text.encode("utf-8", "replace")
        try:
            if folder.post_mortem.exists():
                before = read_regular(folder.post_mortem, limit_bytes=LIMIT_BYTES)
                replace_file(folder.post_mortem.with_name("post-mortem.md.before"), before)
            replace_file(folder.post_mortem, content)
            sha256 = hashlib.sha256(content).hexdigest()
            replace_file(self._mark(folder), f"{sha256}\n".encode())
        except OSError as error:
            raise Failed(
                f"{folder.post_mortem} cannot be written: {error.strerror}", hint="Export it elsewhere"
            ) from error
        missing = missing_sections(text)
        state = "complete" if not missing else f"still empty: {', '.join(missing)}"
        context.console.say(f"[OK] Post-mortem draft written: {folder.post_mortem}")
        context.console.say(f"{state[0].upper()}{state[1:]}")
        values = {
            "post_mortem": str(folder.post_mortem),
            "complete": "no" if missing else "yes",
            "post_mortem_sha256": sha256,
        }
        return Outcome(True, f"Post-mortem draft {folder.post_mortem}, {state}", values)

    def _mark(self, folder: IncidentFolder) -> Path:
        return folder.path / ".post-mortem.sha256"

    def _edited(self, folder: IncidentFolder) -> bool:
        try:
            written = read_regular(self._mark(folder), limit_bytes=1024).strip()
            content = read_regular(folder.post_mortem, limit_bytes=LIMIT_BYTES)
            return hashlib.sha256(content).hexdigest().encode() != written
        except (OSError, Failed):
            return folder.post_mortem.exists()
