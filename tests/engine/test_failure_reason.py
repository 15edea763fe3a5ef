"""Why a step failed: its exit status, the line of the script that ended it, and its last line, in every front end."""

from __future__ import annotations

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import StepOutcome, ending_words
from midwatch.incident.step_state import Attempt
from midwatch.reports.event_text import describe
from midwatch.runbook.loader import load
from tests.support.steps import ended
from tui.plain.descriptions import history_lines

SCRIPTS = {
    "a-line": ("echo 100%\n# comment\nls /nowhere >/dev/null 2>&1\necho never", 2, "line 3 ended it: ls /nowhere"),
    "pipeline": ("echo begun\nfalse | cat", 1, "line 2 ended it: … | cat (exits 1, 0)"),
    "function": ("check() {\n  echo 100%\n  ls /nowhere\n}\ncheck", 2, "line 3 ended it: ls /nowhere"),
    "own-line": ("#!/usr/bin/env bash\nset -e\nls /nowhere\necho never", 2, "line 3 ended it: ls /nowhere"),
    "passed-over": ("set +e; false; set -e\necho bad; exit 1", 1, "its last line: “bad”"),
    "an-exit": ("echo checking.\nexit 7", 7, "its last line: “checking.”"),
    "not-found": ("no-such-command", 127, "a command was not found; line 1 ended it: no-such-command"),
    "not-a-program": ("touch here; ./here", 126, "a command was found and cannot be run"),
    "killed": ("bash -c 'kill -9 $$'", 137, "killed by SIGKILL, which is what the kernel does when memory runs out"),
    "closed-pipe": ("set +e; yes | true; exit ${PIPESTATUS[0]}", 141, "killed by SIGPIPE"),
    "reads-input": (
        "echo Really?; read -r answer",
        1,
        "it reads standard input; there is none: if a person has to answer",
    ),
    "own-trap": ("trap 'echo mine' ERR\nfalse", 1, "its last line: “mine”"),
}


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Attempt, str, str]]:
    """The attempt of each script, its sentence in the timeline, and its line in plain lines."""
    here = tmp_path_factory.mktemp("failures")
    steps = "".join(
        f"      - id: {name}\n        title: {name}\n        risk: change\n        run: |\n"
        + "".join(f"          {line}\n" for line in script.splitlines())
        for name, (script, _, _) in SCRIPTS.items()
    )
    head = "midwatch: 1\ntitle: Failures\nseverity: SEV-2\nphases:\n  - title: All\n    steps:\n"
    (here / "runbook.yaml").write_text(head + steps, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    found = {}
    for name in SCRIPTS:
        controller.start(name, controller.plan(name))
        ended(controller, name)
        last = controller.incident.step(name).last
        assert last is not None
        line = next(iter(history_lines(controller.runbook.step(name), controller.incident)))
        event = next(event for event in reversed(controller.events) if event.kind == "step.finished")
        found[name] = (last, describe(event, controller.runbook), line)
    controller.leave()
    return found


@pytest.mark.parametrize("name", SCRIPTS)
def test_failed_script_says_its_exit_and_what_ended_it(
    attempts: dict[str, tuple[Attempt, str, str]], name: str
) -> None:
    last, told, line = attempts[name]
    _, code, words = SCRIPTS[name]
    assert last.exit == code
    assert words in last.summary
    assert ("it reads standard input" in last.summary) is (name == "reads-input")
    for said in (told, line):
        assert f"failed, exit {code}" in said
        assert words in said
    assert "never" not in last.summary
    assert name not in ("an-exit", "own-trap", "passed-over") or "ended it" not in last.summary


def test_ending_says_the_signal_and_repeats_no_time_limit() -> None:
    assert ending_words(StepOutcome.FAILED, -9) == "failed, ended by SIGKILL"
    assert ending_words(StepOutcome.TIMED_OUT, -2) == "timed out"
    assert ending_words(StepOutcome.DONE, 0) == "done"
