"""Control goes from one login to another: offered, taken, let lapse, asked for; and in a folder that a group shares."""

from __future__ import annotations

import json
import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from midwatch.control.control_client import send_request
from midwatch.engine import collaboration
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput, Failed, Refused
from midwatch.system.identity import Identity
from tests.support.clocks import AheadClock
from tests.support.people import HER, Someone, User, share
from tests.support.user_screen import Screen
from tests.support.waiting import wait_for
from tui.cli import main

ME = Identity.current().name
OTHER = "bin" if ME == "daemon" else "daemon"


@pytest.fixture
def shared(users: tuple[User, User], place: Path) -> Path:
    """The place, with a group that may write there."""
    share(place, 0o2770)
    return place


def test_control_is_handed_over_from_one_login_to_another(
    users: tuple[User, User], shared: Path, runbook: Runbook
) -> None:
    ada, bob = users
    hers, his = Screen(ada, runbook), Screen(bob, runbook)
    at_hers = Someone(ada, hers.declare, lambda: hers.offer(bob.name), hers.look)
    at_his = Someone(bob, his.observe, his.be_given, his.be_given, his.look)
    folder = IncidentFolder(Path(at_hers.do()))
    assert at_his.do()["driver"] == hers.actor
    assert "has not offered you control" in at_his.do()
    assert at_hers.do()["driving"]
    assert at_his.do() == {"driving": True, "driver": his.actor, "watchers": [], "steps": {}}
    assert at_hers.do() == {"driving": False, "driver": his.actor, "watchers": [], "steps": {}}
    assert at_his.do()["driving"]
    at_his.end()
    at_hers.end()
    events = [
        event for event in read(folder.journal) if event.kind != EventKind.JOURNAL_FALLBACKS
    ]  # each user has fallback files of their own
    offered, left, joined = events[-3:]
    assert (offered.kind, offered.actor, offered.body["to"]) == (EventKind.HANDOFF_OFFERED, hers.actor, bob.name)
    assert any("1.1 Take ownership" in line for line in offered.body["summary"])
    assert (left.kind, left.actor, left.body["reason"]) == (
        EventKind.DRIVER_LEFT,
        hers.actor,
        f"handed over to {bob.name}",
    )
    assert (joined.kind, joined.actor) == (EventKind.DRIVER_JOINED, his.actor)
    assert (joined.body["from"], joined.body["offer"]) == (hers.actor, offered.seq)
    assert verify(folder.journal).ok


def test_group_may_write_and_others_may_not_even_look(users: tuple[User, User], shared: Path, runbook: Runbook) -> None:
    ada, bob = users
    hers, eves = Screen(ada, runbook), Screen(bob, runbook)
    at_hers = Someone(ada, hers.declare, lambda: [hers.start("burn"), hers.finished("burn")])
    folder = IncidentFolder(Path(at_hers.do()))
    at_hers.do()
    eve = Someone(bob, eves.observe, group=False)
    assert "PermissionError" in eve.do() or "cannot" in eve.answer()
    eve.end()
    for path in [folder.path, *folder.path.rglob("*")]:
        mode = path.stat().st_mode
        assert path.stat().st_gid == folder.path.stat().st_gid
        if stat.S_ISDIR(mode):
            assert stat.S_IMODE(mode) == 0o2770, path
        elif not stat.S_ISSOCK(mode):
            assert stat.S_IMODE(mode) == 0o660, path
    at_hers.end()


def test_reader_follows_is_counted_and_never_drives(users: tuple[User, User], place: Path, runbook: Runbook) -> None:
    ada, bob = users
    share(place, 0o2750)
    os.chown(place / "logs" / "incidents", ada.uid, -1)
    hers, his = Screen(ada, runbook), Screen(bob, runbook)
    at_hers = Someone(ada, hers.declare, hers.watched)
    at_his = Someone(bob, his.observe, his.look, his.take)
    at_hers.do()
    assert at_his.do()["driver"] == hers.actor
    at_his.do()
    assert at_hers.do()["watchers"] == [bob.name]
    at_hers.end()
    assert "cannot be driven: driver.lock: Permission denied" in at_his.do()
    at_his.end()


def test_step_goes_on_under_the_next_driver(users: tuple[User, User], shared: Path, runbook: Runbook) -> None:
    ada, bob = users
    hers, his = Screen(ada, runbook), Screen(bob, runbook)
    at_hers = Someone(ada, hers.declare, lambda: hers.start("long"), lambda: hers.offer(bob.name), reads=True)
    at_his = Someone(bob, his.observe, his.be_given, lambda: his.cancel("long"), lambda: his.finished("long"))
    at_hers.do()
    assert at_hers.do()["steps"] == {"long": "running"}
    at_hers.do()
    at_his.do()
    assert at_his.do()["driving"]
    assert f"was started by {hers.actor} and runs as them" in at_his.do()
    (shared / "over").touch()
    assert at_his.do() == ["done", "begun\n"]
    at_his.end()
    at_hers.end()


