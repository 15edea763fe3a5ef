"""The composer: a message to an audience, drafted from the journal, edited here or in an editor, previewed, sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual.app import App, SuspendNotSupported
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static, TextArea

from midwatch.engine.composer import MessageDraft
from midwatch.engine.incident_protocols import IncidentControls
from midwatch.system.errors import MidwatchError
from midwatch.system.sanitize import safe_text
from screens.widgets.background import WorkFailed, in_background
from screens.widgets.dialog import Dialog
from screens.widgets.inline_button import InlineButton, PickOne
from screens.widgets.key import Key, shown
from screens.widgets.key_bindings import DIALOG, DRAFT, EDITOR, PREVIEW, YES, bindings, there
from screens.widgets.styles import FAINT, SOON, STRONG, TextStyles
from screens.widgets.text_layout import joined, labelled, paragraph

_SAVE_INTERVAL_S = 1.0
"""Seconds between two looks whether there is something to keep on disk."""


async def compose_message(app: App[Any], text_styles: TextStyles, session: IncidentControls) -> str:
    """Ask for a message and send it; a sentence on what became of it, empty for nothing."""
    composer = session.composer
    dialog = Compose(text_styles, session)
    said = ""
    async for answer in dialog.answers(app):
        draft = answer.draft
        if answer.is_preview or draft.outside:
            try:
                shown = composer.preview(draft.channel, draft.text)
            except MidwatchError as error:
                dialog.complain(str(error))
                continue
            if not await app.push_screen_wait(Preview(text_styles, draft, shown)):
                dialog.listen()
                continue
        with contextlib.suppress(WorkFailed):  # a full disk: the text is sent all the same
            await dialog.keep()  # whatever is still written: sending removes it
        if await dialog.carry_out(composer.send, draft.channel, draft.text, confirmed=draft.outside):
            said = f"Queued for {'; '.join(draft.receivers)}" if draft.receivers else "Recorded"
            dialog.sent = draft.channel
    try:
        if await dialog.keep() and not said:
            app.post_message(Dialog.DraftKept())
    except WorkFailed as failed:
        said = str(failed)
    return said


@dataclass(frozen=True, slots=True)
class Composed:
    """What somebody wrote, and whether they want to see it as its readers do first."""

    draft: MessageDraft
    is_preview: bool = False


class Compose(Dialog[Composed]):
    """Each audience has a text of its own. What is typed is kept on disk until it is sent."""

    DEFAULT_CSS = """
    Compose TextArea { width: 1fr; height: 8; background: $field; border: none; padding: 0; }
    Compose TextArea:focus { background: $field-focus; }
    Compose TextArea:nocolor { border-left: ascii !important; }
    Compose .prompt { height: auto; width: 1fr; }
    Compose #readers { height: auto; width: 1fr; margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings((PREVIEW, EDITOR, DRAFT))
    leave_words, accept_words = "Later", "Send"

    def __init__(self, text_styles: TextStyles, session: IncidentControls) -> None:
        self._session, self._composer = session, session.composer
        mark = session.runbook.comms.channel if len(self._composer.audiences()) == 1 else ""
        super().__init__(text_styles, "Message", mark=text_styles.ink(mark, FAINT))
        self._drafts = {name: self._composer.draft(name) for name in self._composer.audiences()}
        self._texts = {name: draft.text for name, draft in self._drafts.items()}
        self._opened, self._kept = dict(self._texts), dict(self._texts)
        """The texts as they were at first, and as they are on disk or were drafted."""
        self._channel, self._disk = next(iter(self._drafts)), asyncio.Lock()
        self.sent = ""
        """The channel to which the message was sent."""
        dot = text_styles.signs.dot
        self.hint = f"Esc later {dot} {{accept}} send {dot} {{editor}} editor {dot} {{preview}} preview"

    @property
    def _draft(self) -> MessageDraft:
        return self._drafts[self._channel]

    def body(self) -> Iterable[Widget]:
        if len(self._drafts) > 1:
            options = [(name, f"{name}{', outside' if item.outside else ''}") for name, item in self._drafts.items()]
            yield PickOne(options, self.text_styles, id="field-to", picked=self._channel, across=True)
        yield Static(id="readers", markup=False)
        yield Static(id="origin", classes="prompt", markup=False)
        field = TextArea(
            id="field-message", compact=True, show_line_numbers=False, soft_wrap=True, highlight_cursor_line=False
        )
        field.cursor_blink = False
        yield field

    def on_mount(self) -> None:
        self._show()
        super().on_mount()
        for choice in self.query(PickOne):
            self.watch(choice, "picked", self._audience_changed, init=False)
        self.set_interval(_SAVE_INTERVAL_S, self._save)

    def first_focus(self) -> Widget:
        return self._field

    def resized(self) -> None:
        super().resized()
        self._show_words()

    @property
    def _field(self) -> TextArea:
        return self.query_one("#field-message", TextArea)

    def _take_text(self) -> None:
        for field in self.query(TextArea):  # none before and after there is a screen
            self._texts[self._channel] = field.text

    def dismiss(self, result: Composed | None = None) -> AwaitComplete:
        self._take_text()
        return super().dismiss(result)

    def _audience_changed(self) -> None:
        self._take_text()
        self._channel = self.query_one("#field-to", PickOne).value
        self._show()

    def _show(self) -> None:
        """The text for the audience, and who that is."""
        self._field.text = safe_text(self._texts[self._channel], newlines=True)
        self._show_words()

    def _show_words(self) -> None:
        draft, styles = self._draft, self.text_styles
        way = "People outside the team read it:" if draft.outside else "It is sent to"
        who = f"{way} {'; '.join(draft.receivers)}."
        if not draft.receivers:
            who = "Post it in the channel yourself: Midwatch records that it went out, with the journal's head."
        if draft.outside:
            who += " You confirm the text and the receivers first."
        if not self._session.driving:
            driver = self._session.incident.driver
            who += f" The screen of {driver} does it for you." if driver else " Nobody drives, so take control first."
        style = SOON if draft.outside else FAINT
        self.query_one("#readers", Static).update(joined(paragraph(who, self.room, styles, style=style)))
        origin = "Drafted from the journal; make it say what people need"
        if draft.kept_at is not None:
            origin = f"A draft of yours from {draft.kept_at:%H:%M} UTC. {self._key_of(DRAFT)} drafts it anew"
        self.query_one("#origin", Static).update(styles.ink(origin, FAINT))
        accept = self.query_one("#accept", InlineButton)
        accept.label = self.accept_words = self.doing = "Send" if draft.receivers else "Record"
        accept.refresh(layout=True)

    def _key_of(self, key: Key) -> str:
        given = next((given for given, found in there(self, DIALOG) if found is key), key.key)
        return shown(given, ascii=self.text_styles.ascii)

    # What it does

    def action_accept(self) -> None:
        self._give(is_preview=False)

    def action_preview(self) -> None:
        """Show it as its readers get it, with the choice to send it."""
        self._give(is_preview=True)

    def _give(self, *, is_preview: bool) -> None:
        if self._field.text.strip():
            self.answer(Composed(replace(self._draft, text=self._field.text), is_preview))
        else:
            self.complain("A message needs a text")

    def action_draft(self) -> None:
        """Throw the text away and draft it anew."""
        draft = self._composer.draft(self._channel, anew=True)
        self._drafts[self._channel], self._texts[self._channel] = draft, draft.text
        self._show()

    def action_editor(self) -> None:
        """Leave the terminal to the operator's editor until it ends."""
        if self.writing:
            return
        try:
            with self._session.heartbeat(), self.app.suspend():
                text = self._composer.edit(self._channel, self._field.text)
        except SuspendNotSupported:
            self.complain("This terminal cannot be left to an editor")
        except MidwatchError as error:
            self.complain(str(error))
        else:
            self._texts[self._channel], self._kept[self._channel] = text, ""  # written anew where it is not as drafted
            self._show()

    # What is kept

    async def _save(self) -> None:
        """Keep what was typed since the last time, in case this process does not live to send it."""
        if self.writing or self._disk.locked():
            return
        self._take_text()
        try:
            await self.keep()
        except WorkFailed as failed:
            if self.is_current:
                self.say(str(failed), SOON)

    async def keep(self) -> bool:
        """Keep every text that was changed and not sent; whether one differs from how it was opened. Raises
        `WorkFailed`."""
        async with self._disk:
            for channel, text in self._texts.items():
                if channel != self.sent and text != self._kept[channel]:
                    self._kept[channel] = text
                    await in_background("draft", self._composer.keep, channel, text if self._is_own(channel) else "")
        own = [channel for channel in self._texts if channel != self.sent and self._is_own(channel)]
        return any(self._texts[channel] != self._opened[channel] for channel in own)

    def _is_own(self, channel: str) -> bool:
        """Whether a person wrote the text, or a part of it."""
        draft, text = self._drafts[channel], self._texts[channel]
        return bool(text.strip()) and (draft.kept_at is not None or text != draft.text)


