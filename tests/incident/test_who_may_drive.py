"""Who drives an incident in a folder that others can write to runs only what they trust anyway."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import incidents
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.writer import Journal
from midwatch.runbook.loader import load
from midwatch.runbook.model import Runbook
from midwatch.system.errors import MidwatchError, Refused
from tests.support.users import ALICE, BOB, MALLORY, ONCALL, needs_root, run_as

pytestmark = needs_root

RUNBOOK = """\
midwatch: 1
id: fire
title: Fire
severity: SEV-2
panels: {docker: {}}
phases:
  - id: one
    title: One
    steps:
      - {id: work, title: Work, run: echo genuine, risk: observe}
"""
EVIL = RUNBOOK.replace("echo genuine", "touch /tmp/midwatch-evil")
SITE = "midwatch-site: 1\nlocations: {logs: LOGS}\n"


@pytest.fixture(autouse=True, scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import all that a declaration needs: the other users may not be able to read this Python's own files."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "runbook.yaml").write_text(RUNBOOK)
    controller = IncidentController.declare(load(folder / "runbook.yaml"), actor="root@test")
    controller.leave()
    drive(controller.folder)


@pytest.fixture
def site(reachable: Path) -> Path:
    """A folder of root's with runbook and site file; incidents go to a folder that the group shares."""
    shelf = reachable / "logs" / "incidents"
    shelf.mkdir(parents=True)
    os.chown(shelf, 0, ONCALL)
    shelf.chmod(0o2770)
    folder = reachable / "site"
    folder.mkdir(mode=0o755)
    (folder / "runbook.yaml").write_text(RUNBOOK)
    (folder / "site.yaml").write_text(SITE.replace("LOGS", str(reachable / "logs")))
    return folder


def declared_by(uid: int, runbook: Path) -> IncidentFolder:
    """An incident that this user declared and left."""

    def declare() -> Path:
        controller = IncidentController.declare(load(runbook), actor="someone@test")
        controller.leave()
        return controller.folder.path

    return IncidentFolder(run_as(uid, declare, gid=ONCALL))


def drive(folder: IncidentFolder, own: Runbook | None = None) -> Runbook:
    controller = IncidentController.resume(folder, actor="root@test", reason="taken", own=own)
    try:
        return controller.runbook
    finally:
        controller.leave()


def as_member(act: Callable[[], object]) -> None:
    run_as(MALLORY, act, gid=ONCALL)


def test_hand_over_between_two_users_with_the_same_runbook_of_roots_needs_nothing_more(site: Path) -> None:
    folder = declared_by(ALICE, site / "runbook.yaml")

    def take() -> Path:
        controller = IncidentController.resume(folder, actor="bob@test", reason="my watch")
        controller.note("bob was here")
        controller.leave()
        return controller.runbook.base

    assert run_as(BOB, take, gid=ONCALL) == site
    assert drive(folder).base == site


@pytest.mark.parametrize("name", ["runbook.yaml", "site.yaml"])
def test_copy_edited_by_a_member_is_refused_at_resume_and_at_the_start_of_a_step(site: Path, name: str) -> None:
    folder = declared_by(ALICE, site / "runbook.yaml")
    controller = IncidentController.resume(folder, actor="root@test", reason="taken")
    plan = controller.plan("work")
    as_member(lambda: (folder.path / name).open("a").write("# edited\n"))
    with pytest.raises(Refused, match=f"{name} of the incident was changed: SHA-256 ") as refused:
        controller.start("work", plan)
    assert "Put the file back" in refused.value.hint
    controller.leave()
    with pytest.raises(Refused, match=f"{name} of the incident was changed: SHA-256 "):
        IncidentController.resume(folder, actor="root@test", reason="taken")
    assert IncidentController.observe(folder).incident.title == "Fire"


def test_site_file_that_was_not_there_at_the_declaration_is_refused(site: Path) -> None:
    folder = declared_by(ALICE, site / "runbook.yaml")
    os.unlink(folder.site)  # noqa: PTH108
    with pytest.raises(Refused, match=r"site\.yaml of the incident was changed: SHA-256 \w+ → no file"):
        drive(folder)


def planted(shelf: Path, source: Path, text: str) -> IncidentFolder:
    """A whole incident that a member wrote manually, every digest right."""
    import hashlib

    from midwatch.system.clock import SystemClock

    folder = IncidentFolder(shelf / "INC-20291123-0200-fire")
    folder.path.mkdir(mode=0o770)
    folder.runbook.write_text(text)
    journal = Journal.create(folder.journal, actor="root@test", clock=SystemClock())
    body = {
        "id": folder.id,
        "title": "Fire",
        "severity": "SEV-2",
        "runbook": str(source),
        "runbook_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "site": "",
        "site_sha256": "",
        "base": "/tmp",
        "host": "test",
        "inputs": {},
    }
    journal.append("incident.declared", body)
    journal.close()
    return folder


