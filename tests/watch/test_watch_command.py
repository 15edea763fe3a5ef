"""`midwatch watch` and `midwatch declare --request` on real files, and the real process killed while it runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from midwatch.engine.repository import incidents
from midwatch.journal.reader import read
from midwatch.watch.requests import RequestStore
from tests.support.waiting import wait_for
from tests.watch.watched_runbook import HEAD, LOGS, WatchedRunbook
from tui.cli import main


def notes(place: WatchedRunbook) -> list[str]:
    return [
        str(event.body["text"])
        for folder in incidents(place.runbook.location_of("logs"))
        for event in read(folder.journal)
        if event.kind == "note"
    ]


def test_request_is_declared_joined_and_dismissed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, book = WatchedRunbook(tmp_path), str(tmp_path / "runbook.yaml")
    assert main(["watch", book, "--once"]) == 0
    place.log("[FAILURE] stopped")
    place.log("No space left")
    assert main(["watch", book, "--once"]) == 0
    assert main(["watch", book, "--status"]) == 0
    assert "2 waiting" in capsys.readouterr().out
    assert main(["declare", book, "--request", "stopped"]) == 0
    assert "and 1 more" in capsys.readouterr().out
    store = RequestStore(place.runbook)
    assert [(answer := store.answer_to(r.id)) and answer.word for r in store.every()] == ["declared", "declared"]
    place.log("job x failed", "ci.log")
    assert main(["watch", book, "--once", "--declare"]) == 0  # it joins what is open
    assert [words.partition(".")[0] for words in notes(place)] == [
        "The backup stopped",
        "The disk is full",
        "A job failed",
    ]
    assert store.pending() == []
    assert main(["declare", book, "--request", "stopped"]) == 2
    assert "no request" in capsys.readouterr().err.lower()


@pytest.mark.slow
def test_person_who_opens_midwatch_sees_the_request_and_declares_with_it(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path)
    place.look()
    place.log("[FAILURE] stopped")
    place.look()
    words = [sys.executable, "-m", "midwatch", str(tmp_path / "runbook.yaml"), "--plain"]
    cwd = Path(__file__).parents[2]
    ran = subprocess.run(words, input="y\n", cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert ran.stdout.index("asks to declare: The backup stopped") < ran.stdout.index("Declare one now"), ran.stderr
    assert [note.partition(".")[0] for note in notes(place)] == ["The backup stopped"]
    assert RequestStore(place.runbook).pending() == []


def test_dismissed_request_is_answered_with_its_reason(tmp_path: Path) -> None:
    place, book = WatchedRunbook(tmp_path), str(tmp_path / "runbook.yaml")
    place.log("[FAILURE] stopped")
    assert main(["watch", book, "--once"]) == 0
    assert main(["declare", book, "--request", "latest", "--dismiss", "a test"]) == 0
    store = RequestStore(place.runbook)
    answer = store.answer_to(store.every()[0].id)
    assert answer is not None
    assert (answer.word, answer.reason) == ("dismissed", "a test")
    assert not (tmp_path / "logs/incidents").exists()


def test_request_that_another_user_could_have_made_is_not_read(tmp_path: Path) -> None:
    place = WatchedRunbook(tmp_path)
    place.log("[FAILURE] stopped")
    place.look()
    store, folder = RequestStore(place.runbook), tmp_path / "logs/watch/requests"
    (file,) = folder.glob("*.json")
    forged = json.loads(file.read_text()) | {"id": "forged", "title": "\x1b]0;owned\x07 evil"}
    (folder / "forged.json").write_text(json.dumps(forged))
    assert "\x1b" not in store.every()[-1].line
    (folder / "forged.json").chmod(0o666)
    (folder / "broken.json").write_text("{")
    assert [request.trigger for request in store.every()] == ["stopped"]
    assert len(store.problems) == 2
    folder.chmod(0o777)
    assert store.every() == []


class _Pings(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *given: object) -> None:
        """Says nothing."""


@pytest.mark.slow
def test_killed_watcher_goes_on_where_it_was_and_pings_that_it_lives(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Pings)
    server.seen = seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ping = f"http://127.0.0.1:{server.server_port}/uuid"
    place = WatchedRunbook(tmp_path, LOGS + f"watch: {{every: 100 ms, ping: '{ping}'}}\n")
    words = [sys.executable, "-m", "midwatch", "watch", str(tmp_path / "runbook.yaml")]

    def started() -> subprocess.Popen[bytes]:
        return subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL)

    store = RequestStore(place.runbook)
    process = started()
    try:
        wait_for(lambda: "/uuid" in seen, "the ping of the first look")
        place.log("[FAILURE] stopped")
        wait_for(store.pending, "the request")
        process.kill()
        process.wait()
        (tmp_path / "logs/backup.log").rename(tmp_path / "logs/backup.log.1")
        place.log("No space left")
        process = started()
        wait_for(lambda: len(store.pending()) == 2, "the request of the line that came meanwhile")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()
    assert [request.trigger for request in store.every()] == ["stopped", "full"]
    assert seen[:2] == ["/uuid/start", "/uuid"]


def test_unit_is_well_formed_and_has_little_to_attack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    WatchedRunbook(tmp_path)
    assert main(["watch", str(tmp_path / "runbook.yaml"), "--print-unit"]) == 0
    unit = tmp_path / "midwatch-night-watch.service"
    unit.write_text(capsys.readouterr().out.replace("User=midwatch-watch", f"User={os.geteuid()}"))
    assert f"ReadWritePaths={tmp_path}/logs/watch\n" in unit.read_text()
    shutil.rmtree(tmp_path / "logs")
    assert main(["watch", str(tmp_path / "runbook.yaml"), "--print-unit"]) == 0
    whose = f"-o {os.geteuid()} -g {os.getegid()}"
    assert f"#   install -d {whose} {tmp_path}/logs && install -d -m 2750 -o midwatch-watch " in capsys.readouterr().out
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    verified = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False
    )
    assert unit.name not in verified.stderr, verified.stderr
    security = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=25", unit],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert security.returncode == 0, security.stdout


def test_runbook_without_triggers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runbook.yaml").write_text(HEAD)
    assert main(["watch", str(tmp_path / "runbook.yaml"), "--once"]) == 2
    assert "nothing to watch" in capsys.readouterr().err
