"""Encrypted backups: made with public keys alone, read by their holders, and by nobody else; what is damaged never
passes."""

from __future__ import annotations

import contextlib
import gzip
import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.checks.backup import CheckBackup
from actions.checks.nightly_set import CheckNightlySet
from actions.cleanup.backup_sets import measured, sets_on_disk
from actions.emergency_backup import EmergencyBackup
from actions.nightly_backup import NightlyBackup
from actions.restore import Restore
from actions.validate_backup import ValidateBackup
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import BadInput, Failed, MidwatchError, Refused
from probes.backup.age_encryption import Encrypting, plain
from probes.backup.age_keys import Recipient, recipients_of
from probes.backup.manifest import Manifest
from probes.backups import BackupsProbe
from probes.postgres.tools import find_tools
from tests.support.actions import run_action
from tests.support.keys import OURS, PUBLIC
from tests.support.superuser import superuser


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `mine` (age), `ssh` and `ssh.pub`, `other` (age), and `team`, a file of public keys."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "mine").write_text(f"# created today\n{OURS}\n")
    (folder / "other").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada@bastion", "-f", folder / "ssh"], check=True
    )
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a word", "-f", folder / "shut"], check=True)
    (folder / "team").write_text(f"# who may read backups\n\n{PUBLIC}\n{(folder / 'ssh.pub').read_text()}")
    return folder


@pytest.mark.postgres
def test_encrypted_backup_is_read_by_holders_of_a_key_alone(arp: Target, context: Context, keys: Path) -> None:
    action = EmergencyBackup(arp, encrypt_to=(str(keys / "team"),), globals=True)
    plan = action.plan(context)
    told = dict(plan.facts)
    assert told["encrypted"].startswith(f"to {PUBLIC[:12]}…{PUBLIC[-4:]}, ssh-ed25519 ada@bastion")
    assert told["depth"] == "4 while it is written"
    outcome = action.apply(context, plan)
    path = Path(outcome.values["path"])
    assert path.name.endswith(".sql.gz.age")
    manifest = Manifest.read(path)
    assert manifest is not None
    assert (manifest.depth, manifest.streamed, len(manifest.recipients)) == (4, 4, 2)
    assert str(OURS) not in path.with_name(path.name + ".manifest.json").read_text()
    archive = gzip.decompress(pyrage.decrypt(path.read_bytes(), [OURS]))
    listed = subprocess.run(
        [find_tools(context.runbook).pg_restore, "--list"], input=archive, capture_output=True, check=True
    )
    assert b"payments" in listed.stdout
    roles = gzip.decompress(pyrage.decrypt(path.with_name(f"globals.{path.name}").read_bytes(), [OURS]))
    assert b"CREATE ROLE" in roles
    context.location("backups").mkdir()
    assert CheckBackup(arp, emergency=True).evaluate(context).ok
    row = next(row for row in BackupsProbe().read(context.runbook, context.clock).rows if row.label == arp.label)
    assert "depth 4" in row.text
    assert ("encrypted", "to 2 public keys; read in the stream before that: depth 4") in row.facts
    for key in ("mine", "ssh"):
        read = run_action(ValidateBackup(path=str(path), identity=keys / key), context)
        assert (read.ok, read.values["depth"]) == (True, "4"), read.summary
    with pytest.raises(Failed, match="does not open"):
        run_action(ValidateBackup(path=str(path), identity=keys / "other"), context)
    with pytest.raises(Refused, match="passphrase"):
        run_action(ValidateBackup(path=str(path), identity=keys / "shut"), context)


@pytest.mark.postgres
def test_validation_without_the_key_counts_the_depth_reached_before_for_the_same_bytes(
    arp: Target, context: Context, keys: Path
) -> None:
    path = Path(run_action(EmergencyBackup(arp, encrypt_to=(PUBLIC,)), context).values["path"])
    closed, open_ = ValidateBackup(path=str(path)), ValidateBackup(path=str(path), identity=keys / "mine")
    outcome = run_action(closed, context)
    assert (outcome.ok, outcome.values["depth"]) == (True, "4")
    assert "SHA-256 holds, depth 4 (row counts match)" in outcome.summary
    assert "not read again, since it is encrypted" in outcome.summary
    manifest = Manifest.read(path)
    assert manifest is not None
    replace(manifest, depth=1).write(path)
    assert not run_action(closed, context).ok
    manifest.write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000] + bytes([whole[-1000] ^ 1]) + whole[-999:])
    assert "SHA-256 is not that of its manifest" in run_action(closed, context).summary
    assert "damaged: it cannot be decrypted" in run_action(open_, context).summary
    path.with_name(path.name + ".manifest.json").unlink()
    path.write_bytes(whole)
    assert "no manifest to compare with" in run_action(closed, context).summary
    assert run_action(open_, context).values["depth"] == "3"


