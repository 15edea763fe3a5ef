"""A step that takes two people: a second person, known by the kernel's word, approves this very plan, once."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.control.control_client import send_request
from midwatch.engine import headless, policy, workflow
from midwatch.engine.answers import Answers, load_answers
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.pending_requests import pending_request
from midwatch.engine.workflow import ActionKind
from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import load
from midwatch.runbook.model import Risk, Runbook, Step, StepKind
from midwatch.system.errors import BadInput, Refused, SourceLocation
from midwatch.system.identity import Identity
from tests.support.people import Someone, User, share
from tests.support.program import MIDWATCH
from tests.support.user_screen import Screen
from tests.support.waiting import wait_for
from tui.cli import main

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: pair
title: A small incident
severity: SEV-2
phases:
  - title: All of it
    section: "1"
    steps:
      - {id: asked, title: Ask, questions: [{name: owner, prompt: Who?}]}
      - id: work
        title: Do the work
        run: echo "$WHO" >> ran
        env: {WHO: {from: asked.owner}}
        risk: change
        requires_approval: true
        depends_on: [asked]
      - {id: burn, title: Burn it, run: echo burnt >> ran, risk: destroy, requires_approval: true}
"""
BURN = Step("burn", "1.3", "Burn it", StepKind.RUN, Risk.DESTROY, SourceLocation("x"), requires_approval=True)
ADA, BOB = (Identity(name, os.getuid() + more, os.getuid() + more, more) for name, more in (("ada", 10), ("bob", 11)))


