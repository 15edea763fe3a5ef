"""The emergency backup on another host: published whole or not at all, whatever happens to the line or the disk
there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actions.checks.backup import CheckBackup
from actions.destinations.destination_choice import destination_of, locate
from actions.destinations.ssh import Ssh, SshWriter
from actions.destinations.ssh_command import parse
from actions.emergency_backup import EmergencyBackup
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context, Outcome
from midwatch.runbook.targets import Target
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, MidwatchError, OutcomeUnknown, Refused
from probes.backups import BackupsProbe
from tests.backup.other_host import SSHD, OtherHost, other_host
from tests.support.listening_server import Listening
from tests.support.superuser import superuser
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not SSHD or shutil.which("ssh") is None, reason="needs sshd and ssh (openssh-server)"),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherHost]:
    with other_host(tmp_path_factory.mktemp("host")) as host:
        yield host


@pytest.fixture
def host(running: OtherHost) -> OtherHost:
    running.configure()
    return running


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The folder on the other host, which is our own disk; not there yet."""
    return tmp_path / "far" / "it's $HOME"


@pytest.fixture
def away(context: Context, host: OtherHost, there: Path) -> Context:
    places = {
        "emergency": f"ssh backup-host:{there}",
        "ssh_config": str(host.config),
        "remote_manifests": str(there.parents[1] / "kept"),
    }
    return replace(context, runbook=replace(context.runbook, locations={**context.runbook.locations, **places}))


def save(target: Target, context: Context) -> Outcome:
    action = EmergencyBackup(target)
    plan = action.plan(context)
    assert plan.refusal == "", plan.refusal
    return action.apply(context, plan)


def ssh_place(context: Context, text: str) -> Ssh:
    place = destination_of(context.runbook, text)
    assert isinstance(place, Ssh)
    return place


def write_for_ever(writing: SshWriter) -> None:
    while True:
        writing.write(b"x" * 300_000)


def listed(there: Path) -> list[str]:
    return sorted(path.name for path in there.iterdir()) if there.is_dir() else []


