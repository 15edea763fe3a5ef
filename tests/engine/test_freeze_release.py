"""Closing an incident takes away the freeze that it set, and says why where that does not succeed."""

from __future__ import annotations

from dataclasses import replace

from actions.freeze import FreezeAction
from midwatch.engine.execute import carry_out
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind


def notes(controller: IncidentController) -> list[str]:
    return [event.body["text"] for event in controller.events if event.kind == EventKind.NOTE]


def test_closing_takes_the_incidents_own_freeze_away(controller: IncidentController) -> None:
    context = controller.session.context()
    carry_out(FreezeAction(), context)
    file = context.location("freeze")
    assert controller.freeze_to_lift().startswith("Closing lifts the freeze that this incident set: Frozen by ")
    words = controller.close()
    assert words == "The freeze of this incident is taken away: The freeze is over; deployments may go on"
    assert notes(controller) == [words]
    assert not file.exists()
    assert controller.freeze_to_lift() == ""
    assert not controller.incident.open


def test_abandoning_takes_the_freeze_away_as_well(controller: IncidentController) -> None:
    context = controller.session.context()
    carry_out(FreezeAction(), context)
    assert "taken away" in controller.abandon("a false alarm")
    assert not context.location("freeze").exists()
    assert not controller.incident.open


def test_closing_leaves_the_freeze_of_somebody_else(controller: IncidentController) -> None:
    context = controller.session.context()
    carry_out(FreezeAction(reason="a release"), replace(context, incident=None))
    assert controller.freeze_to_lift() == controller.close() == ""
    assert notes(controller) == []
    assert context.location("freeze").exists()


def test_closing_says_why_the_freeze_is_not_taken_away(controller: IncidentController) -> None:
    context = controller.session.context()
    carry_out(FreezeAction(), context)
    context.location("freeze").write_text("rubbish")
    assert "not known: " in controller.freeze_to_lift()
    words = controller.close()
    assert words.startswith("The freeze of this incident is NOT taken away: ")
    assert words.endswith("cannot be understood: it is not what freeze writes. Later: midwatch freeze off")
    assert notes(controller) == [words]
    assert not controller.incident.open
