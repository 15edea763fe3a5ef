"""Loops in runbooks: a step for each item, what an item may be, and what a loop's step may name."""

from __future__ import annotations

import pytest

from midwatch.incident.state import Incident
from midwatch.incident.step_state import StepState
from midwatch.incident.step_status import StepStatus
from midwatch.runbook.condition_forms import AnswerCompares
from midwatch.runbook.model import Runbook
from midwatch.runbook.text_values import fill
from midwatch.runbook.value_sources import Reference
from tests.runbook.small_actions import Errors, Loaded

STEPS = """\
midwatch: 1
title: Certificates
severity: SEV-2
targets:
  otc: {kind: local, host: db1, database: otc}
  gps: {kind: local, host: db2, database: gps}
phases:
  - title: Renew
    steps:
      - id: read
        title: Read the certificate of {{ item }}
        for_each: [web1, web.2]
        run: echo "days_left=5" >> "$STEP_OUTPUT"
        env: {HOST: {from: item}, WORD: "{{.item}}"}
        outputs: [days_left]
        risk: observe
        parallel: 2
      - id: renew
        title: Renew
        instructions: "On {{item}}: {{ read.days_left }}."
        for_each: [web1, web.2]
        run: renew "$HOST" "$DAYS"
        env: {HOST: {from: item}, DAYS: {from: read.days_left}}
        risk: change
        depends_on: [read]
        when: {answer: read.days_left, below: 7}
        stop_on_failure: false
      - id: report
        title: Report
        run: echo "$DAYS" "$FIRST"
        env: {DAYS: {from: read.days_left}, FIRST: {from: "read[web.2].days_left"}}
        risk: observe
        depends_on: [renew]
        when: {failed: renew}
"""


def test_list_makes_a_step_for_each_item(loaded: Loaded) -> None:
    book = loaded(STEPS)
    assert [(step.number, step.id) for step in book.steps()] == [
        ("1.1.1", "read[web1]"),
        ("1.1.2", "read[web.2]"),
        ("1.2.1", "renew[web1]"),
        ("1.2.2", "renew[web.2]"),
        ("1.3", "report"),
    ]
    second = book.step("read[web.2]")
    assert second.title == "Read the certificate of web.2"
    assert second.env == {"HOST": "web.2", "WORD": "{{.item}}"}  # a script gets the item by {from: item} only
    assert book.step("read").title == "Read the certificate of web1, web.2"
    assert book.step("renew[web1]").title == "Renew: web1"
    renewed = book.step("renew[web1]")
    assert fill(renewed.instructions, renewed.text_values) == "On web1: {{ read[web1].days_left }}."
    loop = book.loops["renew"].loop
    assert loop is not None
    assert (loop.parallel, loop.stop_on_failure) == (1, False)
    assert book.phase_of("renew") is book.phase_of("renew[web1]")


def test_loop_over_the_same_items_means_the_own_item(loaded: Loaded) -> None:
    book = loaded(STEPS)
    renew = book.step("renew[web.2]")
    assert renew.env["DAYS"] == Reference("read[web.2]", "days_left")
    assert renew.depends_on == ("read[web.2]",)
    assert isinstance(renew.when, AnswerCompares)
    assert renew.when.answers == (Reference("read[web.2]", "days_left"),)
    read = {name: StepState(name, StepStatus.DONE, values={"days_left": days}) for name, days in _DAYS.items()}
    incident = Incident(steps=read)
    assert incident.status(book.step("renew[web1]")) is StepStatus.NOT_NEEDED
    assert incident.status(book.step("renew[web.2]")) is StepStatus.TODO


_DAYS = {"read[web1]": "30", "read[web.2]": "3"}


def state_of(book: Runbook, **states: StepStatus) -> Incident:
    names = {"read1": "read[web1]", "read2": "read[web.2]", "renew1": "renew[web1]", "renew2": "renew[web.2]"}
    steps = {
        names[key]: StepState(names[key], status, ever_failed=status is StepStatus.FAILED, values={"days_left": "1"})
        for key, status in states.items()
    }
    return Incident(steps=steps)