@pytest.fixture
def runbook(place: Path) -> Runbook:
    (place / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    return load(place / "runbook.yaml")


@pytest.fixture
def pair(runbook: Runbook, place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IncidentController]:
    """Driven by whoever runs the tests, with the first step done."""
    monkeypatch.chdir(place)
    controller = IncidentController.declare(runbook, actor="ada@test")
    controller.mark_done("asked", values={"owner": "ada"})
    yield controller
    controller.leave()


def approved(controller: IncidentController, step: str, *, by: Identity = BOB) -> None:
    """As the driver's process writes it when somebody else has knocked."""
    approval = controller.incident.approvals[step]
    body = {"step": step, "asked": approval.seq, "digest": approval.digest, "by": by.to_json()}
    controller.session.append(EventKind.APPROVAL_GIVEN, body)


def ended(controller: IncidentController, step: str) -> StepStatus:
    wait_for(lambda: [controller.poll(), controller.incident.step(step).status is not StepStatus.RUNNING][1])
    return controller.incident.step(step).status


def test_step_for_two_people_does_not_run_before_the_approval(pair: IncidentController) -> None:
    plan = pair.plan("work")
    with pytest.raises(Refused, match="takes two people, and nobody has approved this plan") as refused:
        pair.start("work", plan)
    assert f"midwatch approve {pair.incident.id} work" in refused.value.hint
    pair.request_approval("work", plan)
    with pytest.raises(Refused, match="nobody has approved"):
        pair.start("work", plan)
    approved(pair, "work")
    pair.start("work", plan)
    assert ended(pair, "work") is StepStatus.DONE
    assert pair.incident.step("work").attempts[-1].approved_by == "bob"
    with pytest.raises(Refused, match="nobody has approved"):  # an approval is good for one start
        pair.start("work", plan, reason="again")
    told = timeline(pair.runbook, pair.events, pair.folder)
    assert "bob **approved**, plan" in told
    assert "confirmed, approved by bob" in told


def test_approval_does_not_outlive_a_change_of_the_plan(pair: IncidentController) -> None:
    pair.request_approval("work", pair.plan("work"))
    approved(pair, "work")
    pair.reopen("asked", "another one owns it")
    pair.mark_done("asked", values={"owner": "eve"})
    with pytest.raises(Refused, match="The plan of Do the work has changed since bob approved it"):
        pair.start("work", pair.plan("work"))
    pair.request_approval("work", pair.plan("work"))
    with pytest.raises(Refused, match="nobody has approved"):
        pair.start("work", pair.plan("work"))


def test_same_person_cannot_approve_from_another_terminal(pair: IncidentController) -> None:
    pair.request_approval("work", pair.plan("work"))
    elsewhere = IncidentController.observe(pair.folder, actor="bob@test")  # whatever they call themselves
    plan = elsewhere.plan_to_approve("work")
    assert plan == pair.plan("work")
    with pytest.raises(Refused, match="asked for it, and cannot approve it as well"):
        elsewhere.approve("work", plan)
    with pytest.raises(Refused, match="cannot approve"):
        elsewhere.decline("work", "I do not like it")


def test_approver_of_a_step_cannot_start_it(pair: IncidentController, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.request_approval("work", pair.plan("work"))
    body = {"step": "work", "plan": {}, "digest": pair.plan("work").digest, "by": ADA.to_json()}
    pair.session.append(EventKind.APPROVAL_ASKED, body)
    approved(pair, "work", by=Identity.current())
    with pytest.raises(Refused, match="approved it, and cannot start it as well"):
        pair.start("work", pair.plan("work"))
    needed = workflow.requirements(pair, ActionKind.RUN, "work", plan=pair.plan("work"))
    assert workflow.Approval(is_requested=False) in needed  # so that another person is asked, and nothing is offered
    assert pending_request(pair) is None


def test_approval_of_a_step_for_one_person_is_refused(pair: IncidentController) -> None:
    pair.reopen("asked", "not yet")
    with pytest.raises(Refused, match=r"needs 1\.1"):
        pair.request_approval("work", pair.plan("work"))
    with pytest.raises(BadInput, match="No plan of burn waits"):
        IncidentController.observe(pair.folder, actor="bob@test").plan_to_approve("burn")
    refused = PlanDraft("shell", {}, refusal="no room")
    refused.add(Verb.REMOVE, "x")
    with pytest.raises(Refused, match="no room"):
        pair.request_approval("burn", refused.plan())
    nothing = PlanDraft("shell", {}).plan()
    with pytest.raises(Refused, match="takes one person"):  # a plan that touches nothing needs nobody
        pair.request_approval("burn", nothing)


def test_driver_that_comes_later_asks_again(pair: IncidentController, runbook: Runbook) -> None:
    pair.request_approval("burn", pair.plan("burn"))
    pair.leave()
    again = IncidentController.resume(pair.folder, actor="ada@test")
    with pytest.raises(Refused, match="waits for nobody's approval any more"):
        send_request(again.folder, {"op": "plan", "step": "burn"})
    assert again.pending_steps() == []
    again.request_approval("burn", again.plan("burn"))
    assert send_request(again.folder, {"op": "plan", "step": "burn"})["plan"]["digest"] == again.plan("burn").digest
    again.leave()


def test_two_logins_approve_decline_and_cannot_forge(users: tuple[User, User], place: Path, runbook: Runbook) -> None:
    ada, bob = users
    share(place, 0o2750)  # the second one may only look
    os.chown(place / "logs" / "incidents", ada.uid, -1)
    hers, his = Screen(ada, runbook), Screen(bob, runbook)

    def ask() -> None:
        assert hers.it is not None
        hers.it.request_approval("burn", hers.it.plan("burn"))

    def start(typed: str) -> Any:
        assert hers.it is not None
        hers.it.start("burn", hers.it.plan("burn"), typed=typed)
        hers.finished("burn")
        return hers.it.incident.step("burn").attempts[-1].approved_by

    def approve(typed: str, digest: str = "") -> None:
        assert his.it is not None
        plan = his.it.plan_to_approve("burn")
        send_request(his.it.folder, {"op": "approve", "step": "burn", "digest": digest or plan.digest, "typed": typed})

    def decline() -> None:
        assert his.it is not None
        his.it.decline("burn", "not tonight")

    at_hers = Someone(ada, hers.declare, ask, lambda: start("burn"), ask, lambda: start("burn"), reads=True)
    at_his = Someone(
        bob, his.observe, decline, lambda: approve(""), lambda: approve("burn", "0" * 64), lambda: approve("burn")
    )
    folder = IncidentFolder(Path(at_hers.do()))
    at_hers.do()
    at_his.do()
    assert at_his.do() is None
    assert f"{bob.name} declined: not tonight" in at_hers.do()
    assert at_hers.do() is None
    assert "Type the name burn exactly" in at_his.do()
    assert "The plan has changed since you read it" in at_his.do()
    assert at_his.do() is None
    assert at_hers.do() == bob.name
    at_his.end()
    at_hers.end()
    given = next(event for event in read(folder.journal) if event.kind == EventKind.APPROVAL_GIVEN)
    assert (given.body["by"]["name"], given.body["by"]["uid"]) == (bob.name, bob.uid)


def test_headless_answers_never_stand_in_for_a_second_person(pair: IncidentController, place: Path) -> None:
    said: list[str] = []
    with pytest.raises(Refused, match="takes two people"):
        headless.run(pair, Answers("x", wait_for_approval=0.2), said.append)
    assert any("waits 0.2 s at most for a second person: midwatch approve" in line for line in said)
    (place / "answers.yaml").write_text("wait_for_approval: 2 h\n", encoding="utf-8")
    assert load_answers(place / "answers.yaml", pair.runbook).wait_for_approval == 7200.0
    (place / "answers.yaml").write_text("approve: [work]\n", encoding="utf-8")
    with pytest.raises(BadInput, match="Unknown key 'approve'"):
        load_answers(place / "answers.yaml", pair.runbook)


def test_command_shows_the_plan_and_wants_a_person_at_a_terminal(
    pair: IncidentController, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    assert main(["approve"]) == 2
    assert "No plan waits for approval" in capsys.readouterr().err
    pair.request_approval("burn", pair.plan("burn"))
    assert main(["approve", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["waiting"][0]["step"] == "burn"
    told: dict[str, Any] = {"cwd": place, "capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run([MIDWATCH, "approve"], check=False, input="burn\n", **told)
    assert done.returncode == 1
    assert "1.3 Burn it (destroy), asked for by" in done.stdout
    assert "remove whatever this command changes" in done.stdout
    assert "An approval is given by a person at a terminal" in done.stderr
    ours, theirs = pty.openpty()
    os.write(ours, b"burn\n")
    done = subprocess.run([MIDWATCH, "approve", "latest", "burn"], check=False, stdin=theirs, **told)
    assert done.returncode == 1
    assert "cannot approve it as well" in done.stderr  # it is the same person, and the typing does not change that
    os.close(ours)
    os.close(theirs)


IDS = st.integers(0, 3)
PEOPLE = st.builds(
    Identity, st.sampled_from(["ada", "bob", "eve"]), IDS, st.one_of(st.none(), IDS), st.integers(2, 9), st.booleans()
)


@given(PEOPLE, PEOPLE)
def test_being_the_same_person_goes_both_ways_and_covers_user_and_login(one: Identity, other: Identity) -> None:
    same = bool({one.uid, one.login} & {other.uid, other.login} - {None})
    if one.uid != other.uid and {one.uid, one.login} & {other.uid, other.login} - {None}:
        same = True
    assert one.may_be_same_as(other) == other.may_be_same_as(one) == same
    assert one.may_be_same_as(one)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "give", "decline", "start"]), PEOPLE, st.sampled_from("PQ"), st.integers(0, 12)
        ),
        max_size=12,
    ),
    PEOPLE,
    st.sampled_from("PQ"),
)
def test_approval_counts_only_from_another_person_for_this_plan(
    story: list[tuple[str, Identity, str, int]], starter: Identity, plan: str
) -> None:
    """Any order of requests, approvals to any request and plan, and starts: the rule against a model of its own."""
    step, plans = BURN, {name: _plan(name) for name in "PQ"}
    events = [_event(1, EventKind.DECLARED, {"id": "x", "title": "x", "severity": "SEV-2"})]
    asked: tuple[int, Identity, str] | None = None
    given: Identity | None = None
    judged = False
    for what, who, name, to in story:
        seq = len(events) + 1
        body: dict[str, Any] = {"step": "burn", "digest": plans[name].digest, "by": who.to_json()}
        if what == "ask":
            events.append(_event(seq, EventKind.APPROVAL_ASKED, body))
            asked, given, judged = (seq, who, name), None, False
        elif what == "start":
            events.append(_event(seq, EventKind.CONFIRMED, {"step": "burn", "attempt": seq, "plan": None}))
            asked, given = None, None
        else:
            kind = EventKind.APPROVAL_GIVEN if what == "give" else EventKind.APPROVAL_DECLINED
            events.append(_event(seq, kind, body | {"asked": to, "reason": "no"}))
            if asked is not None and not judged and (to, name) == (asked[0], asked[2]):
                judged = True
                given = who if what == "give" and not who.may_be_same_as(asked[1]) else None
    allowed = asked is not None and given is not None and asked[2] == plan and not given.may_be_same_as(starter)
    allowed = allowed and given is not None and not given.anonymous and not starter.anonymous
    try:
        policy.require_approved_plan(step, plans[plan], reduce(events), starter)
    except Refused:
        assert not allowed
    else:
        assert allowed


def _plan(name: str) -> Plan:
    draft = PlanDraft("shell", {"script": name})
    draft.add(Verb.REMOVE, name)
    return draft.plan()


def _event(seq: int, kind: EventKind, body: dict[str, Any]) -> Event:
    return Event(seq, datetime(2026, 11, 23, 2, tzinfo=UTC), float(seq), "boot", "ada@test", kind, body)