@pytest.mark.postgres
def test_encrypted_backup_is_restored_with_the_key_and_refused_without(
    fresh: Target, context: Context, keys: Path
) -> None:
    with superuser(fresh, fresh.database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 3000) g")
    path = Path(run_action(EmergencyBackup(fresh, encrypt_to=(PUBLIC,), digests=True), context).values["path"])
    assert "is encrypted" in Restore(fresh).plan(context).refusal
    assert "is encrypted" in ValidateBackup(path=str(path), restore=True).plan(context).refusal
    assert "does not open" in Restore(fresh, identity=keys / "other").plan(context).refusal
    outcome = run_action(Restore(fresh, identity=keys / "mine"), context)
    assert "as in the dump's snapshot, and so is the content of each" in outcome.summary
    with superuser(fresh) as admin:
        admin.execute(f"DROP DATABASE {outcome.values['database']}".encode())
    deep = run_action(ValidateBackup(path=str(path), restore=True, identity=keys / "mine"), context)
    assert (deep.ok, deep.values["depth"]) == (True, "5"), deep.summary


@pytest.mark.postgres
def test_nightly_set_is_encrypted_and_counts(production: object, context: Context, keys: Path) -> None:
    places = {**context.runbook.locations, "recipients": str(keys / "team")}
    site = replace(context, runbook=replace(context.runbook, locations=places))
    site.location("backups").mkdir()
    target = site.runbook.targets["gps-db-prod"]
    folder = Path(run_action(NightlyBackup(targets=(target,)), site).values["set"])
    assert {path.name for path in folder.iterdir() if not path.name.endswith(".json")} == {
        "checksums.sha256",
        f"{target.database}.dump.gz.age",
        f"globals.{target.database}.sql.gz.age",
    }
    subprocess.run(["sha256sum", "-c", "--quiet", "checksums.sha256"], cwd=folder, check=True)
    assert f"{target.label} is" not in CheckNightlySet().evaluate(site).summary
    only = replace(site, runbook=replace(site.runbook, targets={target.name: target}))
    for identity, words in ((None, "depth 4; checksums hold"), (keys / "mine", "depth 4; checksums hold")):
        outcome = run_action(ValidateBackup(identity=identity), only)
        assert outcome.ok
        assert words in outcome.summary
    sets, _ = sets_on_disk(site.location("backups"), [target.database])
    pg_restore, now = find_tools(site.runbook).pg_restore, site.clock.now()
    (one,) = measured(sets, [target.database], pg_restore, site.location("backups"), now=now, limit=60)
    assert one.depths == {target.database: 3}


def test_private_key_as_recipient_is_refused_and_never_shown(keys: Path, tmp_path: Path) -> None:
    for text in (str(OURS), str(keys / "mine"), str(keys / "ssh")):
        with pytest.raises(BadInput, match="private key") as refused:
            recipients_of([text], Path)
        assert str(OURS)[20:40] not in str(refused.value)
    (tmp_path / "empty").write_text("# nobody\n")
    for text, words in (
        (str(tmp_path / "empty"), "holds no public key"),
        (str(tmp_path / "missing"), "cannot be read"),
        (PUBLIC[:-1] + ("q" if PUBLIC[-1] != "q" else "p"), "is no public key"),
        ("ssh-rsa AAAA rubbish", "is no public key"),
    ):
        with pytest.raises(BadInput, match=words):
            recipients_of([text], Path)


@given(st.binary(max_size=300))
def test_file_of_keys_is_read_or_refused_in_a_sentence(data: bytes) -> None:
    file = Path("/dev/shm") / "midwatch-test-keys"
    file.write_bytes(data)
    try:
        with contextlib.suppress(MidwatchError):
            assert recipients_of([str(file)], Path)
    finally:
        file.unlink()


class Kept(bytearray):
    """Where encrypted bytes go."""

    def write(self, data: bytes) -> None:
        self.extend(data)


def sealed(pieces: list[bytes]) -> bytes:
    out = Kept()
    encrypting = Encrypting(out, [Recipient(PUBLIC)])
    for piece in pieces:
        encrypting.write(piece)
    encrypting.close()
    return bytes(out)


def unsealed(data: bytes, folder: Path) -> bytes:
    with plain(io.BytesIO(data), "x.age", folder / "mine") as stream:  # type: ignore[arg-type]  # bytes as they are
        return stream.read()


@given(st.lists(st.binary(max_size=70_000), max_size=6), st.floats(0, 1, exclude_max=True))
def test_encrypted_bytes_come_back_whole_and_never_when_cut(keys: Path, pieces: list[bytes], share: float) -> None:
    packed = sealed(pieces)
    assert unsealed(packed, keys) == b"".join(pieces)
    with pytest.raises(OSError, match="cannot be decrypted"):
        unsealed(packed[: int(share * len(packed))], keys)


def test_aborted_encrypted_backup_cannot_be_opened_and_a_full_destination_is_named(keys: Path) -> None:
    out = Kept()
    encrypting = Encrypting(out, [Recipient(PUBLIC)])
    encrypting.write(b"half a dump" * 20_000)
    encrypting.stop()
    with pytest.raises(OSError, match="cannot be decrypted"):
        unsealed(bytes(out), keys)

    class Full:
        def write(self, data: bytes) -> None:
            raise Failed("The disk is full after 1 MB", hint="Choose another place")

    encrypting = Encrypting(Full(), [Recipient(PUBLIC)])
    with contextlib.suppress(Failed):
        for _ in range(100):
            encrypting.write(b"x" * 1_000_000)
    with pytest.raises(Failed, match="disk is full"):
        encrypting.close()
