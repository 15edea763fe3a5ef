"""`{{ … }}` in texts: names that stand for nothing are refused where they stand, and no script has a value pasted
in."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.runbook.loader import load
from midwatch.runbook.text_values import fill, names_in
from tests.runbook.small_actions import HEAD, Errors

STEPS = """\
inputs: [{name: ticket, prompt: Ticket?, required: false}]
phases:
  - title: One
    intro: "INTRO"
    steps:
      - {id: ask, title: Ask, questions: [{name: host, prompt: Which host?}]}
      - {id: renew, title: Renew, run: "true", risk: change, outputs: [serial]}
  - title: Two
    steps:
      - STEP
closure: [{id: end, title: CLOSURE, check: level, with: {below: 80 %}}]
"""


def written(folder: Path, *, step: str = "{title: Go}", intro: str = "x", closure: str = "End") -> Path:
    text = STEPS.replace("STEP", step).replace("INTRO", intro).replace("CLOSURE", closure)
    (folder / "r.yaml").write_text(HEAD + text, encoding="utf-8")
    return folder / "r.yaml"


@pytest.mark.parametrize(
    ("step", "sentence", "hint"),
    [
        ('{title: "Go {{ renew.serial }}"}', "A title with a value needs an id", "'id'"),
        ('{title: Go, why: "{{ renw.serial }}"}', "There is no step 'renw'", "Did you mean 'renew'?"),
        ('{title: Go, expect: "{{ renew.key }}"}', "does not declare the output 'key'", "It reports: serial"),
        ('{title: Go, instructions: "{{ ask.name }}"}', "does not ask for 'name'", "It asks for: host"),
        ('{title: Go, why: "{{ inputs.tiket }}"}', "There is no input 'tiket'", "Did you mean 'ticket'?"),
        ('{title: Go, why: "{{ renew }}"}', "{{ renew }} is the name of no value", "STEP.KEY"),
        ('{title: Go, why: "{{ item }}"}', "There is no item here", "for_each"),
        ('{id: go, title: Go, why: "{{ go.key }}"}', "'go' waits for itself", "earlier"),
        (
            '{title: Go, run: "true", risk: destroy, confirm: "{{ renew.serial }}"}',
            "No value is pasted into this text",
            "Use {from: renew.serial}",
        ),
        ('{title: Go, deviation: "{{ inputs.ticket }}"}', "No value is known where this text is shown", "braces"),
        (
            '{title: Go, run: "ls {{ renew.serial }}", risk: observe}',
            "No value is pasted into this text",
            "Use env: {NAME: {from: renew.serial}}",
        ),
        (
            '{title: Go, run: "true", risk: observe, env: {A: "x{{inputs.ticket}}"}}',
            "No value is pasted into this text",
            "Use {from: inputs.ticket}",
        ),
        (
            '{title: Go, run: "true", risk: observe, on_failure: {advice: "{{ later.x }}"}}',
            "There is no step 'later'",
            "",
        ),
        ('{title: Go, questions: [{name: a, prompt: "Is {{ x.y }} so?"}]}', "There is no step 'x'", ""),
    ],
)
def test_wrong_name_in_a_step_is_an_error_with_its_position(
    errors_of: Errors, tmp_path: Path, step: str, sentence: str, hint: str
) -> None:
    found = errors_of(written(tmp_path, step=step).read_text(encoding="utf-8"))
    assert [line for line in found if line.startswith("r.yaml:19:") and sentence in line and hint in line], found


def test_texts_around_the_steps_show_earlier_values_only(errors_of: Errors, tmp_path: Path) -> None:
    path = written(tmp_path, intro="{{ renew.serial }}", closure="'{{ nobody.knows }}'")
    assert [line.partition(" ")[2] for line in errors_of(path.read_text(encoding="utf-8"))] == [
        "Step 'renew' comes later. Texts show values of earlier steps.",
        "There is no step 'nobody'. Texts show values of earlier steps.",
    ]


@pytest.mark.usefixtures("small_catalogue")
def test_braces_of_other_programs_are_no_values(tmp_path: Path) -> None:
    step = (
        "{title: Go, why: 'docker ps --format {{.Names}} or {{json .}}', risk: observe,"
        " run: \"docker ps --format '{{.Names}}'; echo '{{ item }} {{ chart.name }}'\"}"
    )
    runbook = load(written(tmp_path, step=step, closure="'{{ renew.serial }} is served'"), environment={})
    assert runbook.step("go").why == "docker ps --format {{.Names}} or {{json .}}"


def test_names_are_read_with_items_of_a_loop() -> None:
    assert names_in("{{ renew[web-1.example].serial }} {{a.b}} {{ item }} {{}} {{ . }}") == [
        "renew[web-1.example].serial",
        "a.b",
        "item",
    ]
    assert fill("{{ a.b }} of {{ c.d }}", {"a.b": "{{ c.d }}"}) == "{{ c.d }} of {{ c.d }}"
