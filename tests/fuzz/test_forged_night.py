"""A member of a shared folder writes any values into a journal of every kind of event: each command says a sentence or
what is there, and its text holds no control character."""

from __future__ import annotations

import copy
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch.api.plan import Effect, Plan, Verb
from midwatch.incident.events import Event
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.codec import KEYS, NO_LINE, digest
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Exit
from tests.reports import night
from tests.support.examples import examples
from tests.support.json_values import JSON
from tui.cli import main

pytestmark = pytest.mark.slow
RUNBOOK = """\
midwatch: 1
id: backup-failure
title: Backup failure
severity: SEV-1
roles: {boss: {name: Head}, law: {name: Compliance}}
inputs: [{name: ticket, prompt: "Which ticket?", required: false}]
phases:
  - id: all
    title: All of it
    steps:
      - {id: seen, title: Look, run: "true", risk: observe, outputs: [detected, evidence]}
      - {id: own, title: Take ownership}
      - {id: backup, title: Emergency backup, run: "true", risk: change, outputs: [backup], measure: [disk]}
      - {id: clean, title: "Clean up {{ backup.backup }}", run: "true", risk: destroy, requires_approval: true}
      - {id: panic, title: Panic, when: {failed: clean}}
      - {id: rest, title: Rest}
      - {id: why, title: Why, questions: [{name: why_1, prompt: Why?}, {name: down, prompt: Down?, kind: yes-no}]}
      - {id: policy, title: Policy, when: {answer: why.down, is: "yes"}}
panels: {disk: {}}
closure:
  - {id: disk, title: Disk, check: disk, with: {path: /, below: 80 %}}
"""
HOSTILE = st.sampled_from(
    ["\x1b]0;owned\x07\x1b[2J", "a\u202eb\u2066c", "\x9b31m\r\n\x00", "x" * 300, "| a | b |\n<b>"]
)
VALUES = JSON | HOSTILE
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def all_kinds() -> list[Event]:
    """The night, and in the middle of it each kind that the night lacks."""
    plan = Plan("x", {"a": "b"}, (Effect(Verb.REMOVE, "a file", 5, kind="file"),), (("route", "socket"),)).to_json()
    who = {"name": "bob", "uid": 64003, "login": 64003, "pid": 7, "seen": True}
    at = "2026-11-23T02:04:00.000000Z"
    more: list[tuple[str, dict[str, Any]]] = [
        ("handoff.offered", {"to": "bob", "expires": at, "summary": ["one", "two"]}),
        ("handoff.withdrawn", {"to": "bob", "reason": "withdrawn"}),
        ("control.requested", {"by": "bob@bastion"}),
        ("driver.took_over", {"host": "h", "pid": 1, "terminal": "", "from": "ada", "reason": "r", "how": "silent",
                              "silent": 40.0}),
        ("approval.asked", {"step": "clean", "plan": plan, "digest": "ab" * 32, "by": who}),
        ("approval.given", {"step": "clean", "asked": 9, "digest": "ab" * 32, "by": who}),
        ("approval.declined", {"step": "clean", "asked": 9, "digest": "ab" * 32, "by": who, "reason": "not now"}),
        ("step.tried", {"step": "clean", "attempt": 1, "try": 1, "of": 3, "exit": 75, "seconds": 2.0, "ended": at,
                        "wait": 10.0}),
        ("runbook.adopted", {"runbook": "runbook.yaml", "runbook_sha256": "ab" * 32, "site": "", "site_sha256": "",
                             "base": "/base", "steps": {"added": [], "removed": ["x"], "changed": ["own"]},
                             "difference": "-a\n+b", "reason": "corrected"}),
        ("target.pinned", {"target": "arp", "system_identifier": "7", "role": "primary", "from": None, "reason": ""}),
        ("step.outcome_checked", {"step": "clean", "attempt": 1, "holds": None, "detail": "nobody knows"}),
        ("step.reopened", {"step": "own", "reason": "again"}),
        ("loop.items", {"step": "own", "items": ["a", "b"]}),
        ("note", {"text": "pasted", "pasted_output": "1\n2", "manual_command": {"command": "ls", "host": "h",
            "result": "0"}}),
        ("text.corrected", {"event": 2, "text": "better"}),
        ("event.starred", {"event": 2, "starred": True}),
        ("journal.repaired", {"dropped_bytes": 4, "dropped_sha256": "ab" * 32}),
        ("secrets.too_short", {"names": ["PIN"]}),
        ("reserve.released", {"space": 4096, "files": 1, "left": 0, "reason": "the disk is full"}),
        ("journal.fallbacks", {"files": [], "owner": 0, "problem": "", "standby": False}),
        ("journal.failed_over", {"to": "/nowhere", "reason": "I/O error", "in_memory": False}),
        ("journal.failed_back", {"files": [], "events": 0}),
        ("journal.fallback_lost", {"file": "/nowhere", "after": 3}),
    ]  # fmt: skip
    found = night.events()
    half = len(found) // 2
    between = [replace(found[half], kind=kind, body=body) for kind, body in more]
    found = [*found[:half], *between, *found[half:]]
    return [replace(event, seq=number) for number, event in enumerate(found, 1)]


