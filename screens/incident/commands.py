"""What the operator may decide on the incident screen: a method for each key of the registry, under the key's name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from midwatch.engine.policy import can_check_need
from midwatch.engine.step_selection import steps_to_undo
from midwatch.engine.workflow import ActionKind, is_batch
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.model import StepKind
from midwatch.runbook.severity import Severity
from screens.dialogs.cancel import CancelStep
from screens.dialogs.close_incident import CloseIncident
from screens.dialogs.compose import compose_message
from screens.dialogs.leave import Leave
from screens.dialogs.mark_done import mark_done
from screens.dialogs.note import write_note
from screens.dialogs.notify import notify_form
from screens.dialogs.palette import Palette
from screens.dialogs.reason import abandon_form, adopt_form
from screens.dialogs.severity import severity_form
from screens.incident.collaboration import Collaboration
from screens.incident.navigation import Navigation
from screens.incident.primary_action import ScreenAction
from screens.incident.step_runner import StepRunner
from screens.keys.incident_keys import BY_ID, KEYS, MOVE
from screens.widgets.background import WorkFailed, in_background, start_work, writing
from screens.widgets.styles import WRONG

if TYPE_CHECKING:
    from screens.incident.screen import IncidentScreen


class Commands:
    """Which keys do something now, and what they do."""

    def __init__(self, screen: IncidentScreen, runner: StepRunner, collaboration: Collaboration) -> None:
        self._screen, self._session, self._text_styles = screen, screen.session, screen.text_styles
        self._plans, self._runner, self._collaboration = screen.plan_cache, runner, collaboration
        self._navigation = Navigation(screen)
        self.logout_warning = ""
        """Why what runs would not outlive a logout; empty when it would."""
        self._freeze_words = ""

    def press(self, name: str) -> None:
        """Do what the key of this name does; what waits for an answer goes on in a worker."""
        command = getattr(self if hasattr(self, name) else self._navigation, name)
        if inspect.iscoroutinefunction(command):
            start_work(self._screen, command)
        else:
            command()

    # What may be done now

    def may(self, name: str) -> bool:
        """Whether the key of this name does something now."""
        step, incident = self._screen.step, self._session.incident
        key, driving = BY_ID.get(name), self._session.driving
        if key is not None and key.writes and not (incident.open and key.is_there(driving=driving)):
            return False
        status = incident.status(step) if step else None
        manual = step is not None and step.kind is StepKind.MANUAL
        waits, is_loop = status is not None and status.waits, step is not None and step.loop is not None
        special: dict[str, Callable[[], bool]] = {
            "cancel_step": lambda: status is StepStatus.RUNNING or (step is not None and is_batch(self._session, step)),
            "plan_again": lambda: waits and not manual,
            "observe": lambda: self._runner.can_observe(self._screen.checklist.phase),
            "skip": lambda: waits,
            "fail": lambda: manual and status in (StepStatus.TODO, StepStatus.PROVE_AGAIN) and not is_loop,
            "undo": lambda: (
                step is not None and bool(steps_to_undo(step, incident)) and self._plans.undoable(step) is True
            ),
            "check_outcome": lambda: (
                step is not None
                and not is_loop
                and ((status is StepStatus.UNKNOWN and step.kind is StepKind.USES) or can_check_need(step, incident))
            ),
            "start_here": lambda: step is not None and waits and bool(self._runner.passed_over(step)),
            "manually": lambda: not manual and not is_loop and status in (StepStatus.FAILED, StepStatus.UNKNOWN),
            "again": lambda: (
                not is_loop
                and (
                    status in (StepStatus.DONE, StepStatus.SKIPPED, StepStatus.NOT_NEEDED, StepStatus.UNDECIDED)
                    or (manual and status is StepStatus.FAILED)
                )
            ),
            "control": lambda: incident.open and not self._session.driving,
            "approve": lambda: not self._session.driving and bool(self._session.pending_steps()),
            "notify_people": lambda: bool(self._session.runbook.roles),
            "update": lambda: incident.open,
            "messages": lambda: bool(incident.deliveries),
            "send_update": lambda: self._session.composer.can_send_due_draft,
            "detail": lambda: step is not None,
            "copy_command": lambda: step is not None,
            "output": lambda: self._screen.shown_attempt() is not None,
            "other_run": lambda: any(step is None or state.id != step.id for state in incident.running()),
            "pause": lambda: self._screen.shown_attempt() is not None,
        }
        return special.get(name, lambda: True)()

    # The step under the cursor

    async def go(self) -> None:
        """The next sensible thing."""
        if not self._screen.is_enter_meant():
            return
        step, found = self._screen.step, self._screen.next_action()
        if found.action is ActionKind.GO_TO:
            needed = step is not None and bool(self._session.incident.unmet_needs(step, self._session.runbook))
            self._screen.go_to(found.step, following=not needed)
        elif found.action is ScreenAction.FOLD:
            self._screen.checklist.action_fold(not self._screen.checklist.phase_open)
        elif found.action is ActionKind.CLOSE:
            await self.closure()
        elif found.action is ActionKind.TIMELINE:
            self._navigation.timeline()
        elif found.action is ActionKind.OUTPUT:
            self._navigation.output()
        elif found.action is ActionKind.TERMINAL and step is not None:
            self._runner.sit_at(step)
        elif found.action is ScreenAction.PLAN:
            self.plan_again()
        elif found.action is ActionKind.CHECK_NEED and step is not None:
            await self._runner.check_need(step)
        elif found.action is ActionKind.CHECK_OUTCOME:
            await self.check_outcome()
        elif found.action is ActionKind.RUN and step is not None:
            await self._runner.run(step)
        elif found.action is ActionKind.MARK_DONE and step is not None:
            if await mark_done(self._screen.app, self._text_styles, self._session, step):
                self._screen.follow_next()
        elif found.action is ActionKind.DECIDE_NEED and step is not None:
            words = f"{self._session.incident.condition(step).reason}. If it is not needed, skip it instead."
            await self._runner.decide(step, "Needed:", "Why is it needed?", words, "Needed", self._session.reopen)

    async def cancel_step(self) -> None:
        if step := self._screen.step:
            dialog = CancelStep(self._text_styles, self._session.runbook, step)
            async for _ in dialog.answers(self._screen.app):
                await dialog.carry_out(self._session.cancel, step.id)

    def plan_again(self) -> None:
        if step := self._screen.step:
            self._plans.forget(step.id)
            self._plans.make_plan(step.id)

    async def observe(self) -> None:
        await self._runner.observe(self._screen.checklist.phase)

    async def skip(self) -> None:
        if step := self._screen.step:
            words = "It stays undone, and the timeline says why. It can be done later: r."
            await self._runner.decide(step, "Skip", "Why is it skipped?", words, "Skip", self._session.skip)

    async def fail(self) -> None:
        if step := self._screen.step:
            words = step.on_failure.advice or "It counts as failed until somebody decides what to do instead."
            await self._runner.decide(step, "Failed:", "What went wrong?", words, "Failed", self._session.mark_failed)

    async def manually(self) -> None:
        if step := self._screen.step:
            words = "What Midwatch could not do, you did."
            await self._runner.decide(step, "Manually:", "How was it done?", words, "Done", self._mark_done)

    def _mark_done(self, step_id: str, note: str) -> None:
        self._session.mark_done(step_id, note=note)

    async def again(self) -> None:
        """A concluded step again: a manual one is opened again; one that a machine does is planned, then run with a
        reason."""
        step = self._screen.step
        if step is not None and step.kind is StepKind.MANUAL:
            words = "What it did before stays in the timeline."
            await self._runner.decide(step, "Again:", "Why again?", words, "Open again", self._session.reopen)
        elif step is not None:
            self._plans.forget(step.id)
            await self._runner.run(step)

    async def undo(self) -> None:
        if step := self._screen.step:
            await self._runner.run(step, undo=True)

    async def check_outcome(self) -> None:
        if step := self._screen.step:
            if self._session.incident.status(step) is StepStatus.UNKNOWN:
                await self._runner.check_outcome(step)
            else:
                await self._runner.check_need(step)

    async def start_here(self) -> None:
        if step := self._screen.step:
            await self._runner.start_here(step)

    # Other people

    async def approve(self) -> None:
        await self._collaboration.approve()

    async def control(self) -> None:
        await self._collaboration.take_control()

    async def handoff(self) -> None:
        await self._collaboration.hand_over()

    # The incident

    async def note(self) -> None:
        await write_note(self._screen.app, self._text_styles, self._session)

    async def update(self) -> None:
        if said := await compose_message(self._screen.app, self._text_styles, self._session):
            copies = f"; {self._screen.panes.key_name('copy_update')} copies it for the channel"
            self._screen.notice(said + (copies if said == "Recorded" else ""))

    async def send_update(self) -> None:
        """Send the draft of the status update that is due, as it is."""
        try:
            sent = await in_background("start update", self._session.composer.send_due_draft)
        except WorkFailed as failed:
            self._screen.notice(str(failed), WRONG)
        else:
            self._screen.notice(f"Queued for {'; '.join(sent.receivers)}: {sent.text.splitlines()[0]}")

    async def notify_people(self) -> None:
        form = notify_form(self._text_styles, self._session.runbook, self._session.incident)
        async for values in form.answers(self._screen.app):
            await form.carry_out(self._session.record_notification, values["role"], values["message"])

    async def severity(self) -> None:
        form = severity_form(self._text_styles, self._session.incident.severity)
        async for values in form.answers(self._screen.app):
            await form.carry_out(self._session.set_severity, Severity(values["severity"]), values["reason"])

    async def closure(self) -> None:
        dialog = CloseIncident(self._text_styles, self._session)
        async for reason in dialog.answers(self._screen.app):
            if await dialog.carry_out(self._end, self._session.close, reason) and self._freeze_words:
                self._screen.notice(self._freeze_words)

    def _end(self, end: Callable[..., str], reason: str) -> None:
        self._freeze_words = end(reason=reason)

    async def adopt(self) -> None:
        difference = await in_background("adopt", self._session.edited_source)
        if difference is None:
            self._screen.notice("There is no edited runbook to adopt; midwatch adopt says why")
            return
        form = adopt_form(self._text_styles, difference.lines)
        async for values in form.answers(self._screen.app):
            await form.carry_out(self._session.adopt, difference, values["reason"])
            self._plans.forget_all()

    async def abandon(self) -> None:
        form = abandon_form(self._text_styles)
        async for values in form.answers(self._screen.app):
            if await form.carry_out(self._end, self._session.abandon, values["reason"]) and self._freeze_words:
                self._screen.notice(self._freeze_words)

    # Leaving, and the palette

    async def palette(self) -> None:
        keys = [key for key in KEYS if key.id != "palette" and key.group != MOVE and self.may(key.id)]
        if chosen := await self._screen.app.push_screen_wait(Palette(self._text_styles, keys, self._screen.keymap)):
            while not self._screen.is_on_top:  # it was opened from a page
                await self._screen.app.pop_screen()
            self.press(chosen)

    async def leave(self, following: str = "") -> None:
        """Ask whether to leave, and leave; `following` is the id of the incident that is opened next."""
        dialog = Leave(self._text_styles, self._session, self.logout_warning, self._screen.rehearsal)
        if not await self._screen.app.push_screen_wait(dialog):
            return
        if writing():
            self._screen.notice("One moment: a step is being started")
        else:
            self._screen.post_message(self._screen.Left(following))
