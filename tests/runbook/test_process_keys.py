"""The keys of a `run` step that say how its script runs: what they are read as, and one sentence for each mistake."""

from __future__ import annotations

import pytest

from midwatch.runbook.processes import Process, Retry
from midwatch.runbook.value_sources import Reference
from tests.runbook.small_actions import HEAD, Errors, Loaded

STEP = """\
phases:
  - title: Phase
    steps:
      - {id: ask, title: Ask, questions: [{name: host, prompt: Which host?}]}
      - {id: act, title: Act, KEYS}
"""
LEVEL = "{title: Level, check: level, with: {below: 80 %}}"


def text(keys: str) -> str:
    return HEAD + STEP.replace("KEYS", keys)


@pytest.mark.parametrize(
    ("keys", "process"),
    [
        ("risk: observe", Process()),
        ("risk: observe, cwd: work/../logs", Process(cwd="work/../logs")),
        ("risk: observe, cwd: {from: ask.host}", Process(cwd=Reference("ask", "host"))),
        ("risk: observe, shell: python3", Process(shell=("python3",))),
        ('risk: observe, shell: bash -x -o "pipefail"', Process(shell=("bash", "-x", "-o", "pipefail"))),
        ("risk: observe, ok_exits: 1", Process(ok_exits=(1,))),
        ("risk: observe, ok_exits: [0, 1, 255]", Process(ok_exits=(0, 1, 255))),
        ("risk: change, retry: {times: 3}", Process(retry=Retry(3))),
        ("risk: change, retry: {times: 1, wait: 2 min, on: [1, 75]}", Process(retry=Retry(1, 120.0, (1, 75)))),
        ("risk: change, run_as: postgres", Process(run_as="postgres")),
        ("risk: change, undo: rm new, outputs: [serial]", Process(undo="rm new")),
        ("risk: destroy, confirm: loghost1", Process(confirm="loghost1")),
        ("risk: destroy, confirm: 42", Process(confirm="42")),
        ("risk: change, terminal: true", Process(terminal=True)),
    ],
)
def test_process_keys_of_a_step_are_read(loaded: Loaded, keys: str, process: Process) -> None:
    assert loaded(text(f'run: "true", {keys}')).step("act").process == process


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("cwd: /srv", "'cwd' belongs to a step with 'run'. Take it out."),
        ("ok_exits: [0, 1]", "'ok_exits' belongs to a step with 'run'. Take it out."),
        ("terminal: true", "'terminal' belongs to a step with 'run'. Take it out."),
        (
            'run: "true", risk: change, terminal: true, run_as: nobody',
            "A step with 'terminal' cannot have 'run_as': the script of another user gets no terminal.",
        ),
        ('run: "true", risk: observe, cwd: ""', "'cwd' takes one line that is not empty."),
        ('run: "true", risk: observe, cwd: {from: later.x}', "There is no step 'later'"),
        (
            'run: "true", risk: observe, cwd: {from: ask.hots}',
            "Step 'ask' does not ask for 'hots'. Did you mean 'host'?",
        ),
        ('run: "true", risk: observe, shell: "bash \'x"', 'A quotation mark of "bash \'x" has no partner.'),
        ('run: "true", risk: observe, shell: "\'\' x"', "\"'' x\" names no program. Such as python3 or 'bash -x'."),
        (
            'run: "#!/bin/sh\\ntrue", risk: observe, shell: sh',
            "The script's line '#!' names a program as well as 'shell'. Take one of the two out.",
        ),
        ("run_as: postgres", "'run_as' belongs to a step with 'run'. Take it out."),
        ('run: "true", risk: observe, run_as: -u', "'-u' is not a name here."),
        (
            'run: "true", risk: destroy, undo: "true"',
            "What a step with the risk 'destroy' does cannot be undone. Take 'undo' out, or write risk: change.",
        ),
        ('run: "true", risk: observe, undo: "true"', "What a step with the risk 'observe' does changes nothing."),
        ('run: "true", risk: change, undo: "#!python3"', "The line '#!' names no program by its whole path."),
        (
            'run: "true", risk: change, undo: "true", env: {HOST: a}, outputs: [host]',
            "The undo would find 'host' in $HOST, which 'env' sets as well. Give the output another name.",
        ),
        (
            'run: "true", risk: change, undo: "true", outputs: [a.b, a-b]',
            "The undo would find 'a-b' in $A_B, as it would another output.",
        ),
        (
            'run: "true", risk: change, undo: "true", outputs: [path]',
            "The undo would find 'path' in $PATH, which is not for a runbook to set.",
        ),
        (
            "verify: [{title: Level, check: level, with: {below: 80 %}}]",
            "'verify' belongs to a step with 'run' or 'uses'. Take it out.",
        ),
        (
            'run: "true", risk: change, verify: [{title: Level, check: sweep, with: {target: db}}]',
            "sweep is not a check: it changes something.",
        ),
        (
            f'run: "true", risk: change, verify: [{LEVEL}, {LEVEL}]',
            "There is a requirement 'level' already",
        ),
        ("retry: {times: 3}", "'retry' belongs to a step with 'run'. Take it out."),
        ('run: "true", risk: change, retry: {wait: 10 s}', "A retry needs the key 'times'."),
        ('run: "true", risk: change, retry: {times: 21}', "This takes a whole number from 1 to 20, not '21'."),
        ('run: "true", risk: change, retry: {times: 1, on: 0}', "This takes a whole number from 1 to 255, not '0'."),
        ('run: "true", risk: change, retry: {times: 1, on: [2, 2]}', "The exit status 2 stands here twice."),
        (
            'run: "true", risk: change, ok_exits: [0, 1], retry: {times: 1, on: 1}',
            "Exit 1 counts as done by 'ok_exits', so it is never tried again. Take it out of one of the two.",
        ),
        (
            'run: "true", risk: destroy, retry: {times: 1}',
            "A step with the risk 'destroy' is never run again by itself. Take 'retry' out.",
        ),
        ('run: "true", risk: observe, ok_exits: [256]', "This takes a whole number from 0 to 255, not '256'."),
        ('run: "true", risk: observe, ok_exits: [1, 1]', "The exit status 1 stands here twice. Take one out."),
        ('run: "true", risk: observe, ok_exits: []', "This list is empty."),
        (
            'run: "true", risk: change, confirm: loghost1',
            "'confirm' belongs to a step with the risk 'destroy'. Take it out: other steps are confirmed by yes or no.",
        ),
        ('run: "true", risk: destroy, confirm: [a, b]', "This takes one value, not a list."),
    ],
)
def test_mistake_gets_one_sentence_with_its_line(errors_of: Errors, keys: str, sentence: str) -> None:
    (error,) = errors_of(text(keys))
    assert error.startswith("r.yaml:")
    assert sentence in error