def test_saved_validated_and_counted_on_another_host(arp: Target, away: Context, there: Path) -> None:
    before = datetime.now(UTC)
    assert not EmergencyBackup(arp).verify(away, before).ok
    outcome = save(arp, away)
    (name,) = listed(there)
    assert name.endswith(".sql.gz")
    assert outcome.values["path"] == f"ssh://backup-host{there}/{name}"
    assert (there / name).stat().st_mode & 0o777 == 0o600
    assert EmergencyBackup(arp).verify(away, before).values["path"] == outcome.values["path"]
    validate = ValidateBackup(path=outcome.values["path"])
    assert validate.plan(away).refusal == ""
    verdict = validate.apply(away, validate.plan(away))
    assert (verdict.ok, verdict.values["depth"]) == (True, "4"), verdict.summary
    check = CheckBackup(arp, emergency=True)
    assert check.evaluate(away).ok
    (row,) = (row for row in BackupsProbe().read(away.runbook, SystemClock()).rows if row.label == "ARP")
    assert row.data["path"] == outcome.values["path"]
    assert row.data["depth"] == 4
    data = bytearray((there / name).read_bytes())
    data[len(data) // 2] ^= 1
    (there / name).write_bytes(data)
    assert "SHA-256" in check.evaluate(away).summary
    assert not validate.apply(away, validate.plan(away)).ok
    (there / name).unlink()
    assert "is not there" in validate.plan(away).refusal


def test_connection_that_drops_publishes_nothing(away: Context, host: OtherHost, there: Path) -> None:
    writing = ssh_place(away, f"ssh backup-host:{there}").open("x.sql.gz")
    writing.write(b"x" * 300_000)
    wait_for(lambda: listed(there) == [".x.sql.gz.partial"])
    host.drop()
    with pytest.raises(MidwatchError, match="connection to backup-host broke, after"):
        write_for_ever(writing)
    writing.abort()
    wait_for(lambda: listed(there) == [])


def test_connection_that_drops_at_the_last_moment_publishes_nothing(
    away: Context, host: OtherHost, there: Path
) -> None:
    """Everything was sent; whether it arrived nobody told us."""
    writing = ssh_place(away, f"ssh backup-host:{there}").open("x.sql.gz")
    writing.write(b"all of it")
    wait_for(lambda: listed(there) == [".x.sql.gz.partial"])
    host.drop()
    with pytest.raises(MidwatchError, match="broke"):
        writing.commit(9, "0" * 64)
    writing.abort()
    wait_for(lambda: listed(there) == [])


@pytest.mark.parametrize(("size", "digest"), [(9, "0" * 64), (10, "")], ids=["digest", "size"])
def test_file_that_differs_on_the_remote_host_is_not_published(
    away: Context, there: Path, size: int, digest: str
) -> None:
    writing = ssh_place(away, f"ssh backup-host:{there}").open("x.sql.gz")
    writing.write(b"all of it")
    with pytest.raises(MidwatchError, match="size or SHA-256 differs"):
        writing.commit(size, digest)
    writing.abort()
    assert listed(there) == []


def test_file_that_is_there_is_never_replaced(away: Context, there: Path) -> None:
    there.mkdir(parents=True)
    (there / "x.sql.gz").write_text("earlier")
    writing = ssh_place(away, f"ssh backup-host:{there}").open("x.sql.gz")
    writing.write(b"")
    with pytest.raises(MidwatchError, match="refuses"):
        writing.commit(0, hashlib.sha256().hexdigest())
    writing.abort()
    assert listed(there) == ["x.sql.gz"]
    assert (there / "x.sql.gz").read_text() == "earlier"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_full_disk_on_the_remote_host_publishes_nothing(arp: Target, away: Context, there: Path) -> None:
    there.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "midwatch-test", there], check=True, timeout=20)
    try:
        (there / "earlier").write_text("kept")
        assert "would be" in EmergencyBackup(arp).plan(away).refusal
        writing = ssh_place(away, f"ssh backup-host:{there}").open("x.sql.gz")
        with pytest.raises(MidwatchError, match="disk of backup-host is full, after"):
            write_for_ever(writing)
        writing.abort()
        assert listed(there) == ["earlier"]
    finally:
        subprocess.run(["umount", "--lazy", there], check=True, timeout=20)


def test_why_a_host_is_passed_over_is_said_for_each(arp: Target, away: Context, host: OtherHost, there: Path) -> None:
    place = (f"ssh backup-host:{there}",)
    host.configure(known=False)
    assert "host key of backup-host is not known here" in EmergencyBackup(arp, destination=place).plan(away).refusal
    host.configure(key="stranger_key")
    assert "backup-host refuses the login" in EmergencyBackup(arp, destination=place).plan(away).refusal
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        host.configure(port=nobody.getsockname()[1])
        plan = EmergencyBackup(arp, destination=(*place, "second")).plan(away)
    assert plan.refusal == ""
    assert any(label == "passed over" and "backup-host cannot be reached" in text for label, text in plan.facts)
    (created,) = (effect for effect in plan.effects if effect.verb.touches)
    assert created.object.startswith("second/")


def test_folder_without_permission_is_refused(arp: Target, away: Context) -> None:
    assert "refuses" in EmergencyBackup(arp, destination=("ssh backup-host:/proc/1/x",)).plan(away).refusal


