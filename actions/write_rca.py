"""The action `write-rca`: the draft of the root cause analysis, from the journal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from actions.incident_values import events_of
from midwatch.action import Action, Context, Outcome
from midwatch.errors import Failed, Refused
from midwatch.incident.folder import IncidentFolder
from midwatch.incident.modes import replace_file
from midwatch.parameters import param
from midwatch.plan import Plan, Risk, Verb
from midwatch.system.trusted_files import read_regular

LIMIT_BYTES = 64 << 20
"""Of an `rca.md` that somebody may have edited."""


@dataclass(frozen=True)
class WriteRca(Action):
    """Writes `rca.md` into the incident's folder: 5 Whys, timeline, impact, fixes, preventive controls, action items.

    Everything in it comes from the journal. An `rca.md` that is there is kept as `rca.md.before`, and never
    overwritten if somebody edited it since this action wrote it, unless `again`. `complete` says whether every section
    has content; the empty ones are named.
    """

    name: ClassVar[str] = "write-rca"
    summary: ClassVar[str] = "Write the draft of the root cause analysis from the journal"
    risk: ClassVar[Risk] = Risk.CHANGE
    outputs: ClassVar[tuple[str, ...] | None] = ("rca", "complete", "rca_sha256")

    again: bool = param("write it again although somebody edited it; their text is kept as rca.md.before", default=False)

    def plan(self, context: Context) -> Plan:
        draft = self.draft()
        if context.incident is None:
            draft.refusal = "There is no incident to write about; run it as a step of one"
            return draft.plan()
        path = IncidentFolder(context.incident).rca
        draft.add(Verb.CHANGE if path.exists() else Verb.CREATE, str(path), note="from the journal", kind="file")
        if path.exists():
            draft.add(Verb.CREATE, f"{path}.before", note="what is there now", kind="file")
            if self._edited(IncidentFolder(context.incident)) and not self.again:
                draft.refusal = f"{path.name} was edited by hand; use --again true to write it anew"
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        from midwatch.export.rca import missing_sections, rca

        if context.incident is None:
            raise Refused("There is no incident to write about", hint="Run it as a step of one")
        folder = IncidentFolder(context.incident)
        if self._edited(folder) and not self.again:
            raise Refused(f"{folder.rca.name} was edited by hand", hint="Use --again true to write it anew")
        text = rca(context.runbook, events_of(context), folder)
        content = text.encode("utf-8", "replace")
        try:
            if folder.rca.exists():
                before = read_regular(folder.rca, limit_bytes=LIMIT_BYTES)
                replace_file(folder.rca.with_name("rca.md.before"), before)
            replace_file(folder.rca, content)
            sha256 = hashlib.sha256(content).hexdigest()
            replace_file(self._mark(folder), f"{sha256}\n".encode())
        except OSError as error:
            raise Failed(f"{folder.rca} cannot be written: {error.strerror}", hint="Export it elsewhere") from error
        missing = missing_sections(text)
        state = "complete" if not missing else f"still empty: {', '.join(missing)}"
        context.console.say(f"[OK] RCA draft written: {folder.rca}")
        context.console.say(f"{state[0].upper()}{state[1:]}")
        values = {"rca": str(folder.rca), "complete": "no" if missing else "yes", "rca_sha256": sha256}
        return Outcome(True, f"RCA draft {folder.rca}, {state}", values)

    def _mark(self, folder: IncidentFolder) -> Path:
        return folder.path / ".rca.sha256"

    def _edited(self, folder: IncidentFolder) -> bool:
        try:
            written = read_regular(self._mark(folder), limit_bytes=1024).strip()
            content = read_regular(folder.rca, limit_bytes=LIMIT_BYTES)
            return hashlib.sha256(content).hexdigest().encode() != written
        except (OSError, Failed):
            return folder.rca.exists()
