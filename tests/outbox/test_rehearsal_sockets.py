"""A rehearsal is held to this machine at the level of sockets: an audit hook watches every process of Midwatch."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from midwatch.engine.repository import find
from midwatch.outbox.store import OutboxStore
from tests.support.program import MIDWATCH
from tests.support.receivers import receiver
from tests.support.waiting import PATIENCE_S, wait_for

HOOK = """\
import os, sys

def watch(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        seen = args[1] if isinstance(args[1], tuple) else None  # a path: of this machine
    else:
        seen = args[0] if event in ("socket.getaddrinfo", "socket.gethostbyname") else None
    if seen is not None:
        write(f"{event} {seen!r}")

def write(line):
    descriptor = os.open(os.environ["SEEN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{line}\\n".encode())
    os.close(descriptor)

write(f"process {sys.orig_argv!r}")
sys.addaudithook(watch)
"""
RUNBOOK = """\
midwatch: 1
id: told
title: Told
severity: SEV-2
phases: [{title: Work, steps: [{id: look, title: Look}]}]
"""
SITE = """\
midwatch-site: 1
environment: {environment}
channels:
  incident:
    - {{kind: webhook, url: "{url}"}}
    - {{kind: slack, url: {{variable: SECRET_URL}}}}
    - {{kind: teams, url: {{variable: SECRET_URL}}}}
    - {{kind: pagerduty, key: {{variable: SECRET_KEY}}, url: "{url}"}}
    - {{kind: email, to: [a@example.org, b@example.org], from: m@example.org, server: "{host}", tls: none}}
    - {{kind: email, to: c@example.org, from: m@example.org, sendmail: {program}}}
    - {{kind: command, command: {program}}}
    - {{kind: file, path: said.jsonl}}
"""


def play(folder: Path, environment: str, url: str) -> OutboxStore:
    """Declare an incident, send an update and close it, by commands; its outbox."""
    (folder / "hook").mkdir(parents=True)
    (folder / "hook" / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    program = folder / "program"
    program.write_text(f"#!/bin/sh\ncat >> {folder}/ran\n", encoding="utf-8")
    program.chmod(0o700)
    site = SITE.format(environment=environment, url=url, host=urlsplit(url).netloc, program=program)
    (folder / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    (folder / "site.yaml").write_text(site, encoding="utf-8")
    variables = {"PYTHONPATH": str(folder / "hook"), "SEEN": str(folder / "seen"), "SECRET_KEY": "0123456789abcdef"}
    for words in (["declare", "runbook.yaml"], ["update", "--text", "Only words"], ["close", "--reason", "over"]):
        done = subprocess.run(
            [MIDWATCH, *words],
            cwd=folder,
            env=os.environ | variables | {"SECRET_URL": url},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return OutboxStore(find(folder / "logs", "latest").outbox)


def seen(folder: Path) -> list[str]:
    return (folder / "seen").read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
def test_no_process_of_a_rehearsal_connects_or_starts_a_program_whatever_the_site_says(tmp_path: Path) -> None:
    rehearsal, real = tmp_path / "rehearsal", tmp_path / "real"
    with receiver() as trap:
        store = play(rehearsal, "rehearsal", trap.url)
        wait_for(lambda: all(item.state.concluded for item in store.own()), "the fate of every message")
        assert {str(item.state) for item in store.own()} == {"accepted"}
        assert (
            len((store.folder / "rehearsal.jsonl").read_text(encoding="utf-8").splitlines()) == 27
        )  # 9 receivers, 3 messages
        assert any("midwatch.outbox" in line for line in seen(rehearsal))  # the hook was in that process
        assert [line for line in seen(rehearsal) if not line.startswith("process")] == []
        assert not trap.requests
        assert not (rehearsal / "ran").exists()
        assert not (rehearsal / "said.jsonl").exists()
        store = play(real, "staging", trap.url)
        wait_for((real / "ran").exists, "the command")
        port = urlsplit(trap.url).port
        wait_for(lambda: f"socket.connect ('127.0.0.1', {port})" in seen(real), "what the hook sees where it is real")
    wait_for(lambda: shutil.rmtree(store.folder, ignore_errors=True) or not store.folder.exists(), "the end")
