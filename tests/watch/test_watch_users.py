"""A watcher that runs as a user of its own: root checks its requests like foreign text, and it sees root's answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import incidents, open_incident
from midwatch.engine.watch_intake import WatchIntake
from midwatch.system.errors import MidwatchError
from midwatch.watch.requests import RequestStore
from tests.support.users import ALICE, MALLORY, ONCALL, needs_root, run_as
from tests.watch.watched_runbook import LOGS, WatchedRunbook

Result = TypeVar("Result")


@pytest.fixture
def place(reachable: Path) -> Iterator[WatchedRunbook]:
    """Root owns the logs and drives; Alice watches; both folders are shared with the group, as the documentation
    says."""
    (reachable / "watch").mkdir()
    (reachable / "logs").mkdir()
    place = WatchedRunbook(reachable, LOGS + "locations: {watch: watch}\n")
    for path in (reachable / "logs", *(reachable / "logs").iterdir(), reachable / "watch"):
        os.chown(path, ALICE if path.name == "watch" else 0, ONCALL)
        path.chmod(0o2750 if path.is_dir() else 0o640)
    yield place
    place.watcher.close()


def as_watcher(function: Callable[[], Result]) -> Result:
    return run_as(ALICE, function, groups=[ONCALL])


def looks_of(place: WatchedRunbook, minutes: float = 0.0) -> list[str]:
    """Two looks of Alice's watcher, which starts anew for them, as if it had been killed; the second after so many
    minutes."""

    def open_now() -> str:
        try:
            folder = open_incident(place.runbook.location_of("logs"), place.runbook.id)
        except MidwatchError:
            return ""
        return folder.id if folder else ""

    def look() -> list[str]:
        place.open_incident = open_now()
        place.restart()
        return place.look() + place.look(minutes)

    return as_watcher(look)


def declared(place: WatchedRunbook) -> str:
    intake = WatchIntake(place.runbook, actor="root")
    return intake.declare(intake.store.pending())


@needs_root
def test_root_declares_what_another_user_asks_for_and_the_watcher_sees_the_answer(place: WatchedRunbook) -> None:
    assert looks_of(place) == []
    place.log("[FAILURE] stopped")
    assert looks_of(place) == ["stopped"]
    store = RequestStore(place.runbook)
    (request,) = store.pending()
    as_mallory = RequestStore(place.runbook)
    assert run_as(MALLORY, lambda: [as_mallory.every(), as_mallory.problems]) == [
        [],
        [f"{as_mallory.folder} cannot be read: Permission denied"],
    ]
    incident = declared(place)
    assert as_watcher(lambda: RequestStore(place.runbook).pending()) == []
    answer = as_watcher(lambda: RequestStore(place.runbook).answer_to(request.id))
    assert answer is not None
    assert (answer.word, answer.incident) == ("declared", incident)
    looks_of(place, 60)
    place.log("[FAILURE] while its incident is open")
    assert looks_of(place) == store.pending() == []
    (folder,) = incidents(place.runbook.location_of("logs"))
    controller = IncidentController.resume(folder, actor="root", own=place.runbook)
    controller.abandon("a test")
    looks_of(place, 60)
    place.log("[FAILURE] another night")
    assert looks_of(place) == ["stopped"]


@needs_root
def test_requests_that_a_broken_or_hostile_watcher_made_harm_nobody(place: WatchedRunbook, tmp_path: Path) -> None:
    place.log("[FAILURE] stopped")
    looks_of(place)
    requests = place.folder / "watch/requests"
    (good,) = requests.glob("*.json")
    secret = place.folder / "secret.json"
    secret.write_text(good.read_text().replace("The backup stopped", "a file of root's"))
    secret.chmod(0o600)

    def attack() -> None:
        (requests / "linked.json").symlink_to(secret)
        os.mkfifo(requests / "pipe.json")
        (requests / "huge.json").write_text("[" * 3_000_000)
        (requests / "deep.json").write_text("[" * 30_000)
        (requests / "folder.json").mkdir()
        (requests / "future.json").write_text(
            good.read_text().replace(f'"id": "{good.stem}"', '"id": "future"').replace('"at": "20', '"at": "90')
        )
        for name in ("number", "at", "seen_at", "severity"):
            (requests / f"bad-{name}.json").write_text(good.read_text().replace(f'"{name}": ', f'"{name}": [], "x": '))

    as_watcher(attack)
    store = RequestStore(place.runbook)
    assert {request.id for request in store.pending()} == {good.stem, "future"}
    assert len(store.problems) == 9
    declared(place)
    assert store.pending() == []
    (folder,) = incidents(place.runbook.location_of("logs"))
    assert "a file of root's" not in folder.journal.read_text()
    answers = place.folder / "logs/watch-answers"
    assert sorted(path.stem for path in answers.iterdir()) == sorted([good.stem, "future"])
