"""Heads go to a witness while the incident lives, and a journal that was built anew contradicts it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.inspection import Finding, Standing, inspect
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.codec import NO_LINE, decode, digest, encode
from midwatch.journal.witness import Witness, statement
from midwatch.journal.witness_comparison import Head, heads_witnessed
from midwatch.runbook.loader import load
from tests.support.users import needs_root

RUNBOOK = """\
midwatch: 1
id: small
title: Small
severity: SEV-3
phases: [{title: One, steps: [{id: one, title: One}]}]
"""
JOURNALD = Path("/usr/lib/systemd/systemd-journald")


class Log:
    """A datagram socket as the system's log has one, and a file that keeps what came, as rsyslog writes it."""

    def __init__(self, folder: Path) -> None:
        self.address, self.file = folder / "log", folder / "syslog"
        self._receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._receiver.bind(str(self.address))
        self._receiver.setblocking(False)

    def keep(self) -> list[bytes]:
        """Write what came to the file; all datagrams so far."""
        came = []
        with contextlib.suppress(BlockingIOError), self.file.open("ab") as file:
            while True:
                came.append(self._receiver.recv(65536))
                file.write(came[-1] + b"\n")
        return came

    def close(self) -> None:
        self._receiver.close()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    log = Log(tmp_path)
    monkeypatch.setenv("MIDWATCH_WITNESS", f"syslog:{log.address}")
    monkeypatch.setenv("PATH", str(tmp_path))  # the journald of this machine is not asked
    yield log
    log.close()


def incident(place: Path, notes: int = 60, book: str = RUNBOOK) -> IncidentController:
    (place / "runbook.yaml").write_text(book, encoding="utf-8")
    controller = IncidentController.declare(load(place / "runbook.yaml"), actor="ada@test")
    for number in range(notes):
        controller.note(f"note {number}")
    return controller


def rewrite(journal: Path, seq: int, word: bytes = b"note", by: bytes = b"lie ") -> None:
    """Change one event and build the chain anew, as whoever may write the file can."""
    prev, lines = NO_LINE, []
    for number, line in enumerate(journal.read_bytes().rstrip(b"\0").splitlines(), start=1):
        event, _ = decode(line.replace(word, by) if number == seq else line)
        lines.append(encode(event, prev))
        prev = digest(lines[-1])
    journal.write_bytes(b"\n".join(lines) + b"\n")


def witnessed(folder: IncidentFolder, *files: Path) -> list[Finding]:
    return [finding for finding in inspect(folder, syslog_files=files) if finding.item == "witness"]


def test_heads_go_out_at_declaration_driver_changes_updates_closure_and_every_25_events(here: Path, log: Log) -> None:
    controller = incident(here)
    controller.update("all is well")
    controller.leave()
    controller = IncidentController.resume(controller.folder, actor="ada@test")
    controller.skip("one", "not needed")
    controller.close(reason="done")
    sent = [re.search(rb"event (\d+) head ([0-9a-f]{64})$", line) for line in log.keep()]
    events = {int(found[1]): found[2].decode() for found in sent if found}
    assert len(events) == len(sent)
    lines = controller.folder.journal.read_bytes().splitlines()
    assert all(digest(lines[seq - 1]) == head for seq, head in events.items())
    kinds = {seq: decode(lines[seq - 1])[0].kind for seq in events}
    assert {
        EventKind.DECLARED,
        EventKind.DRIVER_JOINED,
        EventKind.UPDATE,
        EventKind.DRIVER_LEFT,
        EventKind.CLOSED,
    } <= set(kinds.values())
    assert max(later - earlier for earlier, later in zip(sorted(events), sorted(events)[1:], strict=False)) <= 26


def test_witnessed_heads_are_found_in_an_honest_journal(here: Path, log: Log) -> None:
    controller = incident(here)
    controller.leave()
    count = len(log.keep())
    (found,) = witnessed(controller.folder, log.file)
    assert (found.standing, found.detail) == (Standing.GOOD, f"witnessed by {log.file}: {count} heads, all found")


def test_journal_that_was_built_anew_is_found_by_its_witness(here: Path, log: Log) -> None:
    controller = incident(here)
    controller.leave()
    log.keep()
    rewrite(controller.folder.journal, 20)
    findings = inspect(controller.folder, syslog_files=[log.file])
    assert findings[0].standing is Standing.GOOD  # the chain itself cannot show it
    (found,) = [finding for finding in findings if finding.item == "witness"]
    assert found.standing is Standing.WRONG
    assert re.search(r"event \d+ was witnessed by .* with another head: the journal was rewritten", found.detail)


def test_journal_whose_end_was_cut_off_is_found_by_its_witness(here: Path, log: Log) -> None:
    controller = incident(here)
    controller.leave()
    log.keep()
    lines = controller.folder.journal.read_bytes().rstrip(b"\0").splitlines(keepends=True)
    controller.folder.journal.write_bytes(b"".join(lines[:10]))
    (found,) = witnessed(controller.folder, log.file)
    assert found.standing is Standing.WRONG
    assert "is missing: the end was cut off" in found.detail


def test_line_that_somebody_added_to_syslog_beside_the_true_one_proves_nothing(here: Path, log: Log) -> None:
    controller = incident(here)
    controller.leave()
    log.keep()
    with log.file.open("ab") as file:
        file.write(f"midwatch: {statement(controller.folder.path, 1, 'f' * 64)}\n".encode())
    (found,) = witnessed(controller.folder, log.file)
    assert found.standing is Standing.UNKNOWN
    assert "does not say who wrote that line" in found.detail


