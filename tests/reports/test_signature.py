"""Signed exports, with real keys, a real agent and the command line: what was changed shows, and who signed is
named."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.reports.signature import KEY, SIGNERS, sign, signature_of, signer_of, usual_key, usual_signers
from midwatch.reports.timeline import timeline
from midwatch.system.errors import BadInput, Failed
from tests.reports import night
from tests.support.program import MIDWATCH, midwatch_text

pytestmark = [pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no OpenSSH client"), pytest.mark.slow]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of our own, without keys and without an agent."""
    place = tmp_path / "home"
    (place / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return place


def make_key(path: Path, passphrase: str = "") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", path],
        check=True,
        timeout=60,
        capture_output=True,
    )
    return path


@pytest.fixture
def key(home: Path) -> Path:
    return make_key(home / ".ssh" / "id_ed25519")


def list_signer(home: Path, name: str, key: Path, options: str = 'namespaces="midwatch" ') -> Path:
    listed = home / ".ssh" / "allowed_signers"
    listed.write_text(f"{name} {options}{key.with_name(key.name + '.pub').read_text()}")
    return listed


@pytest.fixture
def export(tmp_path: Path, key: Path) -> Path:
    """A timeline, signed."""
    told = night.events()
    path = tmp_path / "timeline.md"
    path.write_text(timeline(night.runbook(), told, night.journal(tmp_path, told)), encoding="utf-8")
    signature_of(path).write_text(sign(path.read_bytes(), key))
    return path


def verify(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return midwatch_text("verify", *map(str, arguments), cwd=cwd)


def test_signer_is_named_from_the_list(export: Path, key: Path, home: Path) -> None:
    found = signer_of(export, list_signer(home, "ada@example.org", key))
    assert found.name == "ada@example.org"
    assert found.key.startswith("ED25519 key SHA256:")


def test_key_on_no_list_or_for_another_purpose_names_nobody(export: Path, key: Path, home: Path) -> None:
    assert signer_of(export, None).name == ""
    other = make_key(home / "other")
    assert signer_of(export, list_signer(home, "grace", other)).name == ""
    assert signer_of(export, list_signer(home, "ada", key, 'namespaces="git" ')).name == ""


@pytest.mark.parametrize("where", [0, 200, -1])
def test_changed_export_does_not_match_its_signature(export: Path, where: int) -> None:
    data = bytearray(export.read_bytes())
    data[where] ^= 1
    export.write_bytes(data)
    with pytest.raises(Failed, match="is not what was signed"):
        signer_of(export, None)


def test_signature_that_is_rubbish_or_missing_is_bad_input(export: Path) -> None:
    signature_of(export).write_text("rubbish")
    with pytest.raises(Failed, match="is not what was signed"):
        signer_of(export, None)
    signature_of(export).unlink()
    with pytest.raises(BadInput, match="is not signed"):
        signer_of(export, None)


def test_key_with_a_passphrase_never_asks(home: Path) -> None:
    locked = make_key(home / "locked", "a long passphrase")
    with pytest.raises(Failed, match="cannot sign") as told:
        sign(b"data", locked)
    assert "ssh-add" in told.value.hint


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_agent_signs_where_only_the_public_key_is_here(home: Path, tmp_path: Path, agent: None) -> None:
    key = make_key(home / ".ssh" / "id_ed25519")
    deadline = 50
    while subprocess.run(["ssh-add", "-q", key], check=False, capture_output=True, timeout=10).returncode and deadline:
        deadline -= 1
    key.unlink()
    found = usual_key()
    assert found == key  # named as usual, though only its public half is here
    path = tmp_path / "file"
    path.write_bytes(b"data")
    signature_of(path).write_text(sign(b"data", found))
    assert signer_of(path, list_signer(home, "ada", key)).name == "ada"


def test_key_and_signers_are_found_in_the_usual_locations(
    home: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert usual_key() == key
    assert usual_signers() is None
    list_signer(home, "ada", key)
    assert usual_signers() == home / ".ssh" / "allowed_signers"
    monkeypatch.setenv(KEY, "~/work")
    monkeypatch.setenv(SIGNERS, "~/all")
    assert (usual_key(), usual_signers()) == (home / "work", home / "all")


def test_command_says_who_and_holds_it_against_the_journal(export: Path, key: Path, home: Path, tmp_path: Path) -> None:
    unknown = verify(export, cwd=tmp_path)
    assert (unknown.returncode, "no list of signers" in unknown.stdout) == (3, True)
    listed = list_signer(home, "ada", key)
    good = verify(export, cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert "signed by ada" in good.stdout
    changed = export.read_text().replace("permission denied", "permission granted")
    export.write_text(changed)
    forged = verify(export, "--signers", listed, cwd=tmp_path)
    assert forged.returncode == 1
    assert "NOT so" in forged.stdout


def test_missing_ssh_keygen_is_one_sentence(
    export: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failed, match="There is no ssh-keygen here"):
        sign(b"data", key)


def test_slow_key_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh-keygen").write_text("#!/bin/sh\nexec sleep 60\n")
    (programs / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr("midwatch.reports.signature._LIMIT", 0.2)
    with pytest.raises(Failed, match="did not end within"):
        sign(b"data", key)


RUNBOOK = """\
midwatch: 1
id: small
title: Small
severity: SEV-3
phases: [{title: One, section: "1", steps: [{id: one, title: One}]}]
"""


@pytest.mark.parametrize("kind", [[], ["--post-mortem"]])
def test_export_from_the_command_line_is_signed_and_verified(
    kind: list[str], home: Path, tmp_path: Path, here: Path
) -> None:
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.runbook.loader import load

    (here / "runbook.yaml").write_text(RUNBOOK)
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    controller.note("a first word")
    controller.leave()

    def export(*more: str) -> subprocess.CompletedProcess[str]:
        argv = [MIDWATCH, "export", "latest", "-o", "out.md", *kind, *more]
        return subprocess.run(argv, cwd=here, capture_output=True, text=True, timeout=60, check=False)

    assert export().returncode == 0
    assert not (here / "out.md.sig").exists()
    key = make_key(home / ".ssh" / "id_ed25519")
    assert "signed: out.md.sig" in export().stderr
    list_signer(home, "ada", key)
    good = verify("out.md", cwd=here)
    assert good.returncode == 0, good.stdout + good.stderr
    assert f"has these {len(controller.events)} events" in good.stdout
    controller.folder.journal.write_bytes(
        controller.folder.journal.read_bytes().replace(b"a first word", b"another word")
    )
    forged = verify("out.md", cwd=here)
    assert forged.returncode == 1
    assert "was changed" in forged.stdout
    assert export("--no-sign").returncode == 0
    assert "was changed" in (here / "out.md").read_text()
    failed = export("--key", "nowhere")
    assert (failed.returncode, "cannot sign" in failed.stderr) == (1, True)
