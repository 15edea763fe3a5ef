"""An action run as `midwatch action` runs it: its words, its values, its exit, and consent that binds."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from midwatch.api.action import Action, Check, Context, Outcome
from midwatch.api.plan import Plan, Verb
from midwatch.engine.consent import planned
from midwatch.engine.execute import perform
from midwatch.engine.process_console import ProcessConsole
from midwatch.runbook.model import Risk, Runbook
from midwatch.runbook.severity import Severity
from midwatch.system.clock import SystemClock
from midwatch.system.errors import BadInput, Exit, Failed, OutcomeUnknown

Doing = Callable[[Context], Outcome]


@dataclass(frozen=True)
class Remove(Action):
    """Does what the test says; its plan names two images."""

    name: ClassVar[str] = "remove"
    summary: ClassVar[str] = "Remove things"
    risk: ClassVar[Risk] = Risk.CHANGE
    doing: Doing
    things: tuple[str, ...] = ("one", "two")
    refusal: str = ""

    def given(self) -> dict[str, str]:
        return {}

    def plan(self, context: Context) -> Plan:
        draft = self.draft()
        for thing in self.things:
            draft.add(Verb.REMOVE, thing)
        draft.refusal = self.refusal
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        return self.doing(context)


@dataclass(frozen=True)
class Holds(Check):
    """A check."""

    name: ClassVar[str] = "holds"
    summary: ClassVar[str] = "See whether it holds"
    ok: bool = True

    def evaluate(self, context: Context) -> Outcome:
        return Outcome(self.ok, "71 % of 80 %", {"percent": "71"})


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "values"
    monkeypatch.setenv("STEP_OUTPUT", str(path))
    monkeypatch.delenv("MIDWATCH_SECRET_FD", raising=False)
    return path


@pytest.fixture
def out(values: Path) -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def context(out: io.StringIO) -> Context:
    here = Path("runbook.yaml")  # actions of this test look at no runbook
    runbook = Runbook("small", "Small", Severity.SEV2, here, None, here.parent, sha256="0" * 64)
    return Context(runbook, ProcessConsole(out), SystemClock(), "ada@bastion")


def fine(context: Context) -> Outcome:
    context.console.say("removing")
    return Outcome(True, "Removed 2 things", {"freed": "14"})


def raising(error: BaseException) -> Doing:
    def do(context: Context) -> Outcome:
        raise error

    return do


def test_performed_action_writes_its_values(context: Context, out: io.StringIO, values: Path) -> None:
    action = Remove(fine)
    assert perform(action, context, confirmed=planned(action, context)) is Exit.DONE
    assert out.getvalue() == "removing\nRemoved 2 things\n"
    assert values.read_text() == "freed=14\n"


def test_check_prints_its_figures_once(context: Context, out: io.StringIO, values: Path) -> None:
    assert perform(Holds(), context, confirmed=None) is Exit.DONE
    assert perform(Holds(ok=False), context, confirmed=None) is Exit.FAILED
    assert out.getvalue() == "71 % of 80 %\n" * 2
    assert values.read_text() == "percent=71\n" * 2


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (Failed("It broke", hint="Mend it"), 1, "It broke. Mend it."),
        (BadInput("Wrong"), 2, "Wrong."),
        (OutcomeUnknown("Who knows"), 3, "Who knows."),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (FileNotFoundError(2, "No such file or directory", "/backups"), 1, "/backups: No such file or directory."),
        (Failed("bad \x1b[2Jname postgresql://u:hunter2@h/d"), 1, "bad name postgresql://u:[secret-shaped]@h/d."),
    ],
)
def test_errors_are_one_line_and_a_code(
    context: Context, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    assert perform(Remove(raising(error)), context, confirmed=None) == code
    assert capsys.readouterr().err == line + "\n"


def test_fault_in_an_action_ends_in_a_sentence_too(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    assert perform(Remove(raising(ZeroDivisionError("oh"))), context, confirmed=None) is Exit.FAILED
    assert capsys.readouterr().err.splitlines()[-1] == "The action remove has a fault: ZeroDivisionError: oh."


def test_error_of_an_action_shows_no_secret(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    def do(context: Context) -> Outcome:
        made, read = "told-while-it-ran", "in-a-local-variable"
        context.console.secret("new password", made)
        raise RuntimeError(f"{made!r} and known-before do not fit {len(read)} letters")

    assert perform(Remove(do), context, confirmed=None, secrets={"ARP": "known-before"}) is Exit.FAILED
    said = capsys.readouterr().err
    assert said.count("RuntimeError: '[secret new password]' and [secret ARP] do not fit 19 letters") == 2
    assert "Traceback" in said
    assert not [secret for secret in ("told-while-it-ran", "known-before") if secret in said]
    assert "in-a-local-variable" not in said.replace('made, read = "[secret new password]", "in-a-local-variable"', "")


def test_plan_that_was_not_confirmed_is_not_performed(
    context: Context, out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    confirmed = planned(Remove(fine, ("one",)), context)
    assert perform(Remove(fine), context, confirmed=confirmed) is Exit.FAILED
    assert "Since the plan was confirmed, this was added: remove two" in capsys.readouterr().err
    assert perform(Remove(fine, refusal="The lock is held"), context, confirmed=None) is Exit.FAILED
    assert capsys.readouterr().err == "The lock is held.\n"
    assert out.getvalue() == ""


def test_sigterm_interrupts_the_action(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def do(context: Context) -> Outcome:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
        raise AssertionError

    assert perform(Remove(do), context, confirmed=None) is Exit.INTERRUPTED
    assert signal.getsignal(signal.SIGTERM) is before


def test_console_without_a_supervisor_is_safe_and_masked(out: io.StringIO, values: Path) -> None:
    console = ProcessConsole(out)
    console.secret("pw", "hunter2-hunter2")
    console.say("one\nline \x1b]52;c;aGk=\x07and hunter2-hunter2 and PASSWORD=abc")
    console.progress(1, 10)
    assert out.getvalue() == "one⏎line and [secret pw] and PASSWORD=[secret-shaped]\n"
    with pytest.raises(Failed, match="fewer than 6"):
        console.secret("pin", "123")


@pytest.mark.parametrize(("key", "value"), [("", "x"), ("a=b", "x"), ("a\nb", "x"), ("a", "x\ny"), ("a", "x\ry")])
def test_value_of_several_lines_is_refused(values: Path, key: str, value: str) -> None:
    with pytest.raises(BadInput):
        ProcessConsole(io.StringIO()).value(key, value)
    assert not values.exists()


def test_progress_at_a_terminal_is_one_line_that_goes_away(values: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    console = ProcessConsole(out)
    console.progress(1, 4)
    console.progress(2, 4)
    console.progress(4e6, 4e6, "bytes")
    console.say("done")
    assert out.getvalue() == "\r25.0%\x1b[K\r100.0%, 4.0 of 4.0 MB\x1b[K\r\x1b[Kdone\n"


def test_output_that_cannot_say_it_all_is_no_fault(values: Path) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    ProcessConsole(out).say("71 % → 80 %, \udcff")
    assert raw.getvalue() == rb"71 % \u2192 80 %, <FF>" + b"\n"