NIGHT = all_kinds()
"""Every event of it can be changed; the first one seldom, so that most journals stay readable to the end."""


def test_night_is_read_to_its_end_while_nobody_changes_it(
    folder: IncidentFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, NIGHT)
    for command in COMMANDS:
        assert main(command) == (Exit.FAILED if command[0] == "verify" else Exit.DONE), capsys.readouterr()
    assert "damaged" not in capsys.readouterr().out


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def changed(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The body with another value at one place, however deep."""
    if not path:
        return value if isinstance(value, dict) else body
    found = copy.deepcopy(body)
    inner: Any = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return found


CHANGES = st.sampled_from(
    [(number, path) for number, event in enumerate(NIGHT) for path in places(json.loads(json.dumps(dict(event.body))))]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IncidentFolder]:
    base = tmp_path_factory.mktemp("night")
    (base / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    incident = IncidentFolder(base / "logs" / "incidents" / night.ID)
    incident.path.mkdir(parents=True)
    incident.runbook.write_text(RUNBOOK, encoding="utf-8")
    before = Path.cwd()
    os.chdir(base)
    yield incident
    os.chdir(before)


def write(incident: IncidentFolder, events: list[Event]) -> None:
    """As anybody can: what the encoder refuses as well, such as NaN and half of a surrogate pair."""
    head, data = NO_LINE, b""
    for event in events:
        values = (
            event.seq,
            to_rfc3339(event.time),
            event.mono,
            event.boot,
            event.actor,
            str(event.kind),
            event.body,
            head,
        )
        line = json.dumps(dict(zip(KEYS, values, strict=True)), separators=(",", ":")).encode()
        head, data = digest(line), data + line + b"\n"
    incident.journal.write_bytes(data)


COMMANDS = [
    ["incidents"],
    ["incidents", "--json"],
    ["show", night.ID],
    ["show", night.ID, "--json"],
    ["handoff", night.ID],
    ["handoff", night.ID, "--json"],
    ["verify", night.ID],
    ["verify", night.ID, "--json"],
    ["export", night.ID],
    ["export", night.ID, "--post-mortem"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@given(changes=st.lists(st.tuples(CHANGES, VALUES), min_size=1, max_size=3), cut=st.integers(0, len(NIGHT) - 1))
@settings(max_examples=examples(30), suppress_health_check=list(HealthCheck))
def test_command_on_a_forged_journal_says_a_sentence_or_what_is_there(
    folder: IncidentFolder, command: list[str], changes: list[tuple[tuple[int, tuple[Any, ...]], Any]], cut: int
) -> None:
    events = list(NIGHT)
    for (number, path), value in changes:
        try:
            body = changed(json.loads(json.dumps(dict(events[number].body))), path, value)
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
        events[number] = replace(events[number], body=body)
    write(folder, events[: len(events) - cut if cut % 2 else None])
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with redirect_stdout(out), redirect_stderr(err):
        code = main(command)
    said, complained = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    assert "fault of Midwatch" not in complained, complained
    assert "Traceback" not in said + complained, complained
    assert code in tuple(Exit)
    assert not CONTROLS.search(said + complained)