@pytest.mark.parametrize(
    ("text", "shown", "folder"),
    [
        ("ssh://h/dir", "ssh://h/dir", "/dir"),
        ("ssh://u@h:2222/a/b/", "ssh://u@h:2222/a/b", "/a/b"),
        ("ssh://h/~/dir", "ssh://h/~/dir", "dir"),
        ("ssh h:dir", "ssh://h/~/dir", "dir"),
        ("ssh u@h:/dir", "ssh://u@h/dir", "/dir"),
        ("ssh://[::1]:22/dir", "ssh://[::1]:22/dir", "/dir"),
    ],
)
def test_places_are_read_and_written(context: Context, text: str, shown: str, folder: str) -> None:
    place = ssh_place(context, text)
    assert (str(place), place.folder) == (shown, folder)
    again, name = locate(context.runbook, place.location("x.gz"))
    assert (again, name) == (place, "x.gz")


@pytest.mark.parametrize(
    "text", ["ssh://-oProxyCommand=x/dir", "ssh -oProxyCommand=x:dir", "ssh://", "ssh h", "ssh://-u@h/dir"]
)
def test_host_is_never_taken_for_an_option(text: str) -> None:
    with pytest.raises(BadInput):
        parse(text, None)


class Interrupting(Listening):
    """A console that drops the line as soon as a backup is restored for a look."""

    def __init__(self, host: OtherHost) -> None:
        super().__init__()
        self._host = host

    def say(self, text: str) -> None:
        super().say(text)
        if "restoring it for a look" in text:
            self._restoring = True

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        if getattr(self, "_restoring", False):
            self._host.drop()


def test_remote_backup_is_restored_for_inspection_without_a_local_copy(
    fresh: Target, away: Context, host: OtherHost, tmp_path: Path
) -> None:
    """With its roles, in a stream: nothing of it lies here afterwards. A line that drops is no fault of the backup."""
    with superuser(fresh, fresh.database) as connection:
        connection.execute("DROP ROLE IF EXISTS keeper; CREATE ROLE keeper")
        connection.execute(
            "CREATE TABLE stock AS SELECT g, sha512(g::text::bytea) AS t FROM generate_series(1, 80000) g"
        )
        connection.execute("ALTER TABLE stock OWNER TO keeper")
    action = EmergencyBackup(fresh, digests=True, globals=True)
    location = action.apply(away, action.plan(away)).values["path"]
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    deep = ValidateBackup(path=location, restore=True)
    plan = deep.plan(away)
    assert plan.refusal == ""
    with pytest.raises(OutcomeUnknown, match="cannot be reached"):
        deep.apply(replace(away, console=Interrupting(host)), plan)
    outcome = deep.apply(away, plan)
    assert outcome.ok, outcome.summary
    assert outcome.values["depth"] == "5"
    assert "so is the content" in outcome.summary
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == kept
    with superuser(fresh, fresh.database) as connection:
        connection.execute("DROP TABLE stock; DROP ROLE keeper")


def test_plan_is_bound_to_the_key_of_the_host(arp: Target, away: Context, host: OtherHost) -> None:
    """Another host that has the same name, and whose key somebody made known since, is another destination."""
    plan = EmergencyBackup(arp).plan(away)
    said = subprocess.run(
        ["ssh-keygen", "-lf", host.folder / "host_key.pub"], capture_output=True, text=True, check=True
    )
    assert f"host key ssh-ed25519 {said.stdout.split()[1]}" in plan.bindings["destination"]
    with pytest.MonkeyPatch.context() as patch, other_host_beside(host) as impostor:
        patch.setattr(host, "port", impostor.port)
        host.configure()
        (host.folder / "known_hosts").write_text(
            f"[127.0.0.1]:{impostor.port} {(impostor.folder / 'host_key.pub').read_text()}"
        )
        with pytest.raises(Refused, match="destination ssh://backup-host"):
            EmergencyBackup(arp).plan(away).require_within(plan)


@contextlib.contextmanager
def other_host_beside(host: OtherHost) -> Iterator[OtherHost]:
    """A second host, with a key of its own, that lets the first one's user in."""
    folder = host.folder / "beside"
    folder.mkdir()
    with other_host(folder) as found:
        shutil.copy(host.folder / "good_key.pub", folder / "authorized_keys")
        yield found
