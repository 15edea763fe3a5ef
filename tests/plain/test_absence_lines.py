"""Who comes back to plain lines, or sat there idle, reads first what happened meanwhile."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from tests.support.clocks import AheadClock
from tests.support.small_incident import RUNBOOK
from tui.plain.absence_lines import lines_after_idling, lines_on_return


def test_return_and_ten_idle_minutes_list_what_happened_and_what_is_due(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    clock = AheadClock()
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test", clock=clock)
    controller.update("we look into it")
    assert lines_on_return(controller) == []
    controller.leave()
    bob = IncidentController.observe(controller.folder, actor="bob@test")
    bob.take_control("ada sleeps, nobody drives")
    for number in range(7):
        bob.note(f"seen {number}")
    bob.leave()
    clock.ahead = timedelta(minutes=20)
    again = IncidentController.observe(controller.folder, actor="ada@test", clock=clock)
    again.take_control("back from sleep")
    first, *lines = lines_on_return(again)
    assert first.startswith("You looked away since")
    assert "1 due" in first
    assert any(line.endswith("Note: seen 6") for line in lines)
    assert not any("seen 0" in line for line in lines)
    assert any("more before; j lists them" in line for line in lines)
    assert any(line.startswith("  due: A status update") for line in lines)
    again.note("between")
    assert lines_after_idling(again, 599.0, 0) == []
    last = lines_after_idling(again, 601.0, len(again.events) - 1)
    assert last[0].endswith("1 said or decided, 1 due.")
    assert last[1].endswith("Note: between")
    again.leave()
