"""Which steps an undo puts in doubt, on the reference incident."""

from __future__ import annotations

from pathlib import Path

from midwatch.engine.proofs import steps_to_prove_again
from tests.support.reference_incident import Stage, begin, declare_reference, finish, leave


def test_undo_of_one_target_leaves_what_was_proved_of_others(here: Path) -> None:
    stage = Stage()
    with stage.set_up():
        controller = declare_reference(here)
        logins = [step.id for step in controller.runbook.steps() if step.item and step.item.loop == "prove-logins"]
        ran = ("container-disk", "recover-arp", *logins, "diagnose-disk", "restart-nightly", "validate-nightly")
        for step_id in ran:
            begin(controller, step_id)
            finish(controller, step_id)
        session = controller.session
        found = steps_to_prove_again(
            controller.runbook.step("recover-arp"), 1, session.events, session.incident, session.runbook
        )
        leave(controller)
    of_arp = [name for name in logins if controller.runbook.step(name).with_["target"] == "arp-db-prod"]
    assert found == of_arp, "container-disk came before; the other logins are of other servers; backups are still there"
