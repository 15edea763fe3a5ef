"""Messages in plain lines and from a shell: audiences, an editor, kept drafts, confirmation, a killed driver."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pexpect
import pytest

from midwatch.engine.repository import find
from tests.support.plain_lines import Begin
from tests.support.program import MIDWATCH, midwatch
from tests.support.pty_child import end_child
from tests.support.receivers import receiver, replies
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: told
title: Told
severity: SEV-2
comms: {channel: "#inc", update_every: 1 s}
channels:
  incident: {kind: file, path: said.jsonl}
  press: {kind: file, path: press.jsonl, outside: true}
phases: [{title: Work, steps: [{id: look, title: Look}]}]
"""


def texts(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_message_is_drafted_edited_kept_and_confirmed_in_lines_and_from_a_shell(
    begin: Begin, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = here / "editor"
    editor.write_text('#!/bin/sh\necho "edited by hand" >> "$1"\n', encoding="utf-8")
    editor.chmod(0o700)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))
    talk = begin("--plain", runbook=RUNBOOK)
    talk.declare()
    talk.word("u @press We are sorry")
    assert "[SEV-2] Told, INC-" in talk.until("y: send it to file (press.jsonl).")
    talk.answer("Enter: later:", "v")
    talk.until("edited by hand")
    talk.answer("Enter: later:", "y")
    talk.answer("People outside the team read it. Send exactly this to file (press.jsonl)?", "n")
    talk.until("Nothing was sent, and the draft is kept.")
    assert not texts(here / "press.jsonl")
    talk.word("u @press")
    talk.until("A draft of yours from")
    talk.answer("Enter: later:", "y")
    talk.answer("read it. Send exactly this", "y")
    talk.until("Queued.")
    wait_for(lambda: texts(here / "press.jsonl"), "the message to the press")
    assert texts(here / "press.jsonl") == ["We are sorry\nedited by hand"]

    def is_due() -> bool:
        talk.word("w")
        talk.until("\r\n")
        return b"us sends the draft, u shows it" in talk.said

    wait_for(is_due, "the next status update")
    talk.word("us")
    talk.until("Queued for file (said.jsonl).")

    talk.child.kill(signal.SIGKILL)
    end_child(talk.child)
    child = pexpect.spawn(str(MIDWATCH), ["update", "--edit"], cwd=here, timeout=30, encoding="utf-8")
    try:
        child.expect_exact("edited by hand")
        child.expect_exact("Send it to file (said.jsonl)? y or n [n]:")
        child.sendline("n")
        child.expect_exact("Nothing was sent; the draft is kept.")
        child.expect(pexpect.EOF)
    finally:
        end_child(child)
    shown = midwatch("update", cwd=here)
    assert b"A draft of yours from" in shown.stderr
    assert shown.stdout.endswith(b"edited by hand\n")
    sent = midwatch("update", "--send", cwd=here)  # by itself: the driver's process has ended
    assert (sent.returncode, sent.stderr) == (0, b""), sent
    wait_for(lambda: len(texts(here / "said.jsonl")) == 3, "the update")
    assert texts(here / "said.jsonl")[2].endswith("edited by hand")
    assert not list((find(here / "logs", "latest").path / "drafts").iterdir())


def test_message_that_was_refused_is_named_and_sent_again_or_given_up(begin: Begin, here: Path) -> None:
    with receiver(replies(404, "no_team"), replies(404, "no_team"), replies(200)) as server:
        talk = begin(
            "--plain", runbook=RUNBOOK.replace("kind: file, path: said.jsonl", f"kind: webhook, url: '{server.url}'")
        )
        talk.declare()

        def is_named() -> bool:
            talk.word("w")
            talk.until("\r\n")
            return b"no_team. The word is me." in talk.said

        wait_for(is_named, "the refusal")
        talk.word("me")
        refused = talk.child.match and re.search(r"Decide on one \(([0-9.]+)\)", talk.until("or Enter for none:"))
        assert refused
        talk.child.sendline(refused[1])
        talk.answer("Enter: neither:", "a")
        talk.answer("Why:", "the channel is back")
        talk.until(f"Message {refused[1]} is sent again.")
        wait_for(lambda: len(server.requests) == 2, "the second refusal")
        wait_for(lambda: b"refused" in midwatch("messages", cwd=here).stdout, "its fate")
        talk.word("me")
        talk.answer("or Enter for none:", refused[1])
        talk.answer("Enter: neither:", "g")
        talk.answer("Why:", "told by phone")
        talk.until("is not sent any more.")
        assert b"1 message, 0 not delivered." in midwatch("messages", cwd=here).stdout
