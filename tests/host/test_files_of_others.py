"""What actions read and write where another user was first: pipes, links, second names, loose umasks, bytes of no
text."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actions.checks.freeze_status import CheckFreeze
from actions.checks.post_mortem import CheckPostMortem
from actions.credentials.credential_backup import (
    CredentialBackup,
    alone,
    newest_credential_backup,
    read_credential_backup,
)
from actions.credentials.password_candidates import candidates
from actions.credentials.pgpass import Login, faults, held, passwords
from actions.credentials.pgpass_replacement import Replacement
from actions.destinations.folder import Folder
from actions.freeze import FreezeAction
from actions.nightly_backup import _alone
from actions.restoring.backup_validation import validate
from actions.support import audit, freeze_file, plan_log
from actions.write_post_mortem import WritePostMortem
from midwatch.api.action import Context
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown, Refused
from midwatch.system.trust import UntrustedFile
from probes.backup.checksums import read_list
from probes.backup.dump_file import DumpFile
from probes.backup.manifest import Manifest, path_of
from probes.postgres.connect import Route
from tests.support.host_world import Heard, declared_incident
from tests.support.users import MALLORY, needs_root, run_as

GUARD = Path(__file__).parents[2] / "automation" / "freeze-guard.sh"
NOT_TEXT = b"127.0.0.1:5432:*:arp_app:old\n\xff\xfe:5432:*:\xe9:caf\xe9\n127.0.0.1:5432:arp:arp_app:p\xe4ss\n"
LOGIN = Login("127.0.0.1", 5432, "arp", "arp_app")


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    """A test that waits for a pipe is ended, and fails, after twenty seconds."""

    def late(number: int, frame: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def loose() -> Iterator[None]:
    """The umask 000."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def guard(file: Path) -> tuple[int, str]:
    done = subprocess.run([str(GUARD), str(file)], check=False, capture_output=True, text=True, timeout=20)
    return done.returncode, done.stderr


def a_freeze() -> freeze_file.Freeze:
    now = datetime.now(UTC)
    return freeze_file.Freeze("ada@bastion", "a test", now, now + timedelta(hours=1))


# The freeze


def test_pipe_or_device_as_the_freeze_file_is_unknown_to_the_check_and_frozen_to_the_guard(
    make_context: Callable[..., Context],
) -> None:
    context = make_context()
    file = context.location("freeze")
    file.parent.mkdir()
    for make in (lambda: os.mkfifo(file), lambda: file.symlink_to("/dev/zero"), file.mkdir):
        make()
        with pytest.raises(OutcomeUnknown, match="cannot be understood: "):
            CheckFreeze().evaluate(context)
        code, said = guard(file)
        assert (code, said.count("\n")) == (1, 1)
        if not file.is_dir():
            assert FreezeAction().apply(context, FreezeAction().plan(context)).ok
            assert CheckFreeze().evaluate(context).ok
            file.unlink()


