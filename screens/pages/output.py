"""A step's output on the whole screen: follow, pause, search, times, wrapped lines, copies, the operator's pager."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input

from midwatch.engine.incident_protocols import IncidentControls
from midwatch.incident.step_status import StepStatus
from midwatch.output.progress import PACE, RateMeter, advance
from midwatch.runbook.model import Step
from midwatch.supervisor.progress import read_progress
from midwatch.system.errors import MidwatchError
from screens.keys.keymaps import OUTPUT
from screens.pages.output_export import clipboard_text, copied_file, show_in_pager
from screens.pages.output_search import Hit, find_line, first_error
from screens.pages.page import Page
from screens.widgets.background import WorkFailed, in_background, start_work
from screens.widgets.base_screen import BaseScreen
from screens.widgets.key_bindings import bindings, footer, key_lines, there
from screens.widgets.key_line import KeyLine
from screens.widgets.line_input import LineInput
from screens.widgets.output_view import OutputView
from screens.widgets.progress_lines import progress_lines
from screens.widgets.status_line import StatusLine
from screens.widgets.styles import CHOSEN, SOON, STATE_STYLES, STRONG, TextStyles
from screens.widgets.text_layout import edges, fit
from screens.widgets.time_labels import span


class OutputScreen(BaseScreen[None]):
    """`/` searches, `n` and `N` go on; Space stops following and takes it up again."""

    DEFAULT_CSS = """
    OutputScreen #top, OutputScreen #progress { dock: top; background: $surface; padding: 0 1; }
    OutputScreen #progress { display: none; margin-top: 1; }
    OutputScreen #bottom { dock: bottom; background: $surface; padding: 0 1; }
    OutputScreen #find { dock: bottom; display: none; }
    OutputScreen #find.-open { display: block; }
    OutputScreen #output { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,o", "leave", show=False),
        Binding("f1", "help", show=False),
        *bindings(OUTPUT),
    ]

    def __init__(self, text_styles: TextStyles, session: IncidentControls, step: Step) -> None:
        super().__init__()
        self.text_styles, self._desk, self._step = text_styles, session, step
        self._term, self._said = "", ""
        self._searching, self._flow, self._pace = False, RateMeter(), RateMeter(PACE)

    def compose(self) -> ComposeResult:
        yield StatusLine(id="top")
        yield StatusLine(id="progress")
        yield OutputView(self.text_styles, id="output")
        yield LineInput(id="find", placeholder="find")
        yield KeyLine(id="bottom")

    def on_mount(self) -> None:
        self._follow()
        self.view.focus()
        self.set_interval(0.5, self.draw)
        self.call_after_refresh(self.draw)

    @property
    def view(self) -> OutputView:
        return self.query_one("#output", OutputView)

    def _follow(self) -> None:
        state, folder = self._desk.incident.steps.get(self._step.id), self._desk.attempt_folder(self._step.id)
        if folder is not None and state is not None and state.last is not None:
            self.view.follow(folder.output, folder.timing, state.last.started_at or state.last.confirmed_at)

    # What is shown

    def draw(self) -> None:
        """Title and figures, how far it is, what was found, and the keys."""
        width = max(self.app.size.width - 2, 1)
        status = self._desk.incident.status(self._step)
        title = Content.assemble(
            self.text_styles.ink(f"{self._step.number} {self._step.title}", STRONG),
            self.text_styles.ink(f" {self.text_styles.signs.dot} {status.value}", STATE_STYLES[status]),
        )
        grows = status is StepStatus.RUNNING
        follow = ("following" if self.view.following else "paused") if grows else ""
        figures = ", ".join(word for word in (self._figures(status), follow) if word)
        self.query_one("#top", StatusLine).show(
            edges(title, self.text_styles.ink(figures, SOON if follow == "paused" else ""), width)
        )
        self._draw_progress(status, width)
        said = fit(self.text_styles.clean(self._said), width // 2, self.text_styles)
        line = footer(self, OUTPUT, self.text_styles.ink(said, CHOSEN), width, self.text_styles)
        self.query_one("#bottom", KeyLine).show_keys(line)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether it does something now."""
        if not self.is_mounted:
            return True
        running = [state.id for state in self._desk.incident.running()]
        works: dict[str, Callable[[], bool]] = {
            "again": lambda: bool(self._term),
            "pause": lambda: self._step.id in running,
            "palette": lambda: self.commands_below() is not None,
            "other_run": lambda: any(step != self._step.id for step in running),
        }
        return works.get(action, lambda: True)()

    def _figures(self, status: StepStatus) -> str:
        output_index, state = self.view.output_index, self._desk.incident.steps.get(self._step.id)
        if output_index is None or state is None or state.last is None:
            return "nothing yet"
        self._flow.take(output_index.path, time.monotonic(), output_index.bytes)
        count = output_index.line_count
        lines = f"{count:,}".replace(",", " " if count > 9999 else "") + (" line" if count == 1 else " lines")
        words = f"{lines}, {self._flow.words(output_index.bytes, under_way=status is StepStatus.RUNNING)}"
        return f"{span(self._seconds())}, {words}"

    def _seconds(self) -> float:
        state = self._desk.incident.steps.get(self._step.id)
        last = state.last if state else None
        if last is None:
            return 0.0
        return (
            last.seconds
            if last.seconds is not None
            else last.runs_for(self._desk.incident.elapsed_now(self._desk.clock))
        )

    def _draw_progress(self, status: StepStatus, width: int) -> None:
        line, folder = self.query_one("#progress", StatusLine), self._desk.attempt_folder(self._step.id)
        told = read_progress(folder.progress) if folder is not None and status is StepStatus.RUNNING else None
        line.display = told is not None
        if told is not None and folder is not None:
            how_far = advance(told, self._pace, folder.progress, time.monotonic())
            words = ", ".join(how_far.words())
            lines = progress_lines(how_far, max(width - len(words) - 2, 20), self.text_styles)
            line.show(edges(lines[0], lines[-1] if len(lines) > 1 else Content(""), width))

    def _say(self, text: str) -> None:
        self._said = text
        self.draw()

    # Keys

    def action_help(self) -> None:
        now = there(self, OUTPUT)
        moves = (
            ("PgUp PgDn", "A page up, a page down"),
            ("← →", "Sideways"),
            ("Esc", "Back to the incident"),
        )
        self.app.push_screen(
            Page(
                self.text_styles, "Output", lambda width: key_lines(now, moves, width, self.text_styles), can_help=False
            )
        )

    def action_leave(self) -> None:
        if self.query_one("#find").has_class("-open"):
            self._close_find()
        else:
            self.dismiss(None)

    def action_find(self) -> None:
        find = self.query_one("#find", Input)
        find.add_class("-open")
        find.value = self._term
        find.focus()

    def _close_find(self) -> None:
        self.query_one("#find").remove_class("-open")
        self.view.focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self._close_find()
        self._term = message.value
        self._look(int(self.view.scroll_offset.y), backwards=False)

    def action_again(self, way: int) -> None:
        at = self.view.found
        self._look(int(self.view.scroll_offset.y) if at is None else at + way, backwards=way < 0)

    def _look(self, start: int, *, backwards: bool) -> None:
        output_index = self.view.output_index
        if self._term and output_index is not None:
            self._search(partial(find_line, output_index.path, self._term, start, backwards=backwards))

    def action_first_error(self) -> None:
        output_index = self.view.output_index
        if output_index is not None and not self._searching:
            self._term = ""
            self._search(partial(first_error, output_index.path))

    def _search(self, look: Callable[[], Hit]) -> None:
        """Search beside the loop, one search at a time."""
        if not self._searching:
            self._searching = True
            self._say("searching")
            start_work(self, self._show_hit, look)

    async def _show_hit(self, look: Callable[[], Hit]) -> None:
        try:
            hit = await in_background("search", look)
        except WorkFailed:
            hit = Hit(None)
        self._searching = False
        self.view.mark(self._term, hit.line)
        self._say(hit.words(self._term))

    def action_pause(self) -> None:
        self.view.pause()
        self.draw()

    def action_times(self) -> None:
        self.view.show_times(not self.view.with_times)

    def action_wrap(self) -> None:
        self.view.wrap_lines(not self.view.wrapped)

    def action_copy(self) -> None:
        """The end into the clipboard, all of it into a file: where the terminal has no clipboard, the file is there."""
        output_index, state = self.view.output_index, self._desk.incident.steps.get(self._step.id)
        if output_index is None or state is None or state.last is None:
            return
        path, name = output_index.path, f"{self._step.number}-{self._step.id}-{state.last.number}.txt"
        target = self._desk.folder.path / "copies" / name

        self._say("copying")
        start_work(self, self._copy, path, target)

    async def _copy(self, path: Path, target: Path) -> None:
        try:
            self.app.copy_to_clipboard(await in_background("clipboard", clipboard_text, path))
            self._say(await in_background("copy", copied_file, path, target))
        except WorkFailed as failed:
            self._say(str(failed))

    def action_pager(self) -> None:
        output_index = self.view.output_index
        if output_index is None:
            return
        try:
            show_in_pager(self.app, output_index.path)
        except MidwatchError as error:
            self._say(str(error))
        self.app.refresh(layout=True)

    def action_other_run(self) -> None:
        """The next of the steps that run."""
        running = [state.id for state in self._desk.incident.running()]
        if running:
            at = running.index(self._step.id) + 1 if self._step.id in running else 0
            self._step = self._desk.runbook.step(running[at % len(running)])
            self._said = ""
            self._follow()
            self.draw()

    def action_ends(self, end: int) -> None:
        if end:
            self.view.action_scroll_end()
        else:
            self.view.action_scroll_home()

    def action_scroll(self, step: int) -> None:
        self.view.move(step)