def test_incident_of_the_same_name_in_another_folder_is_no_contradiction(here: Path, log: Log, tmp_path: Path) -> None:
    controller = incident(here)
    controller.leave()
    log.keep()
    copied = tmp_path / "elsewhere" / controller.folder.id
    shutil.copytree(controller.folder.path, copied)
    rewrite(copied / "journal.jsonl", 20)
    (found,) = witnessed(IncidentFolder(copied), log.file)
    assert found.standing is Standing.NOTE
    assert "of an incident of this name in another folder" in found.detail


def test_machine_without_a_witness_is_named(here: Path, log: Log) -> None:
    controller = incident(here, notes=0)
    controller.leave()
    (found,) = witnessed(controller.folder)
    assert (found.standing, found.detail) == (Standing.NOTE, "no witness on this machine")


@pytest.mark.parametrize("where", ["runbook", "environment", "unknown"])
def test_site_that_wants_no_witness_sends_nothing(
    here: Path, log: Log, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where != "runbook":
        monkeypatch.setenv("MIDWATCH_WITNESS", "off" if where == "environment" else f"tcp:{log.address}")
    incident(here, notes=1, book=RUNBOOK + ("witness: false\n" if where == "runbook" else "")).leave()
    assert log.keep() == []


def test_site_file_decides_over_the_runbook(here: Path, log: Log) -> None:
    (here / "site.yaml").write_text("midwatch-site: 1\nwitness: true\n", encoding="utf-8")
    incident(here, notes=0, book=RUNBOOK + "witness: false\n").leave()
    assert log.keep()


@pytest.mark.parametrize("kind", ["full", "stream", "gone", "pipe"])
def test_log_that_takes_nothing_never_holds_up_the_driver(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    address = tmp_path / "log"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM)
    if kind == "pipe":
        os.mkfifo(address)
    elif kind != "gone":
        listener.bind(str(address))
    monkeypatch.setenv("MIDWATCH_WITNESS", f"syslog:{address}")
    controller = incident(here, notes=0)
    witness = Witness(controller.folder.path)
    for seq in range(500):  # nobody reads: the socket is full after some of them
        witness.sees(EventKind.UPDATE, seq, "0" * 64)
    controller.leave()
    assert controller.events
    listener.close()


def test_folder_with_an_escape_sequence_in_its_name_stays_one_line_of_ascii(tmp_path: Path, log: Log) -> None:
    folder = tmp_path / 'a\n"\x1b[31mé' / "INC-1"
    Witness(folder).sees(EventKind.DECLARED, 1, "a" * 64)
    (line,) = log.keep()
    assert line.isascii()
    assert line.decode().isprintable()
    log.file.write_bytes(line + b"\n")
    (said,) = heads_witnessed(folder, syslog_files=[log.file])
    assert said.heads == (Head(str(folder), 1, "a" * 64),)


INSIDE = """
import json, os, socket, subprocess, sys, time
from pathlib import Path
for _ in range(100):
    if os.path.exists("/run/systemd/journal/socket"):
        break
    time.sleep(0.1)
sys.path.insert(0, {tests!r})
os.chdir({here!r})
os.environ.pop("MIDWATCH_WITNESS", None)
from tests.journal.test_witness import incident, rewrite, witnessed
from tests.support.users import MALLORY, run_as
from midwatch.engine.inspection import Standing
from midwatch.journal.witness import Witness
from midwatch.incident.events import EventKind
controller = incident(Path({here!r}))
controller.leave()
folder = controller.folder

def until(standing):
    for _ in range(100):
        found = witnessed(folder)
        if any(one.standing is standing for one in found):
            return [one.to_json() for one in found]
        time.sleep(0.1)
    return [one.to_json() for one in witnessed(folder)]

honest = until(Standing.GOOD)
run_as(MALLORY, lambda: Witness(folder.path).sees(EventKind.DECLARED, 1, "f" * 64))
for _ in range(100):
    forged = [one.to_json() for one in witnessed(folder)]
    if len(forged) > 1:
        break
    time.sleep(0.1)
rewrite(folder.journal, 20)
print(json.dumps([honest, forged, until(Standing.WRONG)]))
"""


@needs_root
@pytest.mark.skipif(not JOURNALD.exists(), reason="no systemd-journald on this machine")
def test_real_journald_bears_witness_and_does_not_believe_other_users(reachable: Path) -> None:
    """A journald of the test's own, in a private namespace of mounts, so that the machine's log stays as it is."""
    script = reachable / "inside.py"
    script.write_text(INSIDE.format(tests=str(Path(__file__).parents[2]), here=str(reachable)))
    setup = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/log/journal || exit 9; "
    setup += f"{JOURNALD} >/dev/null 2>&1 & P=$!; {sys.executable} {script}; C=$?; kill $P; wait $P; exit $C"
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", setup],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    honest, forged, rewritten = json.loads(done.stdout)
    assert re.search(r"witnessed by journald: \d+ heads, all found", honest[-1]["detail"])
    assert {one["standing"] for one in forged} == {"good", "note"}
    assert "1 heads in journald come from users who may not drive it" in forged[0]["detail"]
    wrong = next(one for one in rewritten if one["standing"] == "wrong")
    assert "was witnessed by journald with another head: the journal was rewritten" in wrong["detail"]