def test_offer_lapses_and_the_giver_never_lost_control(runbook: Runbook, place: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(place)
    clock = AheadClock()
    ada = IncidentController.declare(runbook, actor=HER, clock=clock)
    ada.offer_control(ME, within=60)
    assert ada.offer is not None
    ada.poll()
    clock.ahead = timedelta(minutes=2)
    assert ada.offer is None
    ada.poll()
    assert (ada.events[-1].kind, ada.events[-1].body["reason"]) == (
        EventKind.HANDOFF_WITHDRAWN,
        f"{ME} did not take it in time",
    )
    assert ada.driving
    ada.leave()


def test_control_that_was_given_and_not_taken_up_goes_back(controller: IncidentController, monkeypatch: Any) -> None:
    monkeypatch.setattr(collaboration, "TAKE_BACK_S", 0.0)
    controller.offer_control(ME)
    send_request(controller.folder, {"op": "take"})
    assert not controller.driving
    assert controller.incident.driver == ""
    wait_for(lambda: [controller.poll(), controller.driving][1])
    assert controller.events[-1].body["reason"] == f"{ME} did not take it up"
    controller.note("I have it again")


def test_ones_own_screen_elsewhere_gives_control_up(controller: IncidentController) -> None:
    here = IncidentController.observe(controller.folder, actor=HER)
    here.accept_control()
    assert here.driving
    assert not controller.driving
    controller.poll()
    assert controller.incident.driver == HER
    assert here.events[-2].body["reason"] == "taken up at another terminal"
    here.leave()


def test_offer_that_was_left_behind_is_for_one_person(controller: IncidentController) -> None:
    controller.offer_control("root")
    controller.leave()
    eve = IncidentController.observe(controller.folder, actor="eve@test")
    with pytest.raises(Refused, match=f"{HER} offers control to root until"):
        eve.take_control()
    assert not eve.driving
    ada = IncidentController.resume(controller.folder, actor=HER)  # the giver may take it back
    ada.offer_control("root")
    ada.leave()
    eve.take_control("root is asleep")
    assert eve.events[-1].body["reason"] == "root is asleep"
    eve.leave()


def test_driver_hears_who_asks_for_control(controller: IncidentController) -> None:
    bob = IncidentController.observe(controller.folder, actor="bob@test")
    bob.request_control()
    assert controller.incident.asked_by == ME
    controller.offer_control("root")
    assert controller.incident.asked_by == ""


def test_control_offered_to_nobody_or_oneself_is_refused(controller: IncidentController) -> None:
    with pytest.raises(BadInput, match="no login roto") as bad:
        controller.offer_control("roto")
    assert "root" in bad.value.hint
    with pytest.raises(Refused, match="have control already"):
        controller.offer_control(HER)
    with pytest.raises(Refused, match="not offered to anybody"):
        controller.withdraw_offer()
    controller.offer_control("far@elsewhere")
    controller.withdraw_offer()
    assert controller.offer is None


def test_request_for_control_without_a_driver_is_refused(controller: IncidentController) -> None:
    bob = IncidentController.observe(controller.folder, actor="bob@test")
    controller.leave()
    with pytest.raises(Failed, match="Nobody drives"):
        bob.request_control()


def test_command_tells_how_it_stands_and_offers_control(
    controller: IncidentController, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    controller.mark_done("asked", values={"owner": "ada"})
    controller.start("work", controller.plan("work"))
    wait_for(
        lambda: [controller.poll(), controller.incident.status(controller.runbook.step("work")) is StepStatus.FAILED][1]
    )
    assert main(["handoff"]) == 0
    told = capsys.readouterr().out
    for words in (
        "SEV-2  A small incident, open for",
        f"driver {HER}",
        "Failed or unknown\n  1.2 Do the work: line 1 ended it: [ -e fine ]\n",
        "Next\n  1.2 Do the work\n",
        "Still to be notified\n  The boss, 555 0100: work failed\n",
        "Next status update\n  due in ",
        "Open: 2\n  1.3 Take long\n  1.4 Burn it\n",
        "Done: 1\n  1.1\n",
        "Closure criteria\n  Disk not full: not evaluated\n",
    ):
        assert words in told, told
    assert main(["handoff", "--to", OTHER, "--within", "5 min", "--json"]) == 0
    offered = json.loads(capsys.readouterr().out)
    assert (offered["driver"], offered["offer"]["to"], offered["offer"]["from"]) == (HER, OTHER, HER)
    assert offered["summary"]["next"] == ["1.2 Do the work"]
    assert controller.offer is not None  # the screen that drives has made the offer
    assert main(["handoff", "--withdraw"]) == 0
    assert controller.offer is None
    capsys.readouterr()
    assert main(["handoff", "--to", "nobody-of-that-name"]) == 2
    assert main(["handoff", "--to", OTHER, "--within", "soon"]) == 2
    assert "--within soon" in capsys.readouterr().err
    controller.leave()
    capsys.readouterr()
    assert main(["handoff", "--to", OTHER]) == 0
    assert f"Offered to {OTHER} until" in capsys.readouterr().out
    kinds = [event.kind for event in read(controller.folder.journal)[-3:]]
    assert kinds == [EventKind.DRIVER_JOINED, EventKind.HANDOFF_OFFERED, EventKind.DRIVER_LEFT]
