"""Typed answers are checked where they are given, and questions that no answer fits are refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.engine.answers import load_answers
from midwatch.runbook.declaration import inputs_of
from midwatch.runbook.loader import load
from midwatch.runbook.questions import misfit
from midwatch.runbook.value_sources import Question
from midwatch.system.errors import BadInput
from screens.widgets.form import asked
from tests.runbook.small_actions import HEAD, Errors

DAYS = Question("days", "Days?", "number", min="1", max="825")
DAY = Question("day", "Which day?", "date", min="2026-11-01")
WAIT = Question("wait", "How long?", "duration", max="2 h")
TICKET = Question("ticket", "Ticket?", pattern=r"OPS-\d+", example="OPS-4711")


@pytest.mark.parametrize("answer", ["1", "825", "90.5", "+7"])
def test_number_within_limits_is_accepted(answer: str) -> None:
    assert misfit(DAYS, answer) == ""


@pytest.mark.parametrize("answer", ["0", "826", "-1", "7 d", "90 %", "x", "1e3", "nan", "inf", "١", "9" * 400, "1,5"])
def test_number_beyond_limits_or_no_number_is_refused_with_what_is_accepted(answer: str) -> None:
    assert misfit(DAYS, answer).startswith("takes a number from 1 to 825, not ")


@pytest.mark.parametrize(
    ("question", "good", "bad", "sentence"),
    [
        (DAY, "2026-11-23", "2026-10-31", "takes a date, such as 2026-11-23, of 2026-11-01 or later, not '2026-10-31'"),
        (DAY, "2028-02-29", "2027-02-29", "takes a date, such as 2026-11-23, of 2026-11-01 or later, not '2027-02-29'"),
        (DAY, "2026-12-01", "20261201", "takes a date, such as 2026-11-23, of 2026-11-01 or later, not '20261201'"),
        (WAIT, "120 min", "121 min", "takes a duration, such as 30 min, of 2 h or less, not '121 min'"),
        (WAIT, "90 s", "90", "takes a duration, such as 30 min, of 2 h or less, not '90'"),
        (TICKET, "OPS-1", "OPS-", "takes a text such as OPS-4711, not 'OPS-'"),
        (TICKET, "OPS-12", "see OPS-12", "takes a text such as OPS-4711, not 'see OPS-12'"),
    ],
)
def test_answer_of_each_kind_accepted_or_refused(question: Question, good: str, bad: str, sentence: str) -> None:
    assert misfit(question, good) == ""
    assert misfit(question, bad) == sentence


@given(st.dates(min_value=date(2026, 11, 1)) | st.dates(max_value=date(2026, 10, 31)))
def test_date_accepted_exactly_from_its_limit_on(day: date) -> None:
    assert (misfit(DAY, day.isoformat()) == "") == (day >= date(2026, 11, 1))


@given(st.sampled_from([DAYS, DAY, WAIT, TICKET]), st.text(max_size=200))
def test_typed_answer_of_any_text_is_accepted_or_refused(question: Question, answer: str) -> None:
    assert isinstance(misfit(question, answer), str)


STEP = "phases: [{title: P, steps: [{id: ask, title: Ask, questions: [QUESTION]}]}]\n"


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("{name: a, prompt: A?, min: 1}", "'min' belongs to a question of kind number, date or duration."),
        ("{name: a, prompt: A?, kind: number, min: x}", "'x' is not a number."),
        ("{name: a, prompt: A?, kind: date, max: tomorrow}", "'tomorrow' is not a date, such as 2026-11-23."),
        ("{name: a, prompt: A?, kind: number, min: 2, max: 1}", "'min' is more than 'max', so no answer fits."),
        ("{name: a, prompt: A?, pattern: 'x+'}", "'pattern' needs the key 'example'."),
        ("{name: a, prompt: A?, pattern: 'x+', example: y}", "The example of 'a' does not match the pattern"),
        ("{name: a, prompt: A?, pattern: '(x|y)+', example: z}", "The example of 'a' does not match the pattern"),
        (
            f"{{name: a, prompt: A?, pattern: '(x+)+', example: {'x' * 40}y}}",
            "The example of 'a' has a pattern that takes too long to compare with 'xxx",
        ),
        ("{name: a, prompt: A?, pattern: 'x(', example: x}", "This regular expression does not compile:"),
        (
            "{name: a, prompt: A?, kind: number, pattern: x, example: x}",
            "'pattern' belongs to a question of kind 'line'",
        ),
        ("{name: a, prompt: A?, kind: number, max: 9, default: 10}", "The default of 'a' takes a number of 9 or less"),
    ],
)
def test_question_that_cannot_be_answered_is_refused(question: str, sentence: str, errors_of: Errors) -> None:
    found = errors_of(HEAD + STEP.replace("QUESTION", question))
    assert any(sentence in error for error in found), found


def test_typed_input_is_checked_at_the_declaration_and_in_the_answers_file(tmp_path: Path) -> None:
    days = "{name: days, prompt: How many days?, kind: number, min: 1, max: 825}"
    head = "midwatch: 1\ntitle: Small\nseverity: SEV-2\n"
    (tmp_path / "r.yaml").write_text(f"{head}inputs: [{days}]\n" + STEP.replace("QUESTION", days), encoding="utf-8")
    runbook = load(tmp_path / "r.yaml")
    assert inputs_of(runbook, {"days": "90"}) == {"days": "90"}
    with pytest.raises(BadInput, match="The input 'days' takes a number from 1 to 825, not 'soon'"):
        inputs_of(runbook, {"days": "soon"})
    answers = tmp_path / "answers.yaml"
    answers.write_text("inputs: {days: 900}\n", encoding="utf-8")
    with pytest.raises(BadInput, match="takes a number from 1 to 825, not '900'") as refused:
        load_answers(answers, runbook)
    assert refused.value.place is not None
    assert (refused.value.place.line, refused.value.place.column) == (1, 16)


def test_field_of_a_typed_question_shows_what_is_accepted() -> None:
    assert (asked(DAYS).kind, asked(DAYS).example) == ("line", "a number from 1 to 825")
    assert asked(TICKET).example == "such as OPS-4711"
