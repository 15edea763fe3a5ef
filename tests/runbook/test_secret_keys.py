"""The key `secrets` of a `run` step: what it is read as, and one sentence for each mistake."""

from __future__ import annotations

import pytest

from midwatch.runbook.step_secrets import StepSecret
from tests.runbook.small_actions import HEAD, Errors, Loaded

STEP = """\
phases:
  - title: Phase
    steps:
      - {id: act, title: Act, KEYS}
"""


def text(keys: str) -> str:
    return HEAD + STEP.replace("KEYS", keys)


@pytest.mark.parametrize(
    ("source", "secret"),
    [
        ("{file: ~/.token}", StepSecret("TOKEN", file="~/.token")),
        ("{prompt: true, as: variable}", StepSecret("TOKEN", is_asked=True, as_variable=True)),
        ('{command: "pass show a b", as: file}', StepSecret("TOKEN", command=("pass", "show", "a", "b"))),
        ("{command: pass, timeout: 5 s}", StepSecret("TOKEN", command=("pass",), timeout=5.0)),
    ],
)
def test_secrets_of_a_step_are_read(loaded: Loaded, source: str, secret: StepSecret) -> None:
    assert loaded(text(f'run: "true", risk: observe, secrets: {{TOKEN: {source}}}')).step("act").secrets == (secret,)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("secrets: {A: {file: x}}", "'secrets' belongs to a step with 'run'. Take it out."),
        ('run: "true", risk: observe, secrets: {A: x}', "A step secret is a table of keys, not 'x'"),
        (
            'run: "true", risk: observe, secrets: {A: {}}',
            "A secret has one of 'file', 'command' and 'prompt'. Say where it comes from.",
        ),
        (
            'run: "true", risk: observe, secrets: {A: {file: x, prompt: true}}',
            "A secret has one of 'file', 'command' and 'prompt'. Take one.",
        ),
        ('run: "true", risk: observe, secrets: {A: {prompt: false}}', "'prompt' is true, or left out."),
        (
            'run: "true", risk: observe, secrets: {A: {file: x, timeout: 2 s}}',
            "'timeout' belongs to a secret with 'command'. Take it out.",
        ),
        ('run: "true", risk: observe, env: {A: b}, secrets: {A: {file: x}}', "A stands in 'env' as well. Take one"),
        ('run: "true", risk: observe, secrets: {PATH: {file: x}}', "PATH is not for a runbook to set."),
        ('run: "true", risk: observe, secrets: {A: {file: x, as: env}}', "This takes file or variable, not 'env'"),
        ('run: "true", risk: observe, secrets: {A: {command: "a \'b"}}', 'A quotation mark of "a \'b" has no partner.'),
    ],
)
def test_mistake_gets_one_sentence_with_its_line(errors_of: Errors, keys: str, sentence: str) -> None:
    (error,) = errors_of(text(keys))
    assert error.startswith("r.yaml:")
    assert sentence in error


def test_secret_in_the_place_of_its_source_is_refused(errors_of: Errors) -> None:
    found = errors_of(text('run: "true", risk: observe, secrets: {API_TOKEN: geheim77geheim}'))
    assert [error for error in found if "This looks like a secret" in error]
