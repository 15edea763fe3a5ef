"""Checks and panels by command in a runbook: what the loader takes, and what it says of a fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.model import Runbook
from midwatch.runbook.value_sources import Reference
from tui.cli import main

FRAME = """\
midwatch: 1
title: Certificates expire
severity: SEV-2
{top}
phases:
  - title: Work
    steps:
      - {{id: ask, title: Ask, questions: [{{name: host, prompt: Which host?}}]}}
      - {{id: look, title: Look, run: echo, risk: observe{step}}}
"""


def loaded(folder: Path, *, top: str = "", step: str = "") -> Runbook:
    (folder / "r.yaml").write_text(FRAME.format(top=top, step=step), encoding="utf-8")
    return load(folder / "r.yaml", environment={})


def fault(folder: Path, *, top: str = "", step: str = "") -> str:
    with pytest.raises(RunbookErrors) as caught:
        loaded(folder, top=top, step=step)
    return str(caught.value).replace(f"{folder}/", "")


def test_panels_of_one_probe_are_told_apart_by_their_names(tmp_path: Path) -> None:
    panels = "panels: {up: {probe: command, run: echo, title: Up, every: 1 min}, command: {run: echo}, disk: {}}"
    found = loaded(tmp_path, top=panels).panels
    assert [(panel.name, panel.probe, panel.title, panel.every) for panel in found] == [
        ("up", "command", "Up", 60.0),
        ("command", "command", "", 0.0),
        ("disk", "disk", "", 0.0),
    ]
    assert dict(found[0].with_) == {"run": "echo"}


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        ("up: {run: echo}", "r.yaml:4:10: There is no probe 'up'"),
        ("up: {probe: comand, run: echo}", "r.yaml:4:22: There is no probe 'comand'. Did you mean 'command'?"),
        ("up: {probe: command}", "The parameter 'run' is missing"),
        ("up: {probe: command, run: echo, every: often}", "'often' is not a length of time"),
        ("up: {probe: command, run: echo, timeout: 5 min}", "from more than nothing to 2 min"),
        (
            "up: {probe: command, run: echo, env: {H: {from: ask.host}}}",
            "A parameter of a panel cannot come from a step",
        ),
        ("up: {probe: command, run: echo, env: {PATH: /}}", "PATH is not for a runbook to set"),
        ("up: {probe: command, run: echo, env: {A: [1]}}", "This takes one value, not a list"),
        ("up: {probe: command, run: [echo]}", "The parameter 'run' takes text"),
    ],
)
def test_fault_of_a_panel_is_said_with_its_place(tmp_path: Path, panel: str, said: str) -> None:
    assert said in fault(tmp_path, top=f"panels: {{{panel}}}")


CHECK = "{{title: t, check: command, with: {{run: echo, {}}}}}"


@pytest.mark.parametrize("key", ["closure", "preconditions"])
def test_check_takes_values_of_steps_and_inputs_in_its_variables_only(tmp_path: Path, key: str) -> None:
    def keys(given: str) -> dict[str, str]:
        text = f"[{CHECK.format(given)}]"
        return {"top": f"closure: {text}"} if key == "closure" else {"step": f", preconditions: {text}"}

    runbook = loaded(tmp_path, **keys("timeout: 1 min, env: {HOST: {from: ask.host}, PORT: 443}"))
    (check,) = runbook.closure or runbook.step("look").preconditions
    assert check.with_["env"] == {"HOST": Reference("ask", "host"), "PORT": 443}
    for given, said in (
        ("env: {HOST: {from: ask.hots}}", "Step 'ask' does not ask for 'hots'. Did you mean 'host'?"),
        ("env: {HOST: {from: asc.host}}", "There is no step 'asc'. Did you mean 'ask'?"),
        ("env: {HOST: {from: item}}", "Only a step with 'for_each' has an item"),
        ("env: {HOST: {from: inputs.host}}", "There is no input 'host'"),
        ("env: {BASH_ENV: x}", "BASH_ENV is not for a runbook to set"),
        ("timeout: 3 min", "The time limit of a script is from more than nothing to 2 min"),
    ):
        assert said in fault(tmp_path, **keys(given)), given
    script = keys("run: {from: ask.host}")
    said = "The parameter 'run' cannot come from a step or an input. Write it here; values reach it through 'env' only."
    assert said in fault(tmp_path, **{name: text.replace("run: echo, ", "") for name, text in script.items()})


def test_trigger_takes_no_value_of_a_step(tmp_path: Path) -> None:
    trigger = f"triggers: [{CHECK.format('env: {HOST: {from: ask.host}}')}]"
    assert "A parameter of a trigger's check cannot come from a step" in fault(tmp_path, top=trigger)


@pytest.mark.parametrize(
    "keys",
    [
        {"top": "closure: [{title: t, check: command, with: {run: 'ping {{ ask.host }}'}}]"},
        {"step": ", preconditions: [{title: t, check: command, with: {run: 'ping {{ ask.host }}'}}]"},
        {"step": ", when: {check: command, with: {run: 'ping {{ ask.host }}'}}"},
    ],
)
def test_script_of_a_check_with_a_value_in_it_is_refused(tmp_path: Path, keys: dict[str, str]) -> None:
    assert "No value is pasted into this text" in fault(tmp_path, **keys)


def test_plan_lists_the_scripts_that_run_without_a_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top = (
        "panels: {up: {probe: command, run: echo panel}}\nclosure: [{title: t, check: command, with: {run: echo end}}]"
    )
    loaded(tmp_path, top=top, step=", when: {check: command, with: {run: echo need}}")
    assert main(["plan", str(tmp_path / "r.yaml")]) == 0
    said = capsys.readouterr().out
    assert said.partition("Scripts that run without a question, because they only observe:")[2].split("\n")[1:7] == [
        "    panel up",
        "        echo panel",
        "    condition of 1.2 Look",
        "        echo need",
        "    closure: t",
        "        echo end",
    ]
    assert main(["plan", str(tmp_path / "r.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scripts"][2] == {"for": "closure: t", "script": "echo end"}
