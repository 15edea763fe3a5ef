"""What a runbook asks when an incident is declared: read, checked against what uses it, its defaults laid over by the
site."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.runbook.condition_forms import AnswerIs
from midwatch.runbook.declaration import given_inputs, inputs_of
from midwatch.runbook.questions import answer_words, misfit
from midwatch.runbook.value_sources import Question, Reference
from midwatch.system.errors import BadInput
from tests.runbook.small_actions import HEAD, Errors, Loaded
from tests.support.examples import examples
from tests.support.runbook_texts import ASKED, STEPS

PLACE = HEAD.count("\n")


def test_inputs_are_read_with_their_defaults(loaded: Loaded) -> None:
    book = loaded(HEAD + ASKED + STEPS)
    assert book.inputs == (
        Question("ticket", "Which ticket?", required=False),
        Question("which", "Which database?", "choice", options=("db", "42"), default="db"),
        Question("loss", "Was data lost?", "yes-no"),
        Question("words", "What was seen?", "text", False, default="nothing\nyet"),
    )
    look, tell = book.steps()
    assert dict(look.env) == {"TICKET": Reference("inputs", "ticket"), "WHICH": Reference("inputs", "which")}
    assert tell.when == AnswerIs((Reference("inputs", "loss"),), ("yes",))


def test_site_changes_the_defaults_of_inputs(loaded: Loaded, errors_of: Errors) -> None:
    book = loaded(HEAD + ASKED + STEPS, site="midwatch-site: 1\ninputs: {which: 42, ticket: OPS-1}\n")
    assert [ask.default for ask in book.inputs] == ["OPS-1", "42", "", "nothing\nyet"]
    assert book.inputs[1].options == ("db", "42")
    site = "midwatch-site: 1\ninputs: {wich: db, which: dbb, loss: maybe, ticket: }\n"
    assert errors_of(HEAD + ASKED + STEPS, site=site) == [
        "site.yaml:2:10: There is no input 'wich'. Did you mean 'which'?",
        "site.yaml:2:27: The default of 'which' takes db or 42, not 'dbb'. Did you mean 'db'?",
        "site.yaml:2:38: The default of 'loss' takes yes or no, not 'maybe'. One of: yes, no.",
        "site.yaml:2:53: This takes text, not nothing. Write one, or take the key out.",
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (
            "{name: a, prompt: A?, kind: choice}",
            "5: A choice needs the key 'options'. List the answers that can be given.",
        ),
        (
            "{name: a, prompt: A?, options: [x]}",
            "27: 'options' belongs to a question of kind 'choice'. Add kind: choice.",
        ),
        (
            "{name: a, prompt: A?, kind: choice, options: [x, y, x]}",
            "57: The option 'x' stands here twice. Take one out.",
        ),
        ("{name: a, prompt: A?, kind: choice, options: []}", "50: This list is empty."),
        (
            "{name: a, prompt: A?, kind: choice, options: [x, true]}",
            "54: This takes text, not 'true'. Put it in quotes.",
        ),
        (
            "{name: a, prompt: A?, kind: choice, options: [green, blue], default: gren}",
            "74: The default of 'a' takes green or blue, not 'gren'. Did you mean 'green'?",
        ),
        (
            "{name: a, prompt: A?, kind: yes-no, default: on}",
            "50: The default of 'a' takes yes or no, not 'on'. One of: yes, no.",
        ),
        ('{name: a, prompt: A?, default: "x\\ny"}', "36: The default of 'a' takes one line, not 2."),
        (
            '{name: a, prompt: A?, default: "x\\ey"}',
            "36: This text contains a character that cannot be seen (U+001B). ",
        ),
        (
            "{name: A, prompt: A?}",
            "12: 'A' is not a name here. It takes lower-case letters, digits and underscores, a letter",
        ),
        ("{name: a, promt: A?}", "15: A question has no key 'promt'. Did you mean 'prompt'?"),
        (
            "{name: a, prompt: A?, kind: chioce}",
            "33: This takes line, text, yes-no, choice, number, date or duration, not 'chioce'. Did you mean 'ch",
        ),
        (
            "{name: db_password, prompt: A?}",
            "12: The answer to 'db_password' goes into the journal, where no secret may stand. Keep it out: "
            "~/.pgpass, ",
        ),
    ],
)
def test_fault_of_a_question_is_named_with_its_position(errors_of: Errors, asked: str, found: str) -> None:
    text = HEAD + f"inputs:\n  - {asked}\nphases: [{{title: P, steps: [{{title: s}}]}}]\n"
    assert errors_of(text)[-1].startswith(f"r.yaml:{PLACE + 2}:{found}"), errors_of(text)
    column, _, rest = found.partition(": ")
    manual = f"phases:\n  - title: P\n    steps:\n      - title: s\n        questions:\n          - {asked}\n"
    assert errors_of(HEAD + manual)[-1].startswith(f"r.yaml:{PLACE + 6}:{int(column) + 8}: {rest}")


def test_repeated_question_is_refused(errors_of: Errors) -> None:
    text = HEAD + "inputs: [{name: a, prompt: A?}, {name: a, prompt: B?}]\n" + STEPS.replace("inputs.", "look.")
    assert errors_of(text)[0] == f"r.yaml:{PLACE + 1}:17: The question 'a' is asked twice. Give each its own name."


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (
            "{title: s, run: ls, risk: observe, env: {A: {from: inputs.tickt}}}",
            "53: There is no input 'tickt'. Did you mean 'ti",
        ),
        ("{title: s, when: {answer: inputs.los, is: yes}}", "35: There is no input 'los'. Did you mean 'loss'?"),
        (
            "{title: s, when: {answer: inputs.loss, is: maybe}}",
            "52: The answer to inputs.loss is yes or no, never 'maybe'.",
        ),
        (
            "{title: s, when: {answer: inputs.which, is: [db, dc]}}",
            "58: The answer to inputs.which is db or 42, never 'dc'.",
        ),
        ("{title: s, depends_on: inputs}", "32: There is no step 'inputs'. "),
        (
            "{id: inputs, title: s}",
            "14: 'inputs' stands for what is asked at the declaration, so no step can have it for an id. Give "
            "this one another",
        ),
        ("{title: Inputs}", "17: 'inputs' stands for what is asked at the declaration, "),
        (
            "{title: s, uses: sweep, with: {target: {from: inputs.ticket}}}",
            "48: The parameter 'target' is needed, and the input 'ticket' may stay empty. Take 'required: "
            "false' from the in",
        ),
        (
            "{title: s, uses: sweep, with: {target: {from: inputs.which}}}",
            "48: The input 'which' can be '42': There is no target '42'. Targets: db.",
        ),
        (
            "{title: s, uses: sweep, with: {target: db, keep: {from: inputs.words}}}",
            "58: The input 'words' can be 'nothing\\nyet': The parameter 'keep' takes a whole number, 0 or more,"
            " not 'nothing\\nyet'.",
        ),
        (
            "{title: s, uses: sweep, with: {target: db, keeep: {from: inputs.which}}}",
            "52: There is no parameter 'keeep'. Did you mean 'keep'?",
        ),
    ],
)
def test_fault_of_an_input_reference_is_named_with_its_position(errors_of: Errors, step: str, found: str) -> None:
    text = HEAD + ASKED + f"phases:\n  - title: P\n    steps:\n      - {step}\n"
    line = text.count("\n")
    lines = errors_of(text)
    assert len(lines) == 1
    assert lines[0].startswith(f"r.yaml:{line}:{found}"), lines


def test_reference_to_an_undeclared_input_is_refused(loaded: Loaded, errors_of: Errors) -> None:
    bare = HEAD + "phases: [{title: P, steps: [{title: s}]}]\n"
    assert loaded(bare).inputs == ()
    with pytest.raises(BadInput, match=r"r\.yaml has no input 'x'") as caught:
        inputs_of(loaded(bare), {"x": "1"})
    assert caught.value.hint == "It asks for none"
    asks = bare.replace("{title: s}", "{title: s, when: {answer: inputs.x, is: yes}}")
    assert errors_of(asks) == [f"r.yaml:{PLACE + 1}:55: There is no input 'x'. Inputs: nothing."]


def test_values_are_completed_and_checked(loaded: Loaded) -> None:
    book = loaded(HEAD + ASKED + STEPS)
    assert inputs_of(book, {"loss": " no "}) == {"which": "db", "loss": "no", "words": "nothing\nyet"}
    assert inputs_of(book, {"loss": "yes", "words": "", "ticket": "a=b"}) == {
        "ticket": "a=b",
        "which": "db",
        "loss": "yes",
    }
    assert given_inputs(book, {}) == {"which": "db", "words": "nothing\nyet"}
    for given_, sentence in (
        ({}, "The input 'loss' was not given: Was data lost? Give it: --input loss=VALUE."),
        ({"loss": ""}, "The input 'loss' was not given"),
        ({"loss": "yes", "which": ""}, "The input 'which' was not given"),
        ({"loss": "perhaps"}, "The input 'loss' takes yes or no, not 'perhaps'. Was data lost?"),
        ({"loss": "yes", "wich": "db"}, "r.yaml has no input 'wich'. Did you mean 'which'?"),
        ({"loss": "yes", "ticket": "a\nb"}, "The input 'ticket' takes one line, not 2."),
        ({"loss": "yes", "ticket": "a\0b"}, "The input 'ticket' takes text without control characters"),
        ({"loss": "yes", "words": "x" * 40_000}, "The inputs take 40.0 kB, and the journal holds 16.0 kB."),
    ):
        with pytest.raises(BadInput) as caught:
            inputs_of(book, given_)
        assert str(caught.value).startswith(sentence)


@settings(max_examples=examples(150))
@given(st.text(max_size=30), st.sampled_from(["line", "text", "yes-no", "choice"]))
def test_input_that_fits_can_be_a_variable_of_a_shell(answer: str, kind: str) -> None:
    """And is text that any terminal, file and journal can hold."""
    ask = Question("a", "A?", kind, options=("one", "two"))
    if misfit(ask, answer):
        assert answer
        return
    assert "\0" not in answer
    assert "\x1b" not in answer
    assert answer.encode("utf-8") is not None
    assert not answer or not answer_words(ask) or answer in answer_words(ask)


def test_files_of_an_incident_keep_the_sites_defaults(loaded: Loaded, tmp_path: Path) -> None:
    loaded(HEAD + ASKED + STEPS, site="midwatch-site: 1\ninputs: {ticket: OPS-1}\n")
    assert inputs_of(loaded(HEAD + ASKED + STEPS), {"loss": "no"})["ticket"] == "OPS-1"