def test_condition_from_outside_means_any_item_and_a_dependency_all_of_them(loaded: Loaded) -> None:
    book, done, failed = loaded(STEPS), StepStatus.DONE, StepStatus.FAILED
    report = book.step("report")
    incident = state_of(book, read1=done, read2=done, renew1=done, renew2=failed)
    assert incident.status(report) is StepStatus.TODO
    assert incident.unmet_needs(report, book) == [book.step("renew")]
    assert incident.status(book.step("renew")) is failed
    incident = state_of(book, read1=done, read2=done, renew1=done, renew2=done)
    assert incident.status(report) is StepStatus.NOT_NEEDED
    assert incident.unmet_needs(report, book) == []
    assert incident.condition(report).reason == "renew[web1] did not fail"


def test_loop_over_targets_has_an_item_for_each(loaded: Loaded) -> None:
    book = loaded(STEPS.replace("for_each: [web1, web.2]\n        run: renew", "for_each: targets\n        run: renew"))
    assert [step.id for step in book.steps()][2:4] == ["renew[otc]", "renew[gps]"]
    assert book.step("renew[otc]").env["DAYS"] == Reference("read", "days_left")  # another list: all items of it


def test_items_of_a_value_are_not_known_at_load(loaded: Loaded) -> None:
    steps = STEPS.replace(
        "for_each: [web1, web.2]\n        run: renew", "for_each: {from: hosts.names}\n        run: renew"
    )
    ask = "      - {id: hosts, title: Hosts, questions: [{name: names, prompt: Which?}]}\n"
    book = loaded(steps.replace("    steps:\n", f"    steps:\n{ask}"))
    renew = book.step("renew")
    assert renew.awaits_items
    assert renew in list(book.steps())
    assert Incident().unmet_needs(renew, book)[-1].id == "hosts"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[web1, web.2]", "[web1, web1]", "The item 'web1' stands in line"),
        ("[web1, web.2]", "[]", "This list has 0 items; 1 to 1,000 can stand here"),
        ("[web1, web.2]", f"[{'x' * 201}]", "An item has 201 characters; 200 are the most"),
        ("[web1, web.2]", "web1", "This takes a list of items, not 'web1'"),
        ("[web1, web.2]", "{from: nothing}", "This takes STEP.KEY"),
        ("[web1, web.2]", "{from: renew.x}", "These steps wait for one another"),
        ("        for_each: [web1, web.2]\n        run: echo", "        run: echo", "Only a step with "
        "'for_each' has an item"),
        ("parallel: 2", "parallel: 17", "This takes a whole number from 1 to 16"),
        ("stop_on_failure: false", "parallel: 4", "Only items that Midwatch runs and that change nothing"),
        ("depends_on: [renew]", "stop_on_failure: true", "'stop_on_failure' belongs to a step with 'for_each'"),
        ("read[web.2].days", "read[web9].days", "Step 'read' has no item 'web9'. Did you mean 'web1'?"),
        ("read[web.2].days", "report[web.2].days", "'report' is no step with 'for_each', so it has no items"),
        ("DAYS: {from: read.days_left}}", "DAYS: {from: read.other}}", "does not declare the output 'other'"),
    ],
)  # fmt: skip
def test_unusable_loop_is_one_sentence_with_its_place(errors_of: Errors, before: str, after: str, said: str) -> None:
    assert before in STEPS
    found = errors_of(STEPS.replace(before, after, 1))
    assert any(said in line for line in found), found
    assert all(line.startswith("r.yaml:") for line in found)


def test_loop_item_that_does_not_fit_its_parameter_is_refused(errors_of: Errors) -> None:
    step = "      - {id: x, title: Sweep, for_each: [otc, arp], uses: sweep, with: {target: {from: item}}}\n"
    assert any("The item can be 'arp': " in line for line in errors_of(STEPS + step))