@pytest.mark.slow
def test_command_line_does_not_wait_for_a_pipe_as_the_freeze_file(here: Path) -> None:
    (here / "runbook.yaml").write_text(
        "midwatch: 1\nid: s\ntitle: S\nseverity: SEV-2\nphases: [{title: P, steps: [{title: S}]}]\n"
    )
    (here / "security").mkdir()
    os.mkfifo(here / "security" / "freeze.json")
    midwatch = str(Path(sys.executable).with_name("midwatch"))
    for arguments in (("check", "freeze-status"), ("action", "freeze", "--plan"), ("action", "freeze", "--yes")):
        done = subprocess.run([midwatch, *arguments], capture_output=True, text=True, timeout=20, check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (3 if arguments[0] == "check" else 0, False)


def test_freeze_under_any_umask_can_be_read_by_all_and_written_by_its_owner(
    make_context: Callable[..., Context], loose: None
) -> None:
    context = make_context()
    FreezeAction().apply(context, FreezeAction().plan(context))
    file = context.location("freeze")
    assert (mode(file), mode(file.parent)) == (0o644, 0o755)


@needs_root
def test_links_that_another_user_planted_beside_the_freeze_overwrite_nothing(
    make_context: Callable[..., Context], reachable: Path
) -> None:
    folder, precious = reachable / "shared", reachable / "precious"
    folder.mkdir()
    folder.chmod(0o1777)
    precious.write_text("root's")
    names = [
        "freeze.json",
        "freeze.json.part",
        *(f".freeze.json.{number}" for number in range(os.getpid(), os.getpid() + 50)),
    ]

    def plant() -> None:
        for name in names:
            (folder / name).symlink_to(precious)

    run_as(MALLORY, plant)
    freeze_file.write(folder / "freeze.json", a_freeze())
    assert precious.read_text() == "root's"
    assert not (folder / "freeze.json").is_symlink()
    assert freeze_file.read(folder / "freeze.json") is not None


@needs_root
def test_freeze_file_that_is_itself_a_mount_is_never_taken_for_not_frozen(
    make_context: Callable[..., Context], tmp_path: Path
) -> None:
    """As in a container that was given the file alone: the freeze that follows gets there under another inode."""
    context = make_context()
    file = context.location("freeze")
    ended = datetime.now(UTC) - timedelta(hours=2)
    freeze_file.write(file, freeze_file.Freeze("eve", "old", ended - timedelta(hours=1), ended))
    inside, folder = tmp_path / "in side\\x" / "freeze.json", tmp_path / "whole"
    inside.parent.mkdir()
    inside.touch()
    folder.mkdir()
    subprocess.run(["mount", "--bind", str(file), str(inside)], check=True, timeout=10)
    try:
        subprocess.run(["mount", "--bind", str(file.parent), str(folder)], check=True, timeout=10)
        freeze_file.write(file, a_freeze())
        assert b"eve" in inside.read_bytes(), "the mounted file is the old one"
        code, said = guard(inside)
        assert (code, said) == (
            1,
            f"freeze-guard: {inside} is itself a mount and may be out of date: mount its folder; taken as frozen\n",
        )
        link = tmp_path / "link.json"
        link.symlink_to(inside)
        assert guard(link)[0] == 1
        with pytest.raises(OutcomeUnknown, match="the file itself is a mount"):
            freeze_file.read(inside)
        assert guard(folder / "freeze.json")[0] == 1
        freeze_file.remove(file)
        assert guard(folder / "freeze.json") == (0, "")
        assert freeze_file.read(folder / "freeze.json") is None
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, timeout=10)
        subprocess.run(["umount", "--lazy", str(inside)], check=True, timeout=10)


@needs_root
def test_freeze_guard_without_proc_says_that_it_cannot_tell(tmp_path: Path) -> None:
    freeze_file.write(tmp_path / "freeze.json", a_freeze())
    script = f"mount -t tmpfs none /proc && {GUARD} {tmp_path / 'freeze.json'}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, "nobody can tell" in done.stderr) == (3, True)


def test_guard_says_no_byte_of_a_terminals_language(tmp_path: Path) -> None:
    until = int(time.time()) + 1000
    (tmp_path / "freeze.json").write_bytes(
        b'{\n "who": "\x1b]0;x\x07\x9b31m",\n "until_epoch": %d,\n "why": "w"\n}\n' % until
    )
    code, said = guard(tmp_path / "freeze.json")
    assert code == 1
    assert all(char == "\n" or char.isprintable() for char in said)


# Logs


def test_pipe_link_or_second_name_as_a_log_is_one_sentence(
    make_context: Callable[..., Context], heard: Heard, tmp_path: Path
) -> None:
    context = make_context()
    log, trail = context.location("logs") / plan_log.NIGHTLY, context.location("audit")
    log.parent.mkdir()
    trail.parent.mkdir()
    for file in (log, trail):
        os.mkfifo(file)
    with pytest.raises(Failed, match="is not a regular file"):
        audit.record(context, "password.reset")
    plan_log.log(context, plan_log.NIGHTLY, plan_log.STARTED)
    assert "is not a regular file" in heard.lines[-1]
    assert (
        plan_log.nightly_failure(context.location("logs")) == f"backup.log cannot be read: {log} is not a regular file"
    )
    other = tmp_path / "other"
    other.write_text("")
    for file in (log, trail):
        file.unlink()
        file.hardlink_to(other)
    with pytest.raises(Failed, match="has 3 names"):
        audit.record(context, "password.reset")
    plan_log.log(context, plan_log.NIGHTLY, plan_log.STARTED)
    assert other.read_text() == ""


