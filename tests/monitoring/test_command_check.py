"""The check and the probe `command`: real scripts, with their states, limits and processes."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.checks.command import CheckCommand
from actions.trigger import TriggerAction
from midwatch.api.action import Context, Outcome
from midwatch.api.parameters import build
from midwatch.api.probe import Level, Reading
from midwatch.runbook.triggers import Trigger
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, OutcomeUnknown, SourceLocation
from midwatch.system.external_command import HEAD_BYTES
from probes.command import CommandProbe
from tests.support.waiting import wait_for

Check = Callable[..., Outcome]
Read = Callable[..., Reading]


@pytest.fixture
def check(make_context: Callable[..., Context]) -> Check:
    def evaluate(script: str, **given: Any) -> Outcome:
        context = make_context()
        return build(CheckCommand, {"run": script, **given}, context.runbook).evaluate(context)

    return evaluate


@pytest.fixture
def read(make_context: Callable[..., Context]) -> Read:
    def take(script: str, **given: Any) -> Reading:
        runbook = make_context().runbook
        return build(CommandProbe, {"run": script, **given}, runbook).read(runbook, SystemClock())

    return take


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def ended(file: Path) -> bool:
    return not any(is_running(int(pid)) for pid in file.read_text().split())


def test_check_command_holds_with_exit_0_alone_and_its_figures_become_values(check: Check, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("12")
    fine = check("days=$(cat state)\necho \"OK - $days days left | 'days left'=$days;7;3 serial=4c\"")
    assert (fine.ok, fine.summary) == (True, "OK - 12 days left")
    assert fine.values == {"level": "ok", "days_left": "12", "serial": "4"}
    assert [figure.performance_data for figure in fine.figures] == ["'days left'=12;7;3", "'serial'=4c"]
    for status, level in ((1, "warn"), (2, "critical")):
        found = check(f"echo bad; exit {status}")
        assert (found.ok, found.summary, found.values["level"]) == (False, "bad", level)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo no answer; exit 3", "no answer"),
        ("echo odd; exit 64", "exit 64 is no state of a check: odd"),
        ("no-such-program", "a program of the script was not found: .*no-such-program: command not found"),
        ("/etc", "a program of the script cannot be started"),
        ("kill -SEGV $$", "signal 11|exit 139"),
        ("#!/no/such/interpreter\necho fine", "was not found|cannot be started"),
    ],
)
def test_check_command_with_any_other_exit_is_unknown(check: Check, script: str, sentence: str) -> None:
    with pytest.raises(OutcomeUnknown, match=sentence):
        check(script)


def test_script_has_no_terminal_no_input_and_its_own_interpreter(check: Check) -> None:
    assert check("! read -r line; ! : </dev/tty 2>/dev/null; echo none").summary == "none"
    assert check("#!/usr/bin/env python3\nprint('three' if 1 / 2 else 'two')").summary == "three"


@pytest.mark.slow
def test_check_that_takes_too_long_is_unknown_and_nothing_of_it_goes_on(check: Check, tmp_path: Path) -> None:
    script = "trap '' TERM INT HUP; sleep 600 & echo $$ $! >pids; wait"
    with pytest.raises(OutcomeUnknown, match=r"did not end within 2 s"):
        check(script, timeout="2 s")
    wait_for(lambda: ended(tmp_path / "pids"))


def test_process_left_by_a_check_is_ended(check: Check, tmp_path: Path) -> None:
    assert check("sleep 600 & echo $! >pids; echo done").summary == "done"
    wait_for(lambda: ended(tmp_path / "pids"))


@pytest.mark.slow
def test_check_limit_holds_after_midwatch_was_killed(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nfrom midwatch.supervisor.check_script import run_check_script\n"
        "run_check_script('echo $$ >pids; sleep 600', Path.cwd(), limit=1, variables={})"
    )
    program = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    try:
        wait_for(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().strip())
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    wait_for(lambda: ended(tmp_path / "pids"))


def test_flood_of_output_is_bounded_and_secrets_are_masked(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_PASSWORD", "correct horse battery")
    flood = shlex.join([sys.executable, "-c", "import sys; sys.stdout.write('x' * 30_000_000)"])
    assert len(check(flood).summary) <= HEAD_BYTES
    assert check('echo "logged in with $APP_PASSWORD"').summary == "logged in with [secret APP_PASSWORD]"


def test_time_limit_that_nobody_waits_for_is_refused(check: Check) -> None:
    with pytest.raises(BadInput, match="from more than nothing to 2 min"):
        check("true", timeout="1 h")


def test_script_with_one_figure_is_one_row_of_the_panel(read: Read) -> None:
    (row,) = read("echo 'queue is 7 long | queue=7;5;10;0'").rows
    assert (row.label, row.text, row.level, row.number, row.limits) == (
        "queue",
        "queue is 7 long",
        Level.OK,
        7,
        (5, 10),
    )
    assert ("warning", "outside 0 to 5") in row.facts


def test_several_figures_have_a_row_each_with_a_state_of_its_own(read: Read) -> None:
    reading = read("echo \"two hosts | web1=120ms;100;500 web2=20ms;100;500\"; echo 'web1 is slow'; exit 1")
    assert reading.level is Level.WARN
    assert [(row.label, row.text, row.level) for row in reading.rows] == [
        ("result", "two hosts", Level.WARN),
        ("web1", "120 ms", Level.WARN),
        ("web2", "20 ms", Level.OK),
    ]
    assert reading.rows[0].facts == (("output", "web1 is slow"),)


def test_panel_without_figures_shows_the_sentence_and_one_that_hangs_is_unknown(read: Read) -> None:
    (row,) = read("echo up; exit 3").rows
    assert (row.text, row.level, row.number) == ("up", Level.UNKNOWN, None)
    assert "did not end within 0.2 s" in read("sleep 60", timeout="200 ms").error


def test_trigger_by_command_shows_its_script_and_fires_when_the_check_does_not_hold(
    make_context: Callable[..., Context], tmp_path: Path
) -> None:
    script = "echo $(cat load); [ $(cat load) -lt 9 ] || exit 2"
    trigger = Trigger("busy", "The host is busy", SourceLocation("r.yaml"), check="command", with_={"run": script})
    context = make_context(triggers=(trigger,))
    action = build(TriggerAction, {"id": "busy"}, context.runbook)
    plan = action.plan(context)
    assert ("command", script) in plan.facts
    for load, detected in (("3", "no"), ("12", "yes")):
        (tmp_path / "load").write_text(load)
        outcome = action.apply(context, plan)
        assert (outcome.values["detected"], outcome.values["evidence"]) == (detected, load)
