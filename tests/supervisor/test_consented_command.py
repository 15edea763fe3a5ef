"""A supervisor runs the plan that was consented to, and refuses any other order before anything of it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.api.plan import Effect, Plan, Verb
from midwatch.incident.paths import AttemptFolder
from midwatch.supervisor.consented_command import FOLDER, SHELL_ACTION, command_of, file_of, secret_constant
from midwatch.supervisor.launch import launch
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.status import inspect_attempt
from midwatch.system.errors import Failed

pytestmark = pytest.mark.slow

CONSTANT = secret_constant("API_TOKEN", "report")


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptFolder:
    return AttemptFolder(tmp_path / "attempt")


def shell_plan(tmp_path: Path) -> Plan:
    parameters = {"script": f"echo $X > {tmp_path}/ran", "$X": "one", "$API_TOKEN": CONSTANT}
    return Plan(SHELL_ACTION, parameters, bindings={FOLDER: "/"})


def action_plan() -> Plan:
    effects = (Effect(Verb.CHANGE, "the password of arp"),)
    return Plan("reset-password", {"target": "arp"}, effects, bindings={"address of arp": "host one"})


def order_of(plan: Plan, attempt: AttemptFolder) -> LaunchSpec:
    environment = {"X": "one", "API_TOKEN": "s3cret-value", "MIDWATCH_STEP": "report"}
    if plan.action != SHELL_ACTION:
        environment = {"MIDWATCH_STEP": "reset"}
    return LaunchSpec(command_of(plan), "/", environment, 30, digest=plan.digest)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda order: replace(order, digest=""), "(none)"),
        (lambda order: replace(order, digest="0" * 64), "000000000000"),
        (lambda order: replace(order, argv=(*order.argv[:-1], f"{order.argv[-1]}2")), "word 5 of the command"),
        (lambda order: replace(order, argv=(*order.argv, "more")), "word 6 of the command: (nothing) → 'more'"),
        (lambda order: replace(order, cwd="/tmp"), "working folder: / → /tmp"),
        (lambda order: replace(order, env={**order.env, "X": "two"}), "$X: 'one'"),
        (lambda order: replace(order, env={**order.env, "BASH_ENV": "/tmp/evil"}), "$BASH_ENV: (nothing)"),
        (lambda order: replace(order, env={"X": "one", "MIDWATCH_STEP": "report"}), "$API_TOKEN"),
        (lambda order: replace(order, env={**order.env, "MIDWATCH_STEP": "another"}), "$API_TOKEN"),
    ],
)
def test_order_of_a_script_that_differs_from_its_plan_is_refused_by_name_and_nothing_runs(
    tmp_path: Path, attempt: AttemptFolder, change: Callable[[LaunchSpec], LaunchSpec], difference: str
) -> None:
    plan = shell_plan(tmp_path)
    with pytest.raises(Failed) as refused:
        launch(attempt, change(order_of(plan, attempt)), {}, plan)
    assert "not the plan that was confirmed" in str(refused.value)
    assert difference in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert not (tmp_path / "ran").exists()
    assert inspect_attempt(attempt) is None


@pytest.mark.parametrize(
    ("index", "word", "difference"),
    [
        (2, "undo-password-reset", "'reset-password' → 'undo-password-reset'"),
        (3, "--target=other", "'--digest' → '--target=other'"),
        (4, "0" * 64, "→ '0000"),
        (6, "/tmp/plan.json", "(nothing) → '/tmp/plan.json'"),
    ],
)
def test_order_of_an_action_that_differs_from_its_plan_is_refused_by_name(
    attempt: AttemptFolder, index: int, word: str, difference: str
) -> None:
    plan = action_plan()
    order = order_of(plan, attempt)
    changed = replace(order, argv=(*order.argv[:index], word, *order.argv[index + 1 :]))
    with pytest.raises(Failed) as refused:
        launch(attempt, changed, {}, plan)
    assert difference in str(refused.value)


def test_secret_that_the_plan_does_not_name_is_refused(tmp_path: Path, attempt: AttemptFolder) -> None:
    plan = shell_plan(tmp_path)
    with pytest.raises(Failed, match="not the plan that was confirmed: the secret API_KEY"):
        launch(attempt, order_of(plan, attempt), {}, plan, {"API_KEY": "s3cret-value"})
    asking = replace(plan, parameters={**plan.parameters, "API_KEY (secret, as a file)": "the file x"})
    other = AttemptFolder(tmp_path / "another")
    with pytest.raises(Failed, match="not the plan that was confirmed: the secret API_KEY"):
        launch(other, order_of(asking, other), {}, asking)


def test_parameters_of_an_action_are_in_no_word_of_its_command_and_in_the_plan_that_it_gets() -> None:
    plan = replace(action_plan(), parameters={"target": "arp", "note": "hunter2-hunter2"})
    assert not [word for word in command_of(plan) if "hunter2" in word]
    assert Plan.from_json(json.loads(file_of(plan))) == plan


def test_plan_that_would_touch_more_than_the_order_was_given_for_is_refused(attempt: AttemptFolder) -> None:
    plan = action_plan()
    more = replace(plan, effects=(*plan.effects, Effect(Verb.REMOVE, "the database arp")))
    with pytest.raises(Failed, match="the digest is"):
        launch(attempt, order_of(plan, attempt), {}, more)
