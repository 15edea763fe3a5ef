"""A box over the screen: says one thing, asks one thing, and leaves by Esc without having done anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from screens.widgets.aside import aside
from screens.widgets.beneath import Beneath
from screens.widgets.choice import Choice
from screens.widgets.pen import FAINT, STRONG, WRONG, Pen


class Dialog(Beneath[bool], ModalScreen[bool]):
    """Base of dialogs. Its result is True when what it asks for was done.

    What is refused leaves the dialog open, with the reason and with everything that was typed.
    """

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog:ansi { background: ansi_default; }
    Dialog > #box {
        width: 80; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: solid $edge; padding: 0 1;
    }
    Dialog.-ascii > #box { border: ascii $edge; }
    Dialog #head { height: 1; margin-bottom: 1; }
    Dialog #title { width: 1fr; height: 1; }
    Dialog #aside { width: auto; height: 1; }
    Dialog #body, Dialog TextArea {
        scrollbar-color: $edge; scrollbar-color-hover: $faint; scrollbar-color-active: $faint;
        scrollbar-background: $surface; scrollbar-background-hover: $surface; scrollbar-background-active: $surface;
    }
    Dialog #body { height: auto; scrollbar-size: 1 1; }
    Dialog #said { height: auto; margin-top: 1; display: none; }
    Dialog #choices { height: 1; margin-top: 1; }
    Dialog #choices > #hint { width: 1fr; height: 1; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "cancel", show=False),
        Binding("right,down", "app.focus_next", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("ctrl+s", "accept", show=False, priority=True),
    ]
    AUTO_FOCUS = ""
    width = 80

    class Rested(Message):
        """Sent to the application when a dialog has done what it does, or refuses to; keys typed ahead wait for it."""

        def __init__(self, *, refused: bool) -> None:
            super().__init__()
            self.refused = refused

    def __init__(self, pen: Pen, title: str, *, mark: Content | None = None) -> None:
        super().__init__()
        self.pen = pen
        self._title, self._mark = title, mark or Content("")
        self._busy = False
        self.set_class(pen.ascii, "-ascii")

    # What a dialog says

    def body(self) -> Iterable[Widget]:
        """The widgets between the title and the choices."""
        raise NotImplementedError

    accept_words = "OK"
    leave_words = "Cancel"
    hint = ""
    """Keys that do the same as the choices."""

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            with Horizontal(id="head"):
                yield Static(self.pen.ink(self._title, STRONG), id="title", markup=False)
                yield Static(self._mark, id="aside", markup=False)
            with VerticalScroll(id="body", can_focus=False):
                yield from self.body()
            yield Static("", id="said", markup=False)
            with Horizontal(id="choices"):
                yield Choice(self.leave_words, id="leave")
                yield Static(self.pen.ink(self.hint, FAINT), id="hint", markup=False)
                if self.accept_words:
                    yield Choice(self.pen.clean(self.accept_words), id="accept")

    def on_mount(self) -> None:
        self._fit()
        self.set_focus(
            self.first_focus(), scroll_visible=False
        )  # at once: a fast hand types on before the next message is handled

    def first_focus(self) -> Widget:
        """What has the focus at first: Cancel, unless there is something to fill in."""
        return self.query_one("#leave", Choice)

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """The body scrolls once the box would not fit."""
        said = self.query_one("#said", Static)
        extra = (said.size.height or 1) + 1 if said.display else 0
        self.query_one("#body", VerticalScroll).styles.max_height = max(self.app.size.height - 6 - extra, 2)

    @property
    def room(self) -> int:
        """Cells of a line in the body."""
        return min(self.width, self.app.size.width) - 5

    # What it does

    def on_choice_pressed(self, message: Choice.Pressed) -> None:
        message.stop()
        if message.choice.id == "leave":
            self.action_leave()
        elif message.choice.id == "accept":
            self.action_accept()

    def action_leave(self) -> None:
        if not self._busy:
            self.dismiss(False)

    def action_accept(self) -> None:
        """What the second choice does."""

    def perform(self, work: Callable[[], object], doing: str) -> None:
        """Do it beside the loop, then leave; stay open with one sentence when it is refused."""
        if self._busy:
            return
        self._busy = True
        self.say(doing, FAINT)
        aside(self, work, lambda _: self._performed(), self.complain, name=f"dialog {doing}")

    @property
    def writing(self) -> bool:
        """Whether it does what it was told to, and hears no key meanwhile."""
        return self._busy

    def _performed(self) -> None:
        self._busy = False
        self.dismiss(True)
        self.app.post_message(self.Rested(refused=False))

    def complain(self, sentence: str) -> None:
        """Say why not, and let it be tried again."""
        self._busy = False
        self.app.post_message(self.Rested(refused=True))
        self.say(f"{self.pen.signs.person} {sentence}", WRONG)

    def say(self, text: str, style: str) -> None:
        """One sentence above the choices."""
        said = self.query_one("#said", Static)
        said.display = bool(text)
        said.update(self.pen.ink(text, style))
        self.call_after_refresh(self._fit)
