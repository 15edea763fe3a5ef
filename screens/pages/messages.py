"""The messages by channels and what became of each; one that did not arrive is sent anew or given up."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.incident.message_delivery import MessageDelivery
from midwatch.outbox.delivery_state import DeliveryState
from midwatch.reports.known_deliveries import known_deliveries
from midwatch.reports.message_text import delivery_words
from screens.dialogs.reason import message_form
from screens.keys.keymaps import MESSAGES, PAGE
from screens.pages.block_cursor import BlockCursor
from screens.pages.page import Page
from screens.widgets.background import WorkFailed, in_background, start_work
from screens.widgets.key_bindings import bindings
from screens.widgets.line_view import LineView
from screens.widgets.styles import CHOSEN, FAINT, SOON, STRONG, WELL, WRONG, TextStyles
from screens.widgets.text_layout import edges, paragraph

_STYLES = {DeliveryState.ACCEPTED: WELL, DeliveryState.QUEUED: SOON}


class MessagesPage(Page):
    """The newest first, with a cursor; the text of the chosen one is whole."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll(1)", show=False),
        Binding("up", "scroll(-1)", show=False),
        *bindings(MESSAGES),
    ]
    keys = (*MESSAGES, *PAGE)
    hints = ()
    moves = (("↑ ↓", "Another message"), ("Esc", "Back"))

    def __init__(self, text_styles: TextStyles, session: IncidentControls) -> None:
        self._cursor = BlockCursor(self, self._blocks)
        super().__init__(text_styles, "Messages by channels", self._made)
        self._session = session
        self._messages = list(session.incident.deliveries.values())[::-1]

    def on_mount(self) -> None:
        super().on_mount()
        start_work(self, self._take_in)
        self.set_interval(1, self._take_in)

    async def _take_in(self) -> None:
        """What the outbox knows: after the end of the incident, the journal tells no fate any more."""
        try:
            outbox = self._session.folder.outbox
            found = await in_background("messages", known_deliveries, self._session.incident, outbox)
        except WorkFailed:
            return
        new = len(found) - len(self._messages)
        at = self._cursor.at
        self._cursor.at = min(at + max(new, 0) * (at > 0), max(len(found) - 1, 0))  # on the same one
        self._messages = found[::-1]
        if self.is_current:
            self.draw()

    def _made(self, width: int) -> list[Content]:
        if not self._messages:
            return [self.text_styles.ink("No message was queued.", FAINT)]
        return self._cursor.lines(width)

    def _blocks(self, width: int) -> list[list[Content]]:
        return [
            message_lines(message, width, self.text_styles, is_chosen=number == self._cursor.at)
            for number, message in enumerate(self._messages)
        ]

    @property
    def _chosen(self) -> MessageDelivery | None:
        return self._messages[self._cursor.at] if self._messages else None

    def action_scroll(self, step: int) -> None:
        self._cursor.go_to(self._cursor.at + step)

    def go_to_line(self, number: int) -> None:
        self._cursor.go_to(self._cursor.block_at(number))

    def on_line_view_clicked(self, message: LineView.Clicked) -> None:
        """A click chooses a message."""
        self.go_to_line(message.line)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "decide":
            return self._session.can_decide_messages and self._chosen is not None and self._chosen.undelivered
        return super().check_action(action, parameters)

    def action_decide(self, retry: bool) -> None:
        """Ask why, and send the message anew or give it up."""
        if (chosen := self._chosen) is not None:
            start_work(self, self._decide, chosen, retry=retry)

    async def _decide(self, message: MessageDelivery, *, retry: bool) -> None:
        form = message_form(self.text_styles, message, retry=retry)
        async for answer in form.answers(self.app):
            await form.carry_out(self._session.decide_message, message.id, retry=retry, reason=answer["reason"])


def message_lines(message: MessageDelivery, width: int, text_styles: TextStyles, *, is_chosen: bool) -> list[Content]:
    """One message for one receiver: its fate, and the begin of its text."""
    state = "given up" if message.dropped else str(message.state)
    style = FAINT if message.dropped else _STYLES.get(message.state, WRONG)
    name = Content.assemble(
        text_styles.ink(f"{text_styles.signs.next} " if is_chosen else "  ", CHOSEN),
        text_styles.ink(f"{message.queued_at:%H:%M:%S} UTC  {message.channel}", STRONG),
    )
    head = edges(name, text_styles.ink(state, style), width)
    lines = [head.stylize(text_styles.cursor) if is_chosen else head]
    lines += paragraph(delivery_words(message), width, text_styles, style=FAINT, indent=4)
    texts = message.text.splitlines() or [""]
    for text in texts if is_chosen else texts[:1]:
        lines += paragraph(text, width, text_styles, indent=4) if text.strip() else [Content("")]
    return lines
