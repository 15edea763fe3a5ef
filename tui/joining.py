"""How a front end comes to an incident that was declared before: it drives, or observes whoever drives."""

from __future__ import annotations

import sys
from collections.abc import Callable

from midwatch.control.lease import DriverState
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.paths import IncidentFolder
from midwatch.reports.handoff_summary import headline
from midwatch.runbook.model import Runbook
from midwatch.system.actor import current_actor, login
from midwatch.system.errors import MidwatchError
from tui.output import say
from tui.plain.typed_ahead import drop_typed_ahead


def drive_or_observe(
    folder: IncidentFolder,
    *,
    reason: str = "",
    own: Runbook | None = None,
    before_saying: Callable[[], None] = lambda: None,
) -> IncidentController:
    """Take control; where somebody drives, follow along rather than turn the engineer away.

    `before_saying` is called before anything is said or asked.

    With a reason, whoever drives is watched first, and control is taken over when it is unresponsive; one's own
    screen at another terminal gives it up. Whoever is offered control is asked.
    """
    controller = IncidentController.observe(folder, actor=current_actor(), own=own)
    if reason or controller.offered_to_me:
        before_saying()
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
        before_saying()
        lives = lease.state is DriverState.ALIVE and not reason  # the hint would be to observe
        say(f"midwatch: {f'{refused.sentence}.' if lives else refused} Observing.", error=True)
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
