"""The command line as a person meets it: exit codes, one sentence a fault, no traceback."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.program import MIDWATCH
from tests.support.program import midwatch_text as midwatch
from tui.cli import COMMANDS, main

SMALL = "midwatch: 1\ntitle: T\nseverity: SEV-3\nphases: [{title: P, steps: [{title: S}]}]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_command_with_help_option_prints_its_usage(command: str, here: Path) -> None:
    result = midwatch(command, "--help", cwd=here)
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: midwatch {command}")


def test_midwatch_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"  {command} " in shown for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "There is no runbook.yaml in this folder"),
        (["nowhere.yaml"], 2, "nowhere.yaml"),
        (["check", "disk", "--path", "."], 3, "Name one: --runbook FILE; or rehearse: midwatch drill."),
        (["plan"], 2, "Name one: midwatch RUNBOOK; or"),
        (["run", "nowhere.yaml"], 2, "--headless"),
        (["run", "nowhere.yaml", "--headless"], 2, "--answers"),
        (["show"], 2, "incident"),
        (["verify", "INC-1"], 2, "incident"),
        (["action", "emergency-bakcup"], 2, "Did you mean 'emergency-backup'?"),
        (["check", "emergency-backup", "--target", "x"], 3, "emergency-backup is not a check"),
        (["check", "dsik"], 3, "There is no check 'dsik'. Did you mean 'disk'?"),
        (["check", "swap"], 3, "There is no check 'swap'. There are: "),
        (["check", "diagnose-disk"], 3, "diagnose-disk is not a check"),
        (
            ["incidens"],
            2,
            "There is no command 'incidens', and no runbook of that name. Did you mean: midwatch incidents.",
        ),
        (["hand-off"], 2, "Did you mean: midwatch handoff."),
        (["\x1b[31mred.yaml"], 2, "midwatch: red.yaml: There is no such file."),
        (["verify", "--count", "-5"], 2, "--count takes a number of events, not -5"),
        (["drill"], 2, "The screen needs a terminal"),
        (["drill", "--headless", "--input", "ticket"], 2, "--input takes NAME=VALUE, not 'ticket'"),
    ],
)
def test_bad_usage_is_one_sentence(arguments: list[str], code: int, sentence: str, here: Path) -> None:
    result = midwatch(*arguments, cwd=here)
    assert result.returncode == code
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr


def test_internal_error_shows_no_secret(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_: list[str]) -> int:
        raise RuntimeError("correct-horse at postgresql://u:hunter22@h/d")

    monkeypatch.setenv("ARP_PASSWORD", "correct-horse")
    monkeypatch.setattr("tui.cli._run", broken)
    assert main(["show"]) == 1
    *trace, last = capsys.readouterr().err.splitlines()
    assert (
        last
        == "midwatch: This is a fault of Midwatch: RuntimeError: [secret ARP_PASSWORD] at postgresql://u:[secret-shaped]@h/d."
    )
    assert trace[0].startswith("Traceback")
    assert "RuntimeError: [secret ARP_PASSWORD] at" in trace[-1]


def test_check_without_a_name_lists_the_checks(here: Path) -> None:
    names = {line.split()[0] for line in midwatch("check", cwd=here).stdout.splitlines()}
    assert {"disk", "backup", "nightly-set", "password", "services", "post-mortem", "follow-ups"} <= names
    assert "emergency-backup" not in names


def test_lint_of_a_good_file_counts_with_the_right_plural(here: Path) -> None:
    (here / "small.yaml").write_text(SMALL, encoding="utf-8")
    closure = "closure: [{title: C, check: disk, with: {path: /, below: 99 %}}]\n"
    (here / "more.yaml").write_text(SMALL.replace("{title: S}", "{title: S}, {title: R}") + closure, encoding="utf-8")
    result = midwatch("lint", "small.yaml", "more.yaml", cwd=here)
    assert result.stdout.splitlines() == [
        "small.yaml: ok, 1 phase, 1 step, 0 closure criteria",
        "more.yaml: ok, 1 phase, 2 steps, 1 closure criterion",
    ]


def test_lint_with_json_prints_errors_with_lines(here: Path) -> None:
    (here / "bad.yaml").write_text("midwatch: 1\nid: x\ntitel: y\n")
    result = midwatch("lint", "--json", "bad.yaml", cwd=here)
    assert result.returncode == 2
    errors = json.loads(result.stdout)
    assert any(error["line"] == 3 and "titel" in error["error"] for error in errors)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("closed", "code", "said"), [("<&-", 0, ""), (">&-", 1, "standard output: "), ("<&- >&- 2>&-", 1, "")]
)
def test_closed_standard_stream_is_no_fault(closed: str, code: int, said: str, here: Path) -> None:
    """A file of ours must not get the number of a closed stream, and what cannot be said was not done."""
    result = subprocess.run(
        f"{MIDWATCH} check {closed}", shell=True, capture_output=True, text=True, timeout=60, check=False, cwd=here
    )
    assert result.returncode == code
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == bool(said)


@pytest.mark.parametrize("variable", ["MIDWATCH_RUNBOOK", "MIDWATCH_SITE"])
def test_file_that_only_the_environment_names_is_said_to_be(
    variable: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody typed it, so nobody would know where it comes from."""
    monkeypatch.chdir(here)
    (here / "runbook.yaml").write_text(SMALL, encoding="utf-8")
    monkeypatch.setenv(variable, "/nowhere/x.yaml")
    assert main(["plan"]) == 2
    said = capsys.readouterr().err
    assert (
        said == f"midwatch: ${variable} names /nowhere/x.yaml, and there is no such file. Unset it, or set it right.\n"
    )


def test_plan_that_would_refuse_is_no_success(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here)
    (here / "runbook.yaml").write_text(
        SMALL.replace("{title: S}", "{id: rca, title: S, uses: write-post-mortem}"), encoding="utf-8"
    )
    assert main(["plan", "runbook.yaml", "rca"]) == 1
    assert "would refuse: There is no incident" in capsys.readouterr().out
    assert main(["plan", "runbook.yaml"]) == 0


def test_json_of_what_is_no_plan_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads JSON must not get words."""
    monkeypatch.chdir(here)
    (here / "runbook.yaml").write_text(SMALL, encoding="utf-8")
    assert main(["action", "diagnose-disk", "--json"]) == 2
    assert "Add --plan" in capsys.readouterr().err


def test_deleted_working_folder_is_one_sentence(here: Path) -> None:
    gone = here / "gone"
    gone.mkdir()
    script = f"cd {shlex.quote(str(gone))} && rmdir {shlex.quote(str(gone))} && {MIDWATCH} incidents"
    result = subprocess.run(script, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr == "midwatch: The folder that this was started in is gone; change to another one.\n"


def test_reader_that_leaves_an_action_is_said(here: Path) -> None:
    """It ends before its end, so it must not look as if it were done."""
    (here / "runbook.yaml").write_text(SMALL, encoding="utf-8")
    script = f"{{ {MIDWATCH} action diagnose-disk --paths . ; echo $? >&2; }} | :"
    result = subprocess.run(script, shell=True, capture_output=True, text=True, timeout=60, check=False, cwd=here)
    assert "Whoever read what diagnose-disk says has left, so it ended before its end." in result.stderr
    assert result.stderr.endswith("1\n")


def test_closed_pipe_is_no_error(here: Path) -> None:
    result = subprocess.run(
        f"{MIDWATCH} schema | head -c 1", shell=True, capture_output=True, text=True, timeout=60, check=False, cwd=here
    )
    assert result.stdout == "{"
    assert result.stderr == ""
