"""A plan that destroys says what the incident knows: sets found corrupt, and safeguards that were skipped or failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.api.plan import PlanDraft, Verb
from midwatch.incident.events import EventKind
from tests.support.reference_incident import Stage, begin, declare_reference, finish, leave
from tests.support.screen_pilot import grid, opened, press, until
from tui.plain.plan_text import plan_lines

pytestmark = pytest.mark.slow


async def test_destroy_plan_names_corrupt_sets_and_missing_safeguards(here: Path) -> None:
    stage = Stage()
    with stage.set_up():
        controller = declare_reference(here)
        for step in controller.runbook.steps():
            if step.id == "clean-docker":
                break
            if step.id not in ("emergency-backup", "validate-emergency-backup", "verify-checksums"):
                controller.skip(step.id, "no part of this test")
        begin(controller, "emergency-backup")
        finish(controller, "emergency-backup", values={"path": "/mnt/nfs/arp.sql.gz"})
        begin(controller, "validate-emergency-backup")
        controller.session.append(
            EventKind.FINISHED,
            {"step": "validate-emergency-backup", "attempt": 1, "outcome": "failed", "exit": 1, "seconds": 1.0,
             "ended": None, "summary": "The set 20261120-020000 is NOT good", "output": {}, "notify": [],
             "values": {"set": "/srv/backups/20261120-020000"}},
        )  # fmt: skip
        assert controller.session.handle is not None
        controller.session.handle.starting.clear()
        controller.mark_done("validate-emergency-backup", note="looked at it myself")
        controller.skip("emergency-backup", "no room anywhere")
        begin(controller, "verify-checksums")
        finish(controller, "verify-checksums", values={"invalid": "20261118-020000, 20261119-020000"})
        controller.skip("clean-docker", "not now")
        draft = PlanDraft("clean-backups", {}, confirm_name="backups")
        for day in (14, 15):
            draft.add(Verb.REMOVE, f"old/202611{day}-020000", size=10_700_000, reversible=False, kind="set")
        for day in (18, 19, 20, 21):
            draft.add(
                Verb.KEEP, f"202611{day}-020000", size=10_700_000, note="not needed to reach the goal", kind="set"
            )
        stage.plans["clean-old-backups"] = draft.plan()
        plan = controller.plan("clean-old-backups")
        notes = {effect.object: effect.note for effect in plan.effects}
        assert notes["20261118-020000"].startswith("found corrupt by 5.6 at ")
        assert notes["20261119-020000"].endswith("UTC; not needed to reach the goal")
        assert notes["20261120-020000"].startswith("found corrupt by 3.9 at ")
        assert notes["20261121-020000"] == "not needed to reach the goal"
        said = list(plan_lines(plan))
        assert said[0].startswith("WARNING: 3 objects found corrupt stay: 20261118-020000, ")
        assert "2 objects not found corrupt go: old/20261114-020000, old/20261115-020000" in said[0]
        assert said[1] == "WARNING: 3.8 Emergency backup of ARP was skipped by ada@bastion: no room anywhere"
        assert said[2].startswith(
            "WARNING: 3.9 Validate the emergency backup failed, exit 1 and was taken as done by ada"
        )
        async with opened(controller, (80, 24), sources=[]) as pilot:
            await until(pilot, lambda: "found corrupt stay" in grid(pilot))
            await press(pilot, "enter")
            await until(pilot, lambda: "▲ 3 warnings in the plan" in grid(pilot))
            assert "no room anywhere" in grid(pilot)
        leave(controller)