@needs_root
def test_log_that_another_user_linked_to_our_file_is_not_written(
    make_context: Callable[..., Context], reachable: Path
) -> None:
    shared, precious = reachable / "shared", reachable / "precious"
    shared.mkdir()
    shared.chmod(0o777)
    precious.write_text("root's\n")
    made = make_context()
    places = {**made.runbook.locations, "logs": str(shared), "audit": str(shared / "audit.log")}
    context = replace(made, runbook=replace(made.runbook, locations=places))
    run_as(MALLORY, lambda: (shared / "audit.log").symlink_to(precious))
    run_as(MALLORY, lambda: (shared / "backup.log").symlink_to(precious))
    with pytest.raises(Failed, match=f"the link belongs to uid {MALLORY}"):
        audit.record(context, "password.reset")
    plan_log.log(context, plan_log.NIGHTLY, plan_log.STARTED)
    assert precious.read_text() == "root's\n"
    (shared / "audit.log").unlink()
    (shared / "audit.log").symlink_to(precious)
    audit.record(context, "password.reset")
    assert "password.reset" in precious.read_text(), "a link of our own is followed"
    before = precious.read_text()
    (shared / "audit.log").unlink()
    os.link(precious, shared / "audit.log")  # as another user can where fs.protected_hardlinks is off
    with pytest.raises(Failed, match="has 2 names"):
        audit.record(context, "password.reset")
    assert precious.read_text() == before


def test_under_any_umask_logs_backups_and_sealed_files_have_their_modes(
    make_context: Callable[..., Context], loose: None, tmp_path: Path
) -> None:
    context = make_context()
    plan_log.log(context, plan_log.NIGHTLY, plan_log.STARTED)
    audit.record(context, "password.reset")
    kept = CredentialBackup("arp-db-prod", "arp_app", "SCRAM", ()).keep(context.location("credential_backups"))
    writing = Folder(tmp_path / "new" / "place").open("arp.dump.gz")
    writing.write(b"x")
    writing.commit(1, "")
    with _alone(context.location("backups")), alone(context.location("credential_backups")):
        found = {path.relative_to(tmp_path).as_posix(): mode(path) for path in tmp_path.rglob("*")}
    assert found == {
        "logs": 0o755,
        "logs/backup.log": 0o640,
        "security": 0o750,
        "security/access-audit.log": 0o640,
        "security/sealed": 0o700,
        f"security/sealed/{kept.name}": 0o600,
        "security/sealed/lock": 0o600,
        "new": 0o700,
        "new/place": 0o700,
        "new/place/arp.dump.gz": 0o600,
        "backups": 0o755,
        "backups/prod": 0o755,
        "backups/prod/.nightly.lock": 0o600,
    }


# Secrets


@pytest.fixture
def pgpass(tmp_path: Path) -> Path:
    file = tmp_path / "home" / ".pgpass"
    file.parent.mkdir(mode=0o700)
    file.write_bytes(NOT_TEXT)
    file.chmod(0o600)
    return file


def test_lines_that_are_no_text_stay_byte_for_byte(pgpass: Path) -> None:
    replacement = Replacement.with_password(pgpass, LOGIN, "new")
    replacement.publish()
    assert pgpass.read_bytes() == b"127.0.0.1:5432:*:arp_app:new\n\xff\xfe:5432:*:\xe9:caf\xe9\n"
    Replacement.with_former(pgpass, LOGIN, replacement.former).publish()
    assert pgpass.read_bytes() == NOT_TEXT


def test_password_that_is_no_text_is_named_and_never_tried(pgpass: Path, make_context: Callable[..., Context]) -> None:
    secret = pgpass.with_name("secret")
    secret.write_bytes(b"p\xe4ss\n")
    made = make_context()
    runbook = replace(made.runbook, locations={**made.runbook.locations, "pgpass": str(pgpass)})
    target = Target("arp-db-prod", TargetKind.LOCAL, "arp", "ARP", password_file=str(secret))
    route = Route("tcp", LOGIN.host, LOGIN.port, LOGIN.user, LOGIN.database, "ARP")
    assert [one.password for one in candidates(runbook, target, route)] == ["old"]
    assert any("line 3 is not UTF-8 text" in fault for fault in faults(pgpass, LOGIN))


def test_pipe_as_a_password_file_is_one_sentence(pgpass: Path) -> None:
    pgpass.unlink()
    os.mkfifo(pgpass)
    for read in (
        lambda: list(passwords(pgpass, LOGIN)),
        lambda: list(held(pgpass, LOGIN)),
        lambda: faults(pgpass, LOGIN),
    ):
        with pytest.raises(Failed, match="is not a regular file"):
            read()
    with pytest.raises(Failed, match="is not a regular file"):
        Replacement.with_password(pgpass, LOGIN, "new")


