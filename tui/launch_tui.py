"""The front end with the screen."""

from __future__ import annotations

import gc
import locale
import os
import select
import sys
from io import BufferedReader
from typing import cast

from midwatch.control.lease import DriverState
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.rehearsal_end import RehearsalEnd
from midwatch.incident.paths import IncidentFolder
from midwatch.reports.handoff_summary import headline
from midwatch.runbook.model import Runbook
from midwatch.system.actor import current_actor, login
from midwatch.system.errors import BadInput, MidwatchError
from tui.app.settings import read_settings, settings_file
from tui.cli_context import debug_log
from tui.first_paint import first_paint
from tui.output import is_utf8_encoding, say
from tui.plain.typed_ahead import drop_typed_ahead
from tui.terminal.terminal_guard import guarded_terminal


def forget_inherited_size() -> None:
    """Remove the terminal size from the environment: it may be that of another terminal, or of an earlier moment."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


def wants_lines(*, plain: bool, instead: str) -> bool:
    """Whether plain lines are the right front end: asked for, or because no screen can be drawn here.

    Raises `BadInput` where nobody can answer, before anything is declared or built; `instead` is what works there.
    """
    if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return plain or read_settings(settings_file()).plain
    if not sys.stdin.isatty() and _nobody_answers():
        raise BadInput(
            "The screen needs a terminal, and plain lines need somebody who answers", hint=f"Without either: {instead}"
        )
    return True


def _nobody_answers() -> bool:
    """Whether the input has ended already. Looks, and never waits."""
    try:
        ready, _, _ = select.select([sys.stdin], [], [], 0)
        return bool(ready) and not cast(BufferedReader, sys.stdin.buffer).peek(1)
    except (OSError, ValueError):  # closed
        return True


def open_screen(
    controller: IncidentController, *, ascii: bool, mouse: bool, rehearsal: RehearsalEnd | None = None
) -> bool:
    """Show the incident until the operator leaves; gives control back then. Running steps go on.

    True when the operator left on purpose; False when the line was lost or a signal ended the screen.
    """
    from midwatch.incident.debug_log import leave_the_terminal

    chosen = read_settings(settings_file())
    plain = ascii or chosen.ascii or not utf8()
    try:
        controller.register_observer()
        leave_the_terminal()
        with guarded_terminal():
            with first_paint(controller, ascii=plain):
                from tui.app.app import MidwatchApp
                from tui.app.keymap_file import keys_file, read_keymap

                app = MidwatchApp(controller, ascii=plain, keymap=read_keymap(keys_file()), rehearsal=rehearsal)
            gc.freeze()  # what is loaded stays, and a search through it would hold a key up
            app.run(mouse=mouse and chosen.mouse)
        return app.left_on_purpose
    finally:
        controller.leave()


def open_front(
    controller: IncidentController, *, lines: bool, ascii: bool, mouse: bool, rehearsal: RehearsalEnd | None = None
) -> bool:
    """Work on the incident with the screen or with plain lines; as `open_screen`. `rehearsal` is given where leaving
    deletes everything."""
    with debug_log(controller):
        if lines:
            from tui.plain.front_end import talk

            return talk(controller, rehearsal)
        return open_screen(controller, ascii=ascii, mouse=mouse, rehearsal=rehearsal)


def drive_or_observe(folder: IncidentFolder, *, reason: str = "", own: Runbook | None = None) -> IncidentController:
    """Take control; where somebody drives, follow along rather than turn the engineer away.

    With a reason, whoever drives is watched first, and control is taken over when it is unresponsive; one's own
    screen at another terminal gives it up. Whoever is offered control is asked.
    """
    controller = IncidentController.observe(folder, actor=current_actor(), own=own)
    offered = controller.offered_to_me and _accepted(controller)
    if reason and not offered:
        controller.wait_for_lease_expiry(lambda text: say(f"midwatch: {text}", error=True))
    lease = controller.lease
    mine = lease.driver is not None and login(lease.driver.actor) == login(controller.actor)
    try:
        if offered or (reason and mine and lease.state is DriverState.ALIVE):
            controller.accept_control()
        elif not controller.offered_to_me:
            controller.take_control(reason)
    except MidwatchError as refused:
        say(f"midwatch: {refused} Observing.", error=True)
    return controller


def _accepted(controller: IncidentController) -> bool:
    """Show how the incident stands to whoever is offered control, and ask."""
    offer = controller.offer
    assert offer is not None
    for line in (headline(controller.incident, controller.clock), *offer.summary):
        say(line)
    drop_typed_ahead()
    say(f"{offer.giver} offers you control. Take it? [Y/n] ", end="", flush=True)
    answer = sys.stdin.readline()
    return answer != "" and answer.strip().lower() in ("", "y", "yes")


def utf8() -> bool:
    """Whether the terminal can show more than ASCII."""
    return is_utf8_encoding(locale.getencoding()) and os.environ.get("TERM") != "linux"
