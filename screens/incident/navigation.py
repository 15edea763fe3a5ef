"""What only shows something on the incident screen: pages, panes, movement. A method for each key, under its name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from midwatch.runbook.model import Step
from screens.dialogs.handoff import summary_lines
from screens.incident.absence import Absence
from screens.incident.copying import Copying
from screens.incident.layout import PANES
from screens.pages.help import help_page
from screens.pages.incident_list import IncidentsPage, summaries
from screens.pages.messages import MessagesPage
from screens.pages.output import OutputScreen
from screens.pages.page import Page
from screens.pages.panels import PanelsPage
from screens.pages.timeline import TimelineScreen
from screens.widgets.background import WorkFailed, in_background, start_work
from screens.widgets.filter_line import FilterLine
from screens.widgets.output_view import OutputView
from screens.widgets.step_page import step_lines

if TYPE_CHECKING:
    from screens.incident.screen import IncidentScreen


class Navigation:
    """Nothing here changes the incident."""

    def __init__(self, screen: IncidentScreen) -> None:
        self._screen, self._session, self._text_styles = screen, screen.session, screen.text_styles
        self._copying = Copying(screen)

    def output(self) -> OutputScreen | None:
        step = self._screen.shown_attempt()
        if step is None or self._session.attempt_folder(step.id) is None:
            return None
        screen = OutputScreen(self._text_styles, self._session, step)
        self._screen.app.push_screen(screen)
        return screen

    def find(self) -> None:
        """Filter the checklist; with the focus in the output, search that."""
        if self._screen.focused is not self._screen.query_one("#output"):
            self._screen.panes.show_checklist(True)
            self._screen.query_one("#filter", FilterLine).open(self._screen.checklist.term)
        elif (screen := self.output()) is not None:
            screen.call_after_refresh(screen.action_find)

    def detail(self) -> None:
        if step := self._screen.step:
            phase = self._session.runbook.phase_of(step.id)
            lines = partial(self._detail, step)
            self._screen.app.push_screen(Page(self._text_styles, f"{phase.section} {phase.title}".strip(), lines))

    def _detail(self, step: Step, width: int) -> list[Content]:
        return step_lines(self._screen.panes.parts(step, whole=True), width, self._text_styles)

    def timeline(self) -> None:
        self._screen.app.push_screen(TimelineScreen(self._text_styles, self._session))

    def messages(self) -> None:
        self._screen.app.push_screen(MessagesPage(self._text_styles, self._session))

    def panels(self) -> None:
        self._screen.app.push_screen(PanelsPage(self._text_styles, lambda: self._screen.panels, self._session.clock))

    def since(self) -> None:
        """What happened while nobody looked."""
        absence, styles = self._screen.absence, self._text_styles
        if absence.since is None:
            self._screen.notice("You have not looked away")
            return
        title = f"Since you looked away at {absence.since:%H:%M} UTC"
        self._screen.app.push_screen(Page(styles, title, partial(self._since, absence)))

    def _since(self, absence: Absence, width: int) -> list[Content]:
        lines = summary_lines(absence.sections(), width, self._text_styles)
        return lines or [self._text_styles.ink("Nothing happened.")]

    async def copy_command(self) -> None:
        if step := self._screen.step:
            await self._copying.command(step)

    async def copy_path(self) -> None:
        await self._copying.path()

    async def copy_update(self) -> None:
        await self._copying.update()

    async def incidents(self) -> None:
        try:
            found = await in_background("incidents", summaries, self._session.folder.path.parent.parent)
        except WorkFailed as failed:
            self._screen.notice(str(failed))
            return
        page = IncidentsPage(self._text_styles, found, self._session.incident.id, self._open)
        self._screen.app.push_screen(page)

    def _open(self, incident_id: str) -> None:
        if self._screen.rehearsal is not None:
            self._screen.app.pop_screen()
            self._screen.notice("Leaving a rehearsal deletes it: leave it first, then open the other one")
        else:
            start_work(self._screen, self._screen.commands.leave, incident_id)

    def pause(self) -> None:
        """Stop following the output, or follow again."""
        self._screen.query_one("#output", OutputView).pause()
        self._screen.redraw()

    def zoom(self) -> None:
        """The pane with the focus on the whole screen, and back; a small terminal has one pane at a time anyway."""
        panes, focused = self._screen.panes, self._screen.focused
        if self._screen.has_class("-tiny"):
            panes.show_checklist(not panes.in_checklist)
            return
        pane = focused.id if focused is not None and focused.id in PANES else ""
        panes.zoomed = "" if panes.zoomed else pane or PANES[0]
        panes.shape()
        self._screen.call_after_refresh(self._screen.redraw)

    def back(self) -> None:
        """Out of the filter, the zoom or the pane: to the checklist, as it is without them."""
        panes, checklist = self._screen.panes, self._screen.checklist
        if checklist.term:
            checklist.filter("")
        elif panes.zoomed:
            self.zoom()
        elif panes.in_checklist:
            panes.show_checklist(False)
        elif not checklist.has_focus:
            checklist.focus()

    def down(self) -> None:
        self._move("action_move", "action_scroll_down", 1)

    def up(self) -> None:
        self._move("action_move", "action_scroll_up", -1)

    def top(self) -> None:
        self._move("action_ends", "action_scroll_home", 0)

    def bottom(self) -> None:
        self._move("action_ends", "action_scroll_end", -1)

    def _move(self, in_checklist: str, elsewhere: str, way: int) -> None:
        """Move in the pane that has the focus: the cursor of the checklist, the lines of the others."""
        focused = self._screen.focused
        if focused is None or focused is self._screen.checklist:
            getattr(self._screen.checklist, in_checklist)(way)
        else:
            getattr(focused, elsewhere)()

    def to_next(self) -> None:
        self._screen.follow_next()

    def other_run(self) -> None:
        """The next of the steps that run."""
        step, running = self._screen.step, [state.id for state in self._session.incident.running()]
        if running:
            at = running.index(step.id) + 1 if step and step.id in running else 0
            self._screen.go_to(running[at % len(running)], following=False)

    async def settings(self) -> None:
        await self._screen.app.run_action("app.settings")

    def help(self) -> None:
        driving = self._session.driving
        focused = self._screen.focused
        focus = focused.id if focused is not None and focused.id in PANES else PANES[0]
        self._screen.app.push_screen(help_page(self._text_styles, self._screen.keymap, driving=driving, focus=focus))
