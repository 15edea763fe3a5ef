"""The composer of messages: drafts for each audience, kept on disk until they are sent, and how readers get them."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from midwatch.channels.message import Message
from midwatch.engine import policy
from midwatch.engine.annotations import Annotations
from midwatch.engine.journal_session import JournalSession
from midwatch.engine.message_requests import request_sending
from midwatch.engine.messages import Messages
from midwatch.engine.owed_messages import TEXT_LIMIT, is_told_by_channel, require_sendable
from midwatch.incident.permissions import held_folder, new_folder
from midwatch.incident.step_status import StepStatus
from midwatch.outbox.receivers import is_rehearsal
from midwatch.redaction import mask
from midwatch.reports.message_draft import draft
from midwatch.runbook.channels import INCIDENT_CHANNEL
from midwatch.runbook.model import Step
from midwatch.system.clock import to_rfc3339
from midwatch.system.editor import edit
from midwatch.system.errors import Failed, MidwatchError, Refused
from midwatch.system.sanitize import safe_text
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import atomic_write, read_trusted

_LIMIT_BYTES = 4 * TEXT_LIMIT


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """What may be sent to one audience."""

    channel: str
    text: str
    receivers: tuple[str, ...]
    """In words; none where a person has to post it."""
    outside: bool = False
    """Whether people outside the team read it."""
    kept_at: datetime | None = None
    """When a person wrote the text and did not send it; None for a text made of the journal just now."""


class Composer:
    """One for each incident and process. The drafts on disk are this user's own, and their secrets are masked."""

    def __init__(self, session: JournalSession, messages: Messages, annotations: Annotations) -> None:
        self._session, self._messages, self._annotations = session, messages, annotations

    def audiences(self) -> list[str]:
        """The channels with a receiver; the one of status updates comes first, and is there without receivers."""
        channels = self._session.runbook.channels
        others = [name for name, channel in channels.items() if channel.targets and name != INCIDENT_CHANNEL]
        return [INCIDENT_CHANNEL, *others]

    def draft(self, channel_name: str = INCIDENT_CHANNEL, *, anew: bool = False) -> MessageDraft:
        """The draft that this user kept, else one of how the incident stands; `anew` leaves the kept one aside.

        Raises `BadInput` for a channel that is not there.
        """
        session = self._session
        is_told = channel_name in session.runbook.channels or channel_name != INCIDENT_CHANNEL  # else it raises
        receivers = self._messages.receivers(channel_name) if is_told else []
        outside = is_told and self._messages.channel(channel_name).outside
        kept, at = ("", None) if anew else self._kept(channel_name)
        text = kept or draft(session.runbook, session.incident, session.events, session.clock, channel_name)
        return MessageDraft(channel_name, text, tuple(receivers), outside, at)

    def draft_for(self, step: Step) -> MessageDraft | None:
        """What is sent when this step is marked done without a note; None where no channel tells one of its roles.

        A step that is not needed gets none: the note then has to say why it was done.
        """
        runbook = self._session.runbook
        if self._session.incident.status(step) in (StepStatus.NOT_NEEDED, StepStatus.UNDECIDED):
            return None
        for role in step.notify:
            if is_told_by_channel(runbook, role) and (channel := runbook.channel_of(role)) is not None:
                return self.draft(channel.name, anew=True)
        return None

    def keep(self, channel_name: str, text: str) -> None:
        """Keep a text until it is sent; an empty one is forgotten. Raises `Failed`."""
        file = self.file_of(channel_name)
        text = mask(safe_text(text, newlines=True), self._session.secrets)[:TEXT_LIMIT] if text.strip() else ""
        try:
            if not text:
                with held_folder(file.parent) as folder:
                    os.unlink(file.name, dir_fd=folder)
                return
            with contextlib.suppress(FileExistsError):
                new_folder(file.parent)
            atomic_write(file, f"{text.rstrip()}\n".encode("utf-8", "replace"), mode=0o600, trust=_own_file())
        except FileNotFoundError:
            if text:
                raise Failed("The draft cannot be kept: the folder of the incident is gone") from None
        except (OSError, MidwatchError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise Failed(f"The draft cannot be kept: {why}", hint="Send it, or copy it elsewhere") from error

    def file_of(self, channel_name: str) -> Path:
        """Where this user's draft for a channel is kept."""
        return self._session.folder.path / "drafts" / f"{channel_name}.{os.geteuid()}.txt"

    def edit(self, channel_name: str, text: str) -> str:
        """The text after this user edited it in their own editor, which has the terminal meanwhile. Raises `Failed`."""
        self.keep(channel_name, text)
        try:
            edit(self.file_of(channel_name))
        except Failed:
            self.keep(channel_name, text)
            raise
        edited, _ = self._kept(channel_name)
        self.keep(channel_name, edited)
        return edited

    def _kept(self, channel_name: str) -> tuple[str, datetime | None]:
        file = self.file_of(channel_name)
        try:
            text = read_trusted(file, _own_file(), limit_bytes=_LIMIT_BYTES).decode("utf-8", "replace").strip("\n")
            at = datetime.fromtimestamp(file.lstat().st_mtime, UTC)
        except (OSError, MidwatchError):  # there is none, or none that this user has made
            return "", None
        return (text, at) if text.strip() else ("", None)

    def preview(self, channel_name: str, text: str) -> str:
        """The text as its readers get it: with its subject, and without secrets. Raises `Refused` for no text."""
        session = self._session
        message = Message(
            id="",
            incident=session.incident.id,
            title=session.incident.title,
            severity=session.incident.severity.value,
            environment=session.runbook.environment.value,
            text=mask(require_sendable(text), session.secrets),
            at=to_rfc3339(session.clock.now()),
            rehearsal=is_rehearsal(session.runbook),
        )
        return message.whole if channel_name in session.runbook.channels else message.text

    def send(self, channel_name: str, text: str, *, confirmed: bool = False) -> None:
        """Queue the message, as a status update where it is for the team's channel, and forget the draft.

        An observer asks the driver to. Raises `Refused` for people outside the team unless a person `confirmed` this
        text and these receivers, and `Failed` where no driver answers.
        """
        text, session = require_sendable(text), self._session
        policy.require_open(session.incident)
        if not session.driving:
            request_sending(session.folder, channel_name, text, confirmed=confirmed)
        elif channel_name == INCIDENT_CHANNEL:
            self._annotations.update(text)
        else:
            self._messages.send(channel_name, text, confirmed=confirmed)
        self.forget(channel_name)

    @property
    def can_send_due_draft(self) -> bool:
        """Whether a status update is due, its channel has receivers, and this user has not begun another text."""
        session, channel = self._session, self._session.runbook.channels.get(INCIDENT_CHANNEL)
        is_due = session.driving and session.updates_overdue and channel is not None and channel.targets
        return bool(is_due) and not self._kept(INCIDENT_CHANNEL)[0]

    def send_due_draft(self) -> MessageDraft:
        """Send the draft of the status update that is due, as it is. Raises `Refused` where that cannot be."""
        if not self.can_send_due_draft:
            raise Refused("There is no draft to be sent as it is", hint="It is not due, was edited, or has no receiver")
        found = self.draft(anew=True)
        self.send(INCIDENT_CHANNEL, found.text)
        return found

    def forget(self, channel_name: str) -> None:
        """Remove the kept draft of a message that was sent."""
        with contextlib.suppress(Failed):
            self.keep(channel_name, "")


def _own_file() -> Trust:
    return Trust.own().in_any_folder()