@needs_root
def test_file_of_others_beside_a_password_file_is_not_read_and_gets_no_password(reachable: Path) -> None:
    shared = reachable / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    file = shared / ".pgpass"

    def plant() -> None:
        (shared / ".pgpass-midwatch-x").write_bytes(b"*:*:*:*:hers\n")
        (shared / ".pgpass-midwatch-x").chmod(0o600)
        os.mkfifo(shared / ".pgpass-midwatch-pipe")

    run_as(MALLORY, plant)
    file.write_bytes(b"*:*:*:*:ours\n")
    file.chmod(0o600)
    assert [found.password for found in held(file, LOGIN)] == ["ours", "ours", "ours"]
    file.unlink()
    run_as(MALLORY, lambda: file.write_bytes(b"*:*:*:*:hers\n"))
    with pytest.raises(Refused, match=f"belongs to uid {MALLORY}, who does not own its folder"):
        Replacement.with_password(file, LOGIN, "new")
    assert b"new" not in b"".join(path.read_bytes() for path in shared.iterdir() if path.is_file())


@needs_root
def test_sealed_verifiers_are_only_kept_and_read_where_nobody_else_could_put_one(reachable: Path) -> None:
    hers = reachable / "hers"
    hers.mkdir()
    os.chown(hers, MALLORY, MALLORY)
    with pytest.raises(Refused, match=f"belongs to uid {MALLORY}"):
        CredentialBackup("arp-db-prod", "arp_app", "SCRAM", ()).keep(hers / "sealed")
    kept = CredentialBackup("arp-db-prod", "arp_app", "SCRAM", ()).keep(reachable / "sealed")
    assert newest_credential_backup(reachable / "sealed", "arp-db-prod", "arp_app") == kept
    os.chown(kept, MALLORY, MALLORY)
    with pytest.raises(UntrustedFile, match=f"the file belongs to uid {MALLORY}"):
        read_credential_backup(kept)
    os.mkfifo(reachable / "sealed" / "pipe.sealed")
    (reachable / "sealed" / "link.sealed").symlink_to("/nowhere")
    assert newest_credential_backup(reachable / "sealed", "arp-db-prod", "arp_app") is None


@needs_root
def test_link_as_a_lock_is_refused(reachable: Path) -> None:
    shared = reachable / "prod"
    shared.mkdir()
    shared.chmod(0o777)
    run_as(MALLORY, lambda: (shared / ".nightly.lock").symlink_to("/etc/shadow-made-by-a-lock"))
    with pytest.raises(UntrustedFile, match="is a link, not a lock"), _alone(shared):
        pass
    assert not Path("/etc/shadow-made-by-a-lock").exists()


# Backups and documents


@pytest.mark.parametrize("suffix", ["", ".manifest.json"])
def test_pipe_in_the_place_of_a_backup_its_manifest_or_its_list_is_never_waited_for(
    tmp_path: Path, suffix: str
) -> None:
    backup = tmp_path / "arp.dump.gz"
    os.mkfifo(backup)
    os.mkfifo(path_of(backup))
    os.mkfifo(tmp_path / "checksums.sha256")
    assert Manifest.read(backup) is None
    for read in (
        lambda: validate(backup, Path("/bin/false")),
        lambda: read_list(tmp_path / "checksums.sha256"),
        lambda: DumpFile.of(backup).open(),
        lambda: Folder(tmp_path).read("arp.dump.gz").__enter__(),
    ):
        with pytest.raises(MidwatchError, match="is not a regular file"):
            read()


def test_post_mortem_is_as_open_as_its_incident_under_any_umask_and_no_pipe_stops_its_check(
    make_context: Callable[..., Context], tmp_path: Path, loose: None
) -> None:
    incident = declared_incident(tmp_path)
    context = make_context(incident=incident)
    os.mkfifo(incident / ".post-mortem.md.partial")
    WritePostMortem().apply(context, WritePostMortem().plan(context))
    assert (mode(incident / "post-mortem.md"), mode(incident / ".post-mortem.generated")) == (0o600, 0o600)
    incident.chmod(0o2770)
    WritePostMortem().apply(context, WritePostMortem().plan(context))
    assert (mode(incident / "post-mortem.md"), mode(incident / "post-mortem.md.before")) == (0o660, 0o660)
    (incident / "post-mortem.md").write_bytes(b"\xff\xfe of another coding\n")
    WritePostMortem().apply(context, WritePostMortem().plan(context))
    assert b"\xff\xfe of another coding\n" in (incident / "post-mortem.md").read_bytes()
    (incident / "post-mortem.md").unlink()
    os.mkfifo(incident / "post-mortem.md")
    with pytest.raises(Failed, match="cannot be read: "):
        CheckPostMortem().evaluate(context)
    assert "cannot be read" in WritePostMortem().plan(context).refusal
