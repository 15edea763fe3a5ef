"""The freeze: on, off, expired, somebody else's, unreadable; and the guard that a CI job runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actions.checks.freeze_status import CheckFreeze
from actions.freeze import FreezeAction
from actions.support import freeze_file
from midwatch.api.action import Context, Outcome
from midwatch.api.plan import Verb
from midwatch.system.errors import BadInput, OutcomeUnknown

GUARD = Path(__file__).parents[2] / "automation" / "freeze-guard.sh"


def run(action: FreezeAction, context: Context) -> Outcome:
    plan = action.plan(context)
    assert not plan.refusal
    return action.apply(context, plan)


def guard(file: Path) -> tuple[int, str]:
    done = subprocess.run([str(GUARD), str(file)], check=False, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_freeze_when_on_is_seen_by_the_check_and_the_guard(
    make_context: Callable[..., Context], tmp_path: Path
) -> None:
    context, file = make_context(), tmp_path / "security" / "freeze.json"
    assert guard(file)[0] == 3
    assert not CheckFreeze().evaluate(context).ok
    outcome = run(FreezeAction(reason='say "no" – nightly backup'), context)
    assert outcome.values["frozen"] == "yes"
    held = CheckFreeze().evaluate(context)
    assert held.ok
    assert "ada@bastion" in held.summary
    assert (held.values["owner"], held.values["reason"]) == ("ada@bastion", 'say "no" – nightly backup')
    assert held.values["until"] > held.values["since"]
    code, said = guard(file)
    assert code == 1
    assert "who: ada@bastion" in said
    run(FreezeAction(mode="off"), context)
    assert not file.exists()
    assert guard(file)[0] == 0
    assert CheckFreeze(expect="off").evaluate(context).ok
    assert [path.name for path in file.parent.iterdir()] == []


def test_freeze_set_twice_keeps_its_begin_and_moves_its_end(make_context: Callable[..., Context]) -> None:
    context = make_context()
    run(FreezeAction(until="1 h", reason="first"), context)
    first = freeze_file.read(context.location("freeze"))
    other = replace(context, actor="bob@bastion")
    plan = FreezeAction(until="5 h", reason="second").plan(other)
    assert [effect.verb for effect in plan.effects] == [Verb.CHANGE]
    run(FreezeAction(until="5 h", reason="second"), other)
    run(FreezeAction(until="1 min"), other)
    second = freeze_file.read(context.location("freeze"))
    assert first is not None
    assert second is not None
    assert (second.who, second.why, second.since) == ("ada@bastion", "first", first.since)
    assert second.until - first.until > timedelta(hours=3, minutes=50)


def test_off_of_somebody_elses_freeze_needs_force(make_context: Callable[..., Context]) -> None:
    context = make_context()
    run(FreezeAction(), context)
    other = replace(context, actor="bob@bastion")
    assert "ada@bastion" in FreezeAction(mode="off").plan(other).refusal
    assert CheckFreeze().evaluate(context).ok
    run(FreezeAction(mode="off", force=True), other)
    assert not CheckFreeze().evaluate(context).ok


def test_off_without_a_freeze_touches_nothing(make_context: Callable[..., Context]) -> None:
    context = make_context()
    action = FreezeAction(mode="off")
    assert action.plan(context).effects == ()
    assert run(action, context).ok


def test_freeze_past_its_end_stops_nobody(make_context: Callable[..., Context]) -> None:
    context = make_context()
    since = datetime.now(UTC) - timedelta(hours=5)
    freeze_file.write(context.location("freeze"), freeze_file.Freeze("eve", "old", since, since + timedelta(hours=1)))
    assert guard(context.location("freeze"))[0] == 0
    assert not CheckFreeze().evaluate(context).ok
    assert not FreezeAction(mode="off").plan(context).refusal


@pytest.mark.parametrize("rubbish", [b"", b"{}", b"[1]", b"\xff\x00", b'{"who": 1}'])
def test_rubbish_is_unknown_and_the_guard_stops(make_context: Callable[..., Context], rubbish: bytes) -> None:
    context = make_context()
    path = context.location("freeze")
    path.parent.mkdir()
    path.write_bytes(rubbish)
    with pytest.raises(OutcomeUnknown):
        CheckFreeze().evaluate(context)
    assert guard(path)[0] == 1
    run(FreezeAction(), context)
    assert CheckFreeze().evaluate(context).ok


@pytest.mark.parametrize(
    "given", [{"mode": "maybe"}, {"until": "tomorrow"}, {"until": "2001-01-01T00:00Z"}, {"until": "30"}]
)
def test_wrong_parameters_are_one_sentence(make_context: Callable[..., Context], given: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        FreezeAction(**given).plan(make_context())  # type: ignore[arg-type]


def test_until_a_time_of_day(make_context: Callable[..., Context]) -> None:
    moment = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    outcome = run(FreezeAction(until=moment.isoformat()), make_context())
    assert outcome.values["until"] == moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_runner_that_may_not_look_does_not_go_on(reachable: Path) -> None:
    """A folder that cannot be looked into looks empty: taking that for 'not frozen' would let every job through."""
    folder = reachable / "security"
    folder.mkdir()
    script = reachable / "guard"
    script.write_bytes(GUARD.read_bytes())
    script.chmod(0o755)

    def as_runner() -> tuple[int, str]:
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(script), str(folder / "freeze.json")]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        return done.returncode, done.stderr

    assert as_runner() == (0, "")
    folder.chmod(0o700)
    assert as_runner()[0] == 3
    folder.chmod(0o755)
    (folder / "freeze.json").write_text("{}")
    (folder / "freeze.json").chmod(0o600)
    code, said = as_runner()
    assert (code, "cannot be read" in said) == (1, True)


def test_link_that_leads_nowhere_is_no_permission_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "freeze.json").symlink_to(tmp_path / "elsewhere")
    assert guard(tmp_path / "freeze.json")[0] == 1