def test_planted_incident_is_followed_and_never_driven_and_none_of_it_runs(site: Path, reachable: Path) -> None:
    shelf = reachable / "logs" / "incidents"
    as_member(lambda: planted(shelf, site / "runbook.yaml", EVIL))
    (folder,) = incidents(reachable / "logs")
    own = load(site / "runbook.yaml")
    for given in (None, own):
        with pytest.raises(Refused, match="its runbook is none that you trust") as refused:
            IncidentController.resume(folder, actor="root@test", own=given)
        assert "declared by root@test" in str(refused.value)
        assert "--observe" in refused.value.hint
    observer = IncidentController.observe(folder, own=own)
    assert observer.incident.title == "Fire"
    assert observer.runbook.panels == ()
    for call in (
        lambda: observer.plan("work"),
        observer.evaluate_closure,
        lambda: observer.evaluate_preconditions("work"),
    ):
        with pytest.raises(Refused, match="none that you trust"):
            call()


def test_journal_that_was_copied_into_another_folder_is_followed_and_never_driven(site: Path) -> None:
    folder = declared_by(ALICE, site / "runbook.yaml")
    copy = IncidentFolder(folder.path.with_name(f"{folder.id}-2"))
    as_member(lambda: shutil.copytree(folder.path, copy.path))
    with pytest.raises(Refused, match=f"is that of another incident: {folder.id}"):
        drive(copy)
    assert IncidentController.observe(copy).undrivable is not None
    drive(folder)


@pytest.mark.parametrize(
    "whose", ["a member's file", "a folder of a member's", "a link of a member's", "missing", "a fifo"]
)
def test_recorded_source_that_others_could_have_made_is_not_trusted(site: Path, reachable: Path, whose: str) -> None:
    public = reachable / "public"
    public.mkdir()
    public.chmod(0o1777)
    text = (site / "runbook.yaml").read_text()

    def plant() -> Path:
        source = public / "runbook.yaml"
        if whose == "a member's file":
            source.write_text(text)
        elif whose == "a folder of a member's":
            (public / "d").mkdir()
            source = public / "d" / "runbook.yaml"
            source.write_text(text)
        elif whose == "a link of a member's":
            source.symlink_to(site / "runbook.yaml")
        elif whose == "a fifo":
            os.mkfifo(source, 0o666)
        return planted(reachable / "logs" / "incidents", source, text).path

    folder = IncidentFolder(run_as(MALLORY, plant, gid=ONCALL))
    with pytest.raises(Refused, match="none that you trust"):
        drive(folder)


def test_base_comes_from_the_trusted_source_and_not_from_the_journal(site: Path, reachable: Path) -> None:
    text = (site / "runbook.yaml").read_text()
    (site / "site.yaml").unlink()
    as_member(lambda: planted(reachable / "logs" / "incidents", site / "runbook.yaml", text))
    (folder,) = incidents(reachable / "logs")
    assert drive(folder).base == site


def test_own_runbook_of_the_same_content_lets_its_owner_drive(site: Path, reachable: Path, tmp_path: Path) -> None:
    text = (site / "runbook.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text)
    as_member(lambda: planted(reachable / "logs" / "incidents", reachable / "gone.yaml", text))
    (folder,) = incidents(reachable / "logs")
    with pytest.raises(Refused, match="none that you trust"):
        drive(folder)
    assert drive(folder, load(tmp_path / "mine.yaml", environment={"MIDWATCH_SITE": ""})).base == tmp_path


def test_incident_in_ones_own_folder_is_driven_though_its_runbook_was_edited_since(tmp_path: Path) -> None:
    runbook = tmp_path / "runbook.yaml"
    runbook.write_text(RUNBOOK)
    controller = IncidentController.declare(load(runbook), actor="root@test")
    controller.leave()
    runbook.write_text("midwatch: 1\n")
    assert drive(controller.folder).base == tmp_path


def test_copy_exchanged_after_the_confirmation_is_not_what_the_step_reads(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tui.cli import main

    monkeypatch.setenv("MIDWATCH_RUNBOOK", str(site / "runbook.yaml"))
    monkeypatch.setenv("MIDWATCH_SITE", str(site / "site.yaml"))
    good = load(site / "runbook.yaml")
    monkeypatch.setenv("MIDWATCH_RUNBOOK_SHA256", good.sha256)
    monkeypatch.setenv("MIDWATCH_SITE_SHA256", "0" * 64)
    assert main(["action", "freeze", "--plan"]) == 1
    assert main(["check", "freeze-status"]) == 3
    assert "freeze-status UNKNOWN: " in capsys.readouterr().out
    assert main(["check", "freeze-status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["result"] == "unknown"


def test_declaration_tells_both_digests(tmp_path: Path) -> None:
    (tmp_path / "runbook.yaml").write_text(RUNBOOK)
    (tmp_path / "site.yaml").write_text(SITE.replace("LOGS", str(tmp_path / "logs")))
    runbook = load(tmp_path / "runbook.yaml")
    controller = IncidentController.declare(runbook, actor="root@test")
    controller.leave()
    body = json.loads(controller.folder.journal.read_bytes().split(b"\n")[0])["body"]
    assert (body["runbook_sha256"], body["site_sha256"]) == (runbook.sha256, runbook.site_sha256)
    assert body["site"] == str(tmp_path / "site.yaml")
    (tmp_path / "site.yaml").write_text(SITE.replace("LOGS", str(tmp_path / "other")))
    with pytest.raises(MidwatchError, match="was changed after it was read"):
        IncidentController.declare(runbook, actor="root@test")
