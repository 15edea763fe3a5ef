"""A box over the screen: says one thing, asks one thing, and leaves by Esc without having done anything."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar

from textual import events
from textual.app import App, ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from screens.widgets.background import WorkFailed, in_background
from screens.widgets.base_screen import BaseScreen
from screens.widgets.dialog_keys import hint_line, moves
from screens.widgets.dialog_parts import Body, Said
from screens.widgets.drafts import OpenDraft
from screens.widgets.fields import next_text_field, type_into
from screens.widgets.inline_button import InlineButton
from screens.widgets.key_bindings import ACCEPT, DIALOG, HELP, bindings, key_lines, there
from screens.widgets.key_line import KeyLine
from screens.widgets.styles import FAINT, STRONG, WRONG, TextStyles

T = TypeVar("T")
P = ParamSpec("P")
GRACE_S = 0.3
"""Seconds in which a dialog does not hear the key that opened it."""


class Dialog(BaseScreen[T], ModalScreen[T], Generic[T]):
    """Base of dialogs. The result is the answer, or None when the dialog was left without one.

    `App.push_screen_wait` closes the dialog with the first answer. `answers` leaves the dialog open until the answer is
    carried out: a refusal keeps the dialog, with the reason and with everything that was typed.
    """

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog:ansi { background: ansi_default; }
    Dialog > #box {
        width: 80; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: solid $edge; padding: 0 0 0 1;
    }
    Dialog.-ascii > #box { border: ascii $edge; }
    Dialog #head { height: 1; margin: 0 1 1 0; }
    Dialog #title { width: 1fr; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Dialog #aside { width: auto; height: 1; padding-left: 1; }
    Dialog #body, Dialog TextArea {
        scrollbar-color: $edge; scrollbar-color-hover: $faint; scrollbar-color-active: $faint;
        scrollbar-background: $surface; scrollbar-background-hover: $surface; scrollbar-background-active: $surface;
    }
    Dialog #body { height: auto; scrollbar-size: 0 1; scrollbar-gutter: stable; }
    Dialog #above, Dialog #below { height: auto; margin-right: 1; }
    Dialog #said { height: auto; margin: 1 1 0 0; display: none; }
    Dialog #choices { height: 1; margin: 1 1 0 0; }
    Dialog #choices > #hint { width: 1fr; height: 1; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "cancel", show=False),
        Binding("right,down", "app.focus_next", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("pagedown", "scroll(1)", show=False),
        Binding("pageup", "scroll(-1)", show=False),
        Binding("question_mark", "help", show=False),
        *bindings((ACCEPT, HELP)),
    ]
    AUTO_FOCUS = ""
    width = 80

    class HelpAsked(Message):
        """Sent to the application, which shows these lines on a page of their own."""

        def __init__(self, text_styles: TextStyles, title: str, lines: Callable[[int], list[Content]]) -> None:
            super().__init__()
            self.text_styles, self.title, self.lines = text_styles, title, lines

    def __init__(self, text_styles: TextStyles, title: str, *, mark: Content | None = None) -> None:
        super().__init__()
        self.text_styles = text_styles
        self._title, self._mark = title, mark or Content("")
        self._busy = self._carried_out = False
        self._open_draft: OpenDraft | None = None
        self._follows_focus = False
        self._answers: asyncio.Queue[T | None] | None = None
        self.set_class(text_styles.ascii, "-ascii")

    # What a dialog says

    @abstractmethod
    def body(self) -> Iterable[Widget]:
        """The widgets between the title and the choices."""

    def above(self) -> Iterable[Widget]:
        """What stays in view above the body: nothing, unless it sums the body up."""
        return ()

    def below(self) -> Iterable[Widget]:
        """What stays in view below the body, however long that is: nothing, unless something has to be typed there."""
        return ()

    border_rows = 2
    """Rows that the frame of the box takes."""
    draft_name = ""
    """Under this name the application keeps what was typed when the dialog is left; empty: nothing is kept."""
    adds_to_draft = False
    """Whether the fields open with something that is added to the draft."""
    accept_words = "OK"
    leave_words = "Cancel"
    hint = ""
    """Keys that do the same as the choices; `{yes}` stands for the key that says yes, and so on for others of the
    registry."""

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            with Horizontal(id="head"):
                yield Static(self.text_styles.ink(self._title, STRONG), id="title", markup=False)
                yield Static(self._mark, id="aside", markup=False)
            with Vertical(id="above"):
                yield from self.above()
            with Body(id="body"):
                yield from self.body()
            with Vertical(id="below"):
                yield from self.below()
            yield Said("", id="said", markup=False)
            with Horizontal(id="choices"):
                yield InlineButton(self.leave_words, id="leave")
                yield KeyLine(id="hint")
                if self.accept_words:
                    yield InlineButton(self.text_styles.clean(self.accept_words), id="accept")

    def on_mount(self) -> None:
        self._open_draft = OpenDraft(self, self.draft_name, adds=self.adds_to_draft)
        if self._open_draft.is_restored:
            self.say("A draft of yours, kept when this was left. Delete it to begin anew.", FAINT)
        self.hint_at(self.hint)
        self._fit()
        self.set_focus(
            self.first_focus(), scroll_visible=False
        )  # at once: a fast hand types on before the next message is handled

    def first_focus(self) -> Widget:
        """What has the focus at first: Cancel, unless there is something to fill in."""
        return self.query_one("#leave", InlineButton)

    def set_focus(self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False) -> None:
        self._follows_focus = scroll_visible
        super().set_focus(widget, scroll_visible, from_app_focus)

    def on_body_layout_changed(self, message: Body.LayoutChanged) -> None:
        """Keep the focus in view: Textual scrolls once, and perhaps before a field that just appeared has its place."""
        message.stop()
        if self._follows_focus and self.focused is not None and not self.can_view_entire(self.focused):
            self.scroll_to_center(self.focused, animate=False)

    def on_body_typed(self, message: Body.Typed) -> None:
        """Nobody types blind, however small the terminal is."""
        if self.is_changed and message.field is self.focused:
            self.query_one(Body).show_cursor(message.field)

    # What was typed before

    class DraftKept(Message):
        """Sent to the application when the dialog was left with something typed."""

    @property
    def is_changed(self) -> bool:
        """Whether something else stands in the fields than when the dialog opened."""
        return self._open_draft is not None and self._open_draft.is_changed

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close the dialog. What was typed is kept, unless it was carried out."""
        if self._open_draft is not None:
            if self._carried_out:
                self._open_draft.forget()
            elif self._open_draft.keep() and result is None:
                self.app.post_message(self.DraftKept())
        return super().dismiss(result)

    # What is typed beside a field

    letters_go_to_field = True
    """Whether a letter that is typed while a choice has the focus goes into the field; else it goes nowhere."""
    grace_s = GRACE_S
    """Seconds in which the Enter that opened the dialog may be pressed twice and is not heard."""

    def focus_field(self) -> bool:
        """Give the focus to the field; False where there is none."""
        field = next_text_field(self)
        if field is not None:
            self.set_focus(field)
        return field is not None

    def on_key(self, event: events.Key) -> None:
        """A letter that what has the focus does not take goes into the field, and never does what a key of a button
        does."""
        if not event.is_printable or event.character == " " or isinstance(self.focused, Input | TextArea):
            return
        field = next_text_field(self)
        if field is None or self._is_declared(event.key):
            return
        event.stop()
        event.prevent_default()
        if self.letters_go_to_field:
            self.set_focus(field)
            type_into(field, event.character or "")

    def _is_declared(self, key: str) -> bool:
        """Whether a key of this dialog does something although there is a field."""
        active = self.active_bindings.get(key)
        return active is not None and active.enabled and active.node is self

    def on_resize(self) -> None:
        if self.query("#hint"):  # the parts of a dialog that is left go before it does
            self.resized()

    def resized(self) -> None:
        """Make for this size what depends on it."""
        self.hint_at(self.hint)
        self._fit()

    def on_said_resized(self, message: Said.Resized) -> None:
        message.stop()
        self._fit()

    def hint_at(self, words: str) -> None:
        """Show these keys beside the choices, and help where there is room for it."""
        self.hint = words
        room = self.room - len(self.leave_words) - (len(self.accept_words) + 4 if self.accept_words else 0) - 6
        self.query_one("#hint", KeyLine).show_keys(hint_line(self, words, room, self.text_styles))

    def action_help(self) -> None:
        """What can be done here: with the keys of this dialog, and with what has the focus."""
        now, moving = there(self, DIALOG), self._moves()
        self.post_message(
            self.HelpAsked(self.text_styles, self._title, lambda width: key_lines(now, moving, width, self.text_styles))
        )

    def _moves(self) -> list[tuple[str, str]]:
        scrolls = self.query_one("#body", VerticalScroll).max_scroll_y > 0
        return moves(self.focused, self.leave_words, self.text_styles, scrolls=scrolls)

    blank_rows = 1
    """Blank lines below the title, above the choices and above what is said."""

    def _fit(self) -> None:
        """The body scrolls once the box would not fit."""
        said = self.query_one("#said", Static)
        extra = (said.size.height or 1) + self.blank_rows if said.display else 0
        extra += self.query_one("#above").size.height + self.query_one("#below").size.height
        self.query_one("#body", VerticalScroll).styles.max_height = max(
            self.app.size.height - 2 - self.border_rows - 2 * self.blank_rows - extra, self.blank_rows
        )

    @property
    def room(self) -> int:
        """Cells of a line in the body."""
        return min(self.width, self.app.size.width) - 4

    # What it does

    def on_inline_button_pressed(self, message: InlineButton.Pressed) -> None:
        message.stop()
        if message.choice.id == "leave":
            self.action_leave()
        elif message.choice.id == "accept":
            self.action_accept()

    def action_leave(self) -> None:
        if not self._busy:
            self.dismiss(None)

    def action_accept(self) -> None:
        """What the second choice does."""

    def action_scroll(self, way: int) -> None:
        """What does not fit into the box comes into view, whatever has the focus."""
        body = self.query_one("#body", VerticalScroll)
        body.scroll_relative(y=way * max(body.size.height - 1, 1), animate=False)

    def action_yes(self) -> None:
        """What `y` does, in a dialog that hears it."""
        self.action_accept()

    doing = "Writing"
    """Said while an answer is carried out."""

    def answer(self, answer: T) -> None:
        """Give the answer to the caller."""
        if self._answers is None:
            self.dismiss(answer)
        elif not self._busy:
            self._busy = True
            self._answers.put_nowait(answer)

    async def answers(self, app: App[Any]) -> AsyncIterator[T]:
        """Show the dialog and yield each answer until the dialog is closed. Runs in a worker, which carries answers
        out."""
        answers: asyncio.Queue[T | None] = asyncio.Queue()
        self._answers = answers
        app.push_screen(self, lambda _: answers.put_nowait(None))
        while (answer := await answers.get()) is not None:
            yield answer

    async def carry_out(self, work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Do the work beside the loop, then close the dialog. False when it was refused, or the dialog left
        meanwhile."""
        self.say(f"{self.doing} {self.text_styles.signs.more}", FAINT)
        refusal = ""
        try:
            await in_background(f"dialog {self.doing}", work, *args, **kwargs)
        except WorkFailed as error:
            refusal = str(error)
        if self not in self.app.screen_stack:
            return False
        if refusal:
            self.complain(refusal)
        else:
            self.listen()
            self._carried_out = True
            self.dismiss(None)
        return not refusal

    @property
    def writing(self) -> bool:
        """Whether an answer is being carried out; no key is heard meanwhile."""
        return self._busy

    def listen(self) -> None:
        """Take answers again."""
        self._busy = False

    def complain(self, sentence: str) -> None:
        """Say why not, and take answers again."""
        self.listen()
        self.say(f"{self.text_styles.signs.wrong} {sentence}", WRONG)

    def say(self, text: str, style: str) -> None:
        """One sentence above the choices."""
        said = self.query_one("#said", Static)
        said.display = bool(text)
        said.update(self.text_styles.ink(text, style))
        self.call_after_refresh(self._fit)
