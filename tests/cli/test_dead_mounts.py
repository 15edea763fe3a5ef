"""A mount whose server is gone, under each path that a command reads or writes: one sentence that names the mount, no
hang."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.repository import find, incidents
from midwatch.incident.events import EventKind
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.runbook.loader import load
from midwatch.runbook.secret_sources import known_secrets
from midwatch.system.errors import Exit, MidwatchError, OutcomeUnknown
from probes.postgres.connect import Route, connect
from tests.support import program
from tests.support.dead_mount import dead_mount
from tests.support.users import MALLORY, needs_root, run_as

pytestmark = [needs_root, pytest.mark.slow]
RUNBOOK = """\
midwatch: 1
id: fire
title: Fire
severity: SEV-2
phases: [{title: One, steps: [{id: work, title: Work, run: echo hi, risk: observe}]}]
"""
SITE = "midwatch-site: 1\nlocations: {LOCATION: FOLDER}\n"


@pytest.fixture(scope="module")
def gone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with dead_mount(tmp_path_factory.mktemp("mounts") / "gone") as point:
        yield point


@pytest.fixture
def book(here: Path) -> Path:
    (here / "runbook.yaml").write_text(RUNBOOK)
    (here / "answers.yaml").write_text("{}\n")
    return here / "runbook.yaml"


def declared(book: Path) -> IncidentController:
    return IncidentController.declare(load(book), actor="ada@test")


@pytest.mark.parametrize(
    "arguments",
    [
        ("incidents",),
        ("verify",),
        ("run", "--headless", "--answers", "answers.yaml"),
        ("run", "--headless", "--answers", "answers.yaml", "--resume"),
        ("support-report",),
    ],
    ids=" ".join,
)
def test_command_whose_folder_of_logs_is_on_a_dead_mount_names_the_mount(
    book: Path, gone: Path, arguments: tuple[str, ...]
) -> None:
    (book.parent / "site.yaml").write_text(SITE.replace("LOCATION", "logs").replace("FOLDER", f"{gone}/logs"))
    done = program.midwatch(*arguments, cwd=book.parent)
    assert f"cannot be reached: {gone} (fuse from gone:/export)" in (done.stdout + done.stderr).decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ("lint", "GONE/runbook.yaml"),
        ("plan", "--site", "GONE/site.yaml"),
        ("run", "--headless", "--answers", "GONE/answers.yaml"),
        ("export", "--no-sign", "-o", "GONE/timeline.md"),
    ],
    ids=" ".join,
)
def test_file_that_the_operator_names_on_a_dead_mount_is_not_waited_for(
    book: Path, gone: Path, arguments: tuple[str, ...]
) -> None:
    declared(book).leave()
    done = program.midwatch(*(word.replace("GONE", str(gone)) for word in arguments), cwd=book.parent)
    assert f"cannot be reached: {gone} (fuse from gone:/export)" in (done.stdout + done.stderr).decode()


def test_link_of_another_user_to_a_dead_mount_among_the_incidents_is_passed_over(
    reachable: Path, gone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reachable)
    book = reachable / "runbook.yaml"
    book.write_text(RUNBOOK)
    controller = declared(book)
    controller.leave()
    shelf = controller.folder.path.parent
    shelf.chmod(0o1777)
    run_as(MALLORY, lambda: (shelf / "INC-20990101-0101-fire").symlink_to(gone))
    (shelf / "INC-20990101-0102-fire").symlink_to(gone)
    assert [folder.id for folder in incidents(shelf.parent)] == [controller.folder.id]
    assert find(shelf.parent, "latest").id == controller.folder.id


def test_fallback_and_home_on_a_dead_mount_are_named_or_left_out_and_the_incident_goes_on(
    book: Path, gone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (book.parent / "site.yaml").write_text(SITE.replace("LOCATION", "journal_fallback").replace("FOLDER", f"{gone}/f"))
    for name in ("HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(gone))
    assert not any("pgpass" in name for name in known_secrets(load(book)))
    controller = declared(book)
    (event,) = [event for event in controller.events if event.kind == EventKind.JOURNAL_FALLBACKS]
    assert str(gone) in event.body["problem"]
    assert not any(str(gone) in file for file in event.body["files"])
    journal, name = controller.session.require_driver().journal, controller.folder.id
    files = [f"{gone}/{name}.{'0' * 16}.jsonl"]
    journal.append(EventKind.JOURNAL_FALLBACKS, {**event.body, "files": files})
    controller.leave()
    assert read(controller.folder.journal)
    assert verify(controller.folder.journal).ok
    IncidentController.resume(controller.folder, actor="ada@test").leave()


def test_folder_of_drills_on_a_dead_mount_is_not_waited_for(gone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from drill.state import make_drills_folder, survey

    monkeypatch.setenv("MIDWATCH_DRILLS", str(gone / "drills"))
    for reads in (survey, make_drills_folder):
        with pytest.raises(OutcomeUnknown, match="cannot be reached"):
            reads()


@pytest.mark.parametrize("name", ["HOME", "PGSSLROOTCERT"])
def test_file_that_libpq_would_read_on_a_dead_mount_is_named(
    gone: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(gone / "file"))
    with pytest.raises(OutcomeUnknown, match="cannot be reached"):
        connect(Route("tcp", "127.0.0.1", 1, "u", "d", "ARP"))


def test_service_and_password_file_of_the_environment_on_a_dead_mount_are_not_read(
    gone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGSERVICEFILE", "PGPASSFILE", "PGSYSCONFDIR"):
        monkeypatch.setenv(name, str(gone / "file"))
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    with pytest.raises(MidwatchError, match="ARP"):
        connect(Route("tcp", "127.0.0.1", 1, "u", "d", "ARP"))


def test_settings_and_keys_on_a_dead_mount_are_not_waited_for(gone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from midwatch.reports.signature import usual_key, usual_signers
    from tui.user_files import read_own

    monkeypatch.setenv("HOME", str(gone))
    assert read_own(gone / "keys.yaml", "The keys") == ""
    for reads in (usual_key, usual_signers):
        with pytest.raises(MidwatchError, match="cannot be reached"):
            reads()


def test_export_and_verify_whose_keys_are_on_a_dead_mount_go_on_unsigned_and_unknown(book: Path, gone: Path) -> None:
    declared(book).leave()
    home = {"HOME": str(gone), "SSH_AUTH_SOCK": str(gone / "agent")}
    done = program.midwatch_text("export", "-o", "timeline.md", cwd=book.parent, environment=home)
    assert done.returncode == 0
    assert f"timeline.md is not signed. {gone}/.ssh cannot be reached: {gone} (" in done.stderr
    (book.parent / "timeline.md.sig").write_text("-----BEGIN SSH SIGNATURE-----\n")
    done = program.midwatch_text("verify", "timeline.md", cwd=book.parent, environment=home)
    assert done.returncode == Exit.UNKNOWN
    assert "timeline.md: unknown: " in done.stdout
    assert "events, head" in done.stdout
    done = program.midwatch_text("export", "-o", "timeline.md", "--key", f"{gone}/key", cwd=book.parent)
    assert "cannot be reached" in done.stderr
    assert done.returncode == Exit.UNKNOWN
    done = program.midwatch_text("verify", f"{gone}/timeline.md", cwd=book.parent)
    assert "cannot be reached" in done.stderr
    assert done.returncode == Exit.UNKNOWN


def test_current_folder_whose_server_has_gone_is_named_by_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dead_mount(tmp_path / "gone", "half") as point:
        monkeypatch.chdir(point)
        with pytest.raises(OSError, match="die"):
            (point / "die").stat()
        for arguments in ((), ("check", "freeze-status"), ("export", "-o", "x.md")):
            done = program.midwatch_text(*arguments, cwd=Path())
            assert f"cannot be reached: {point} (fuse from gone:/export)" in done.stderr, arguments
            assert done.returncode == Exit.UNKNOWN
        monkeypatch.undo()
