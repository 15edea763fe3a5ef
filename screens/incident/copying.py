"""Copies for other programs: into the clipboard of the operator's terminal (OSC 52), and into a file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.incident.permissions import new_folder, open_file
from midwatch.reports.message_draft import draft
from midwatch.runbook.model import Step, StepKind
from screens.widgets.background import WorkFailed, in_background
from screens.widgets.step_page import known_value

if TYPE_CHECKING:
    from screens.incident.screen import IncidentScreen

_CLIPBOARD_BYTES = 64_000
"""Terminals take no more than about a hundred thousand in one sequence."""


class Copying:
    """A method for each thing to copy. Nothing here changes the incident; a copy holds what the screen shows."""

    def __init__(self, screen: IncidentScreen) -> None:
        self._screen, self._session = screen, screen.session

    async def command(self, step: Step) -> None:
        """The command of the step: the script, the action with its parameters, or what the plan's author wrote."""
        text = self._command_of(step)
        if text:
            await self._copy(f"The command of {step.number}", "command.txt", text)
        else:
            self._screen.notice(f"{step.number} has no command")

    def _command_of(self, step: Step) -> str:
        if step.kind is not StepKind.USES:
            return step.run or step.original_command
        plan = self._screen.plan_cache.of(step.id).plan
        made = plan.parameters if plan and not step.loop else None
        given = made or {name: known_value(value, self._session.incident) for name, value in step.with_.items()}
        options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        return shlex.join(["midwatch", "action", step.uses, *options])

    async def path(self) -> None:
        """The path of the output that is shown, else of the incident's folder."""
        step = self._screen.shown_attempt()
        attempt = self._session.attempt_folder(step.id) if step else None
        await self._copy("The path", "path.txt", str(attempt.output if attempt else self._session.folder.path))

    async def update(self) -> None:
        """The last status update, as it goes into the channel; a draft where there was none."""
        session = self._session
        last = next((note for note in reversed(session.incident.notes) if note.is_update), None)
        text = last.text if last else draft(session.runbook, session.incident, session.events, session.clock)
        await self._copy("The last status update" if last else "A draft of the update", "update.txt", text)

    async def _copy(self, what: str, name: str, text: str) -> None:
        self._screen.app.copy_to_clipboard(text.encode()[:_CLIPBOARD_BYTES].decode(errors="ignore"))
        file = self._session.folder.path / "copies" / name
        try:
            await in_background("copy", _write, file, text)
            self._screen.notice(f"{what} is in the clipboard and in {file}")
        except WorkFailed:
            self._screen.notice(f"{what} is in the clipboard; no file can be written here")


def _write(file: Path, text: str) -> None:
    if not file.parent.is_dir():
        new_folder(file.parent)
    with os.fdopen(open_file(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as stream:
        stream.write(text)