class Preview(Dialog[bool]):
    """A message as its readers get it, and who they are: for people outside the team the second confirmation."""

    DEFAULT_CSS = "Preview .lines { height: auto; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings((YES,))
    leave_words = "Back"

    def __init__(self, text_styles: TextStyles, draft: MessageDraft, shown: str) -> None:
        """`shown`: the text without its secrets, with its subject."""
        self.accept_words = "Send" if draft.receivers else "Record"
        title = "Send this to people outside the team?" if draft.outside else "As its readers get it"
        super().__init__(text_styles, title, mark=text_styles.ink(draft.channel, FAINT))
        self._draft, self._shown = draft, shown
        self.hint = f"Esc back {text_styles.signs.dot} {{yes}} {self.accept_words.lower()}"

    def above(self) -> Iterable[Widget]:
        receivers, styles = self._draft.receivers, self.text_styles
        lines = [
            line
            for number, receiver in enumerate(receivers)
            for line in labelled("to" if not number else "", receiver, self.room, styles, style=STRONG)
        ]
        yield Static(joined([*lines, Content("")]) if lines else "", classes="lines", markup=False)

    def body(self) -> Iterable[Widget]:
        lines = [line for text in self._shown.splitlines() for line in _wrapped(text, self.room, self.text_styles)]
        yield Static(joined(lines), classes="lines", markup=False)

    def action_accept(self) -> None:
        self.answer(True)


def _wrapped(text: str, room: int, text_styles: TextStyles) -> list[Content]:
    return paragraph(text, room, text_styles) if text.strip() else [Content("")]
