"""`midwatch declare`, and the receiver of docs/communication.md with a real Alertmanager delivery by HTTP."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from midwatch.engine.repository import incidents
from tests.support.alerts import alertmanager
from tests.support.program import MIDWATCH, midwatch
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
RUNBOOK = """\
midwatch: 1
title: Small
severity: SEV-2
channels: {incident: {kind: file, path: told.jsonl}}
phases: [{title: All, steps: [{id: look, title: Look}]}]
"""


def test_declare_without_a_screen_and_by_a_file_tells_the_channel(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    assert b"SEV-3. Walk through it" in midwatch("declare", "--severity", "SEV-3", cwd=here).stdout
    delivery = alertmanager("a1")
    delivery["alerts"].append({"status": "firing"})  # one that cannot be read costs no other one
    (here / "alert").write_text(json.dumps(delivery), encoding="utf-8")
    done = midwatch("declare", "--from-alert", "alert", cwd=here)
    assert (done.returncode, b"is declared, SEV-1: BackupDiskFull." in done.stdout) == (2, True)
    assert re.search(rb"Seen before: INC-\S+-small, less than a day ago, SEV-3, still open\.\n", done.stdout)
    assert done.stderr == b"midwatch: 1 of 2 alerts cannot be read: an alert in it has no labels.\n"
    told = here / "told.jsonl"
    wait_for(lambda: told.exists() and "nAlert of alertmanager: BackupDisk" in told.read_text(), "the message")
    for arguments, stdin in ((("--join",), b""), (("--from-alert", "none"), b""), (("--from-alert", "-"), b"{")):
        done = midwatch("declare", *arguments, cwd=here, stdin=stdin)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


@pytest.mark.slow
def test_receiver_of_the_documentation_declares_by_a_delivery_of_alertmanager(here: Path) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (here / "token").write_text("s3cr3t\n", encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PATH": f"{MIDWATCH.parent}:{os.environ['PATH']}"}
    command = [sys.executable, str(ROOT / "docs/examples/alert-receiver.py"), str(port), "token", "runbook.yaml"]
    receiver = subprocess.Popen(command, cwd=here, env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"

    def is_listening() -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", port)) == 0

    def post(body: object, token: str = "s3cr3t") -> int:
        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    try:
        wait_for(is_listening, "the receiver")
        assert [post(alertmanager("a1")), post({}), post(alertmanager("a1"), "wrong")] == [200, 400, 401]
    finally:
        receiver.terminate()
        receiver.wait()
    assert len(incidents(here / "logs")) == 1
