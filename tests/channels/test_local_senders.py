"""Senders on this machine: sendmail, a command, a file, and Apprise with a real receiver."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from midwatch.channels.message import Message, Verdict
from midwatch.channels.senders import send
from midwatch.runbook.channels import ChannelKind, ChannelTarget, SecretSource
from tests.support.receivers import receiver, replies


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_a_command_gets_the_message_without_a_shell(message: Message, tmp_path: Path) -> None:
    program(tmp_path / "tell", f'cat > {tmp_path}/in; echo "$1 $MIDWATCH_SEVERITY" > {tmp_path}/args')
    beside_runbook = ChannelTarget(ChannelKind.COMMAND, command=("./tell", "$(touch x); y")).resolved(tmp_path)
    answer = send(message, beside_runbook)
    assert answer.verdict is Verdict.ACCEPTED
    assert (tmp_path / "in").read_text(encoding="utf-8") == f"{message.whole}\n"
    assert (tmp_path / "args").read_text(encoding="utf-8") == "$(touch x); y SEV-1\n"


@pytest.mark.parametrize(
    ("script", "verdict", "detail"),
    [
        ("echo no such channel >&2; exit 1", Verdict.REFUSED, "exit 1: no such channel"),
        ("exit 75", Verdict.WAIT, "exit 75"),
        ("kill -9 $$", Verdict.UNSURE, "was ended by signal 9"),
        ("sleep 60", Verdict.UNSURE, "did not end within 0.3 s"),
    ],
)
def test_the_end_of_a_command_says_what_became_of_the_message(
    script: str, verdict: Verdict, detail: str, message: Message, tmp_path: Path
) -> None:
    words = program(tmp_path / "tell", script)
    answer = send(message, ChannelTarget(ChannelKind.COMMAND, command=(words,), timeout=0.3 if "60" in script else 20))
    assert answer.verdict is verdict
    assert answer.detail.endswith(detail)


def test_a_command_that_cannot_be_started_is_given_up(message: Message, tmp_path: Path) -> None:
    answer = send(message, ChannelTarget(ChannelKind.COMMAND, command=(str(tmp_path / "none"),)))
    assert answer.verdict is Verdict.GIVE_UP


def test_sendmail_gets_one_mail_with_its_receiver_as_a_word(message: Message, tmp_path: Path) -> None:
    words = program(tmp_path / "sendmail", f'echo "$@" > {tmp_path}/args; cat > {tmp_path}/mail')
    given = {"to": ("ops@example.org",), "sender": "m@example.org", "sendmail": words}
    assert send(message, ChannelTarget(ChannelKind.EMAIL, **given)).verdict is Verdict.ACCEPTED
    assert (tmp_path / "args").read_text(encoding="utf-8") == "-i -f m@example.org -- ops@example.org\n"
    mail = (tmp_path / "mail").read_bytes()
    assert b"Subject: [SEV-1] Backup failure" in mail
    assert b"\r" not in mail
    assert b"\n.\n" in mail


def test_a_file_gets_whole_lines_whatever_the_umask_is(message: Message, tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    umask = os.umask(0o777)
    try:
        for _ in range(2):
            assert send(message, ChannelTarget(ChannelKind.FILE, path=str(path))).verdict is Verdict.ACCEPTED
    finally:
        os.umask(umask)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == [message.text] * 2
    path.write_text('{"half": ', encoding="utf-8")  # of a writer that was killed
    send(message, ChannelTarget(ChannelKind.FILE, path=str(path)))
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[1])["text"] == message.text
    assert path.stat().st_mode & 0o777 == 0o640
    link = tmp_path / "pipe"
    os.mkfifo(link)
    assert send(message, ChannelTarget(ChannelKind.FILE, path=str(link))).verdict is Verdict.GIVE_UP


def test_a_file_that_takes_no_more_stays_as_it_was(message: Message, tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    given: dict[str, Any] = {"path": str(path)}
    send(message, ChannelTarget(ChannelKind.FILE, **given))
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        answer = send(message, ChannelTarget(ChannelKind.FILE, **given))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.verdict is Verdict.WAIT
    assert path.read_bytes() == before


@pytest.mark.slow
def test_apprise_says_accepted_or_not_and_no_more(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ChannelTarget(ChannelKind.APPRISE, url=SecretSource(variable="APPRISE_URL"))
    with receiver(replies(200), replies(500)) as server:
        monkeypatch.setenv("APPRISE_URL", server.url.replace("http://", "json://"))
        taken, not_taken = (send(dataclasses.replace(message, text="@everyone, see a@here.org"), given) for _ in "ab")
        assert server.requests[0].body["message"] == "@\u200beveryone, see a@\u200bhere.org"
    assert [taken.verdict, not_taken.verdict] == [Verdict.ACCEPTED, Verdict.UNSURE]
    monkeypatch.setenv("APPRISE_URL", "nonsense")
    assert send(message, given).verdict is Verdict.GIVE_UP


def test_a_secret_comes_from_a_file_of_ours_alone(message: Message, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("http://127.0.0.1:9/x\n", encoding="utf-8")
    given = ChannelTarget(ChannelKind.SLACK, url=SecretSource(file=str(secret)))
    secret.chmod(0o644)
    answer = send(message, given)
    assert (answer.verdict, "can be read by other users" in answer.detail) == (Verdict.GIVE_UP, True)
    secret.chmod(0o600)
    assert send(message, given).verdict is Verdict.WAIT
    secret.write_text("x\0\n", encoding="utf-8")
    answer = send(message, given)
    assert (answer.verdict, "fewer than 6 characters" in answer.detail) == (Verdict.GIVE_UP, True)
    secret.unlink()
    assert "No such file" in send(message, given).detail
