"""Runbooks that are good YAML and still wrong: every fault at once, each with its position and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.runbook.loader import RunbookErrors, load
from tests.runbook.small_actions import HEAD, Errors

LINES = HEAD.count("\n")


def with_steps(*steps: str, rest: str = "") -> str:
    """A runbook with these steps, the first of them in the line after `FIRST`."""
    return HEAD + "phases:\n  - title: Phase\n    steps:\n" + "".join(f"      - {step}\n" for step in steps) + rest


FIRST = LINES + 3


def test_faults_of_a_runbook_are_listed_at_once_and_in_order(errors_of: Errors) -> None:
    text = with_steps(
        "{id: a, title: [A]}",
        "{id: b, titel: B}",
        "{id: a, title: A, run: ls, risk: obsrve, timeout: 30}",
    )
    assert errors_of(text.replace("SEV-2", "SEV-9")) == [
        "r.yaml:3:11: This takes SEV-0, SEV-1, SEV-2 or SEV-3, not 'SEV-9'. Did you mean 'SEV-3'?",
        f"r.yaml:{FIRST + 1}:24: This takes text, not a list. Put it in quotes.",
        f"r.yaml:{FIRST + 2}:9: A step needs the key 'title'. What is done, in a few words.",
        f"r.yaml:{FIRST + 2}:17: A step has no key 'titel'. Did you mean 'title'?",
        f"r.yaml:{FIRST + 3}:14: There is a step 'a' already, in line {FIRST + 1}. Give this one an id of its own.",
        f"r.yaml:{FIRST + 3}:42: This takes observe, change or destroy, not 'obsrve'. Did you mean 'observe'?",
        f"r.yaml:{FIRST + 3}:59: '30' is not a length of time with its unit. Write it like '30 min', '90 s' or '2 h'.",
    ]


@pytest.mark.parametrize(
    ("step", "column", "sentence"),
    [
        (
            "{title: a, preconditions: [{title: b, check: level, with: {below: 1 %}}]}",
            20,
            "'preconditions' belongs to a step with 'run' or 'uses'. Take it out.",
        ),
        (
            "{title: a, run: ls, risk: observe, preconditions: [{title: b, check: sweep, with: {target: db}}]}",
            78,
            "sweep is not a check: it changes",
        ),
        (
            "{title: a, run: ls, risk: observe, preconditions: [{check: level, with: {below: 1 %}}]}",
            60,
            "A criterion needs the key 'title'. ",
        ),
        ("{title: a, run: ls}", 25, "A step with 'run' has to say its risk. Add risk: observe, change or destroy."),
        (
            "{title: a, run: psql postgresql://u:pa/ss@h/d, risk: observe}",
            45,
            "This URI has a password in it, which everybody may read here. Take it out: ~/.pgpass, a target's "
            "password_file",
        ),
        (
            "nothing",
            9,
            "A step is a table of keys, not 'nothing'. It takes: id, title, why, instructions, run, uses and 31 more.",
        ),
        ("{title: a, severity: SEV-1}", 20, "A step has no key 'severity'. It is a key of a runbook."),
        ("{title: a\u200bb}", 17, "This text contains a character that cannot be seen (U+200B). Take it out."),
        ("{title: }", 17, "This takes text, not nothing."),
        ("{title: true}", 17, "This takes text, not 'true'. Put it in quotes."),
        ('{title: ""}', 17, "This text is empty."),
        ('{title: "a\\nb"}', 17, "This takes one line, not 2."),
        ("{title: a, optional: yes}", 30, "This takes true or false, not 'yes'."),
        (
            "{id: A b, title: a}",
            14,
            "'A b' is not a name here. It takes lower-case letters, digits and single dashes, 64 at most.",
        ),
        ("{title: a, id: ../../etc}", 24, "'../../etc' is not a name here. "),
        ("{title: ？}", 17, "No id can be made from this title. Give one with the key 'id'."),
        ("{title: a, depends_on: [zz]}", 33, "There is no step 'zz'. Steps: a."),
        ("{title: a, depends_on: a}", 32, "'a' waits for itself. Name an earlier step, or give one an id of its own."),
        ("{title: a, notify: [bos]}", 29, "There is no role 'bos'. Did you mean 'boss'?"),
        ("{title: a, on_failure: {notify: x}}", 41, "There is no role 'x'. Roles: boss."),
        ("{title: a, measure: [guage]}", 30, "There is no panel 'guage'. Did you mean 'gauge'?"),
        ("{title: a, uses: sweeep, risk: destroy}", 26, "There is no action 'sweeep'. Did you mean 'sweep'?"),
        ("{title: a, uses: sweep, with: {target: dbb}}", 48, "There is no target 'dbb'. Did you mean 'db'?"),
        ("{title: a, uses: sweep}", 26, "The parameter 'target' is missing. It takes the name of a target."),
        (
            "{title: a, uses: sweep, with: {target: db, keeep: 3}}",
            52,
            "There is no parameter 'keeep'. Did you mean 'keep'?",
        ),
        (
            "{title: a, uses: sweep, with: {target: db, keep: 3.5}}",
            58,
            "The parameter 'keep' takes a whole number, 0 or more, not '3.5'.",
        ),
        (
            "{title: a, uses: sweep, with: {target: db, keep: -1}}",
            58,
            "The parameter 'keep' takes a whole number, 0 or more, not -1.",
        ),
        (
            "{title: a, uses: sweep, with: {target: db, keep: 1}}",
            26,
            "Fewer than two cannot be kept. Keep two or more.",
        ),
        ("{title: a, uses: sweep, with: {target: }}", 48, "This value is missing. "),
        (
            "{title: a, uses: sweep, with: {target: {of: x}}}",
            48,
            "The parameter 'target' takes the name of a target, not a table.",
        ),
        (
            "{title: a, uses: sweep, with: {target: {from: x}}}",
            55,
            "This takes STEP.KEY, not 'x'. Such as emergency-backup.path.",
        ),
        ("{title: a, uses: sweep, with: {target: {from: x.y}}}", 48, "There is no step 'x'. Steps: a."),
        (
            "{title: a, uses: sweep, with: {target: db}, risk: change}",
            59,
            "The risk is 'change', but sweep is 'destroy'. ",
        ),
        (
            "{title: a, uses: level, with: {below: 80}}",
            47,
            "The parameter 'below' takes a percentage such as '80 %', not 80. ",
        ),
        ("{title: a, uses: level, run: ls, with: {below: 1 %}}", 26, "A step has either 'run' or 'uses', not both. "),
        ("{title: a, with: {x: 1}}", 20, "'with' belongs to a step that 'uses' an action. Take it out."),
        ("{title: a, env: {x: 1}}", 20, "'env' belongs to a step with 'run'. Take it out."),
        ("{title: a, risk: observe}", 20, "'risk' belongs to a step with 'run' or 'uses'. Take it out."),
        (
            "{title: a, run: ls, risk: change, questions: [{name: x, prompt: y}]}",
            43,
            "'questions' belongs to a step that a person does. ",
        ),
        (
            "{title: a, run: ls, risk: change, env: {PATH: x}}",
            49,
            "PATH is not for a runbook to set. Choose another name.",
        ),
        ('{title: a, run: "\\n#!/bin/sh", risk: change}', 25, "The line '#!' is not the first one of the script"),
        ("{title: a, run: '#!python3', risk: change}", 25, "The line '#!' names no program by its whole path. "),
        ("{title: a, run: ls, risk: change, env: {MIDWATCH_X: x}}", 49, "MIDWATCH_X is not for a runbook to set. "),
        ("{title: a, run: ls, risk: change, env: {1x: x}}", 49, "'1x' is not a name here. "),
        (
            "{title: a, run: ls, risk: change, timeout: 0 s}",
            52,
            "'0 s' is not a time from more than nothing to 7 days.",
        ),
        (
            "{title: a, questions: [{name: x, prompt: y}, {name: x, prompt: z}]}",
            39,
            "The question 'x' is asked twice. ",
        ),
        (
            "{title: a, when: {}}",
            26,
            "A condition takes one of done, failed, unknown, skipped, answer, check, all, any or not.",
        ),
        ("{title: a, when: {answer: [], is: x}}", 35, "This list is empty."),
        (
            "{title: a, when: {is: x}}",
            26,
            "A condition takes one of done, failed, unknown, skipped, answer, check, all, any or not.",
        ),
        ("{title: a, why: one, two}", 30, "A step has no key 'two'. "),
        (
            "{title: a, why: one, two three}",
            30,
            "A step has no key 'two three'. In { } a comma ends a value: put the text in quotes.",
        ),
    ],
)
def test_fault_of_a_step_is_named_with_its_position(errors_of: Errors, step: str, column: int, sentence: str) -> None:
    found = errors_of(with_steps(step))
    assert len(found) == 1
    assert found[0].startswith(f"r.yaml:{FIRST + 1}:{column}: {sentence}"), found


def test_circle_is_told_once_and_with_its_way(errors_of: Errors) -> None:
    text = with_steps(
        "{id: a, title: A, depends_on: c}", "{id: b, title: B, depends_on: a}", "{id: c, title: C, when: {failed: b}}"
    )
    assert errors_of(text) == [
        f"r.yaml:{FIRST + 1}:39: These steps wait for one another: a → c → b → a. One of them has to come first.",
    ]


def test_step_cannot_wait_for_a_later_one(errors_of: Errors) -> None:
    assert errors_of(with_steps("{id: a, title: A, depends_on: [b]}", "{id: b, title: B}")) == [
        f"r.yaml:{FIRST + 1}:40: 'a' needs 'b', which comes later. Steps can only look back.",
    ]


def test_answers_are_asked_for_before_they_are_used(errors_of: Errors) -> None:
    text = with_steps(
        "{id: q, title: Q, questions: [{name: hurt, prompt: Does it hurt?, kind: yes-no}]}",
        "{id: a, title: A, when: {answer: q.hurts, is: yes}}",
        "{id: b, title: B, when: {answer: q.hurt, is: [true, maybe]}}",
        "{id: c, title: C, run: ls, risk: observe, env: {X: {from: q.hrt}}}",
        "{id: d, title: D, when: {answer: q.hurt}}",
    )
    assert errors_of(text) == [
        f"r.yaml:{FIRST + 2}:42: Step 'q' does not ask for 'hurts'. Did you mean 'hurt'?",
        f"r.yaml:{FIRST + 3}:55: This takes text, not 'true'. Put it in quotes.",
        f"r.yaml:{FIRST + 3}:61: The answer to q.hurt is yes or no, never 'maybe'.",
        f"r.yaml:{FIRST + 4}:60: Step 'q' does not ask for 'hrt'. Did you mean 'hurt'?",
        f"r.yaml:{FIRST + 5}:33: 'answer' needs 'is' or a limit. Such as "
        "{answer: assess-impact.downtime, is: yes} or {answer: check-certificate.days_left, below: 7}.",
    ]


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("triggers: [{title: t}]", "1:12: A trigger has one of 'log' (with 'match'), 'check' and 'panel'."),
        ("triggers: [{title: t, log: l}]", "1:12: A trigger that reads a log needs the key 'match' too."),
        ("triggers: [{title: t, log: l, match: '('}]", "1:38: This regular expression does not compile: missing ), "),
        (
            "triggers: [{title: t, log: l, match: m, timezone: Europe/Atlantis}]",
            "1:51: 'Europe/Atlantis' is no time zone that this machine knows. Write it like Europe/Berlin, or UTC.",
        ),
        (
            "triggers: [{title: t, check: level, with: {below: 1 %}, timezone: UTC}]",
            "1:57: 'timezone' belongs to a trigger with 'log'. Take it out.",
        ),
        (
            "triggers: [{title: t, check: sweep, with: {target: db}}]",
            "1:30: sweep is not a check: it changes something. ",
        ),
        ("triggers: [{title: t, check: level}]", "1:30: The parameter 'below' is missing. "),
        ("closure: [{title: t, check: levl}]", "1:29: There is no action 'levl'. Did you mean 'level'?"),
        ("closure: [{title: t}]", "1:11: A criterion needs the key 'check'. The check that evaluates it."),
        (
            "closure: [{title: t, check: level, with: {below: {from: x.k}}}]",
            "1:50: There is no step 'x'. ",
        ),
        (
            "triggers: [{title: t, check: level, with: {below: {from: s.k}}}]",
            "1:51: A parameter of a trigger's check cannot come from a step or an input. ",
        ),
        (
            "locations: {backup: x}",
            "1:13: This takes backups, emergency, remote_manifests, proofs, recipients, ssh_config, logs, watch, "
            "audit, pgpass, freeze, "
            "credential_backups,"
            " journal_fallback or pg_bin, not 'backup'. Did",
        ),
        ("comms: {update_every: 15}", "1:23: '15' is not a length of time with its unit. "),
        (
            "closure: [{title: t, check: level, with: {below: 1 %}, path: x}]",
            "1:56: A criterion has no key 'path'. Parameters stand under 'with'.",
        ),
        (
            "inputs: [{name: A-B, prompt: x}, {name: a, prompt: x}]\nalerts: {inputs: {host: instance}}",
            "1:17: 'A-B' is not a name here. It takes lower-case letters, digits and underscores, a letter first,",
        ),
        ("comms: []", "1:8: A comms is a table of keys, not a list. "),
        ("panels2: {}", "1:1: A runbook has no key 'panels2'. Did you mean 'panels'?"),
    ],
)
def test_fault_outside_of_steps_is_named_with_its_position(errors_of: Errors, rest: str, found: str) -> None:
    line, after = found.split(":", 1)
    lines = errors_of(with_steps("{title: s}", rest=rest + "\n"))
    assert lines[0].startswith(f"r.yaml:{FIRST + 1 + int(line)}:{after}"), lines


def test_targets_and_panels_are_checked(errors_of: Errors) -> None:
    text = with_steps("{title: s}")
    text = text.replace(
        "{kind: local, host: localhost, database: app}", "{kind: local, container: c, port: 70000, databse: app}"
    )
    text = text.replace("gauge: {}", "gauge: {pahts: [/], warn: 80}\n  gouge: {}")
    assert errors_of(text) == [
        "r.yaml:5:7: A target needs the key 'database'. The database's name.",
        "r.yaml:5:7: A target of kind 'local' needs 'host' or 'socket'. Say how it is reached.",
        "r.yaml:5:21: 'container' belongs to a target of kind 'docker'. Take it out.",
        "r.yaml:5:41: This takes a whole number from 1 to 65535, not '70000'.",
        "r.yaml:5:48: A target has no key 'databse'. Did you mean 'database'?",
        "r.yaml:9:11: There is no parameter 'pahts'. Did you mean 'paths'?",
        "r.yaml:9:29: The parameter 'warn' takes a percentage such as '80 %', not 80. "
        "'80' is not a percentage; write it like '80 %'.",
        "r.yaml:10:3: There is no probe 'gouge'. Did you mean 'gauge'?",
    ]


def test_dependents_have_one_way_to_be_asked(errors_of: Errors) -> None:
    text = with_steps("{title: s}").replace(
        "{kind: local, host: localhost, database: app}",
        "{kind: local, host: h, database: a, version: new, secret_store: {timeout: 3 s}, dependents: "
        "[{name: x}, {name: y, tcp: 'h:1', command: c}, {name: z, target: bd}, {name: v, tcp: nowhere}]}",
    )
    assert [line.partition(": ")[2] for line in errors_of(text)] == [
        "'new' is not a name here. It takes a version such as 15 or 15.8, 64 at most.",
        "A secret store needs the key 'command'. "
        "Run without a shell; the password is on its standard input, without a newline.",
        "A dependent has one of 'target', 'tcp' and 'command'. Say how it is asked.",
        "A dependent has one of 'target', 'tcp' and 'command'. Make two dependents of it.",
        "There is no target 'bd'. Targets: db.",
        "'nowhere' is not a name here. It takes HOST:PORT, 255 at most.",
    ]


def test_phase_with_a_repeated_id_is_refused(errors_of: Errors) -> None:
    text = (
        HEAD
        + "phases:\n"
        + '  - {title: P, section: 3, steps: [{title: a}]}\n  - {title: P, section: "3", steps: []}\n'
    )
    assert errors_of(text) == [
        f"r.yaml:{LINES + 3}:13: There is a phase 'p' already, in line {LINES + 2}. Give this one an id of its own.",
        f"r.yaml:{LINES + 3}:25: Section 3 is taken by the phase in line {LINES + 2}. "
        "Steps are numbered from it: give each phase its own.",
        f"r.yaml:{LINES + 3}:37: This list is empty. Write at least one item.",
    ]


def test_faults_of_the_site_file_have_its_name(errors_of: Errors) -> None:
    site = "midwatch-site: 1\ntargets:\n  db: {kind: docker}\nphases: []\n"
    assert errors_of(with_steps("{title: s}"), site=site) == [
        "site.yaml:3:7: A target needs the key 'database'. The database's name.",
        "site.yaml:4:1: A site file has no key 'phases'. It is a key of a runbook.",
    ]


def test_site_that_the_environment_names_must_be_there(tmp_path: Path, small_catalogue: None) -> None:
    (tmp_path / "r.yaml").write_text(with_steps("{title: s}"))
    with pytest.raises(RunbookErrors, match=r"\$MIDWATCH_SITE names .*gone\.yaml, and there is no such file"):
        load(tmp_path / "r.yaml", environment={"MIDWATCH_SITE": str(tmp_path / "gone.yaml")})
    (tmp_path / "site.yaml").write_text("rubbish")
    assert load(tmp_path / "r.yaml", environment={"MIDWATCH_SITE": ""}).site is None
    with pytest.raises(RunbookErrors, match=r"site\.yaml:1:1: This is not a site file"):
        load(tmp_path / "r.yaml", environment={})


def test_runbook_is_no_site_file(tmp_path: Path, small_catalogue: None) -> None:
    (tmp_path / "r.yaml").write_text(with_steps("{title: s}"))
    with pytest.raises(RunbookErrors, match=r"r\.yaml:1:1: This is a runbook, not a site file"):
        load(tmp_path / "r.yaml", site=tmp_path / "r.yaml")


@pytest.mark.parametrize(
    ("step", "old", "new"),
    [
        ("{title: a, tell: boss}", "tell", "notify"),
        ("{title: a, moves: [gauge]}", "moves", "measure"),
        ("{title: a, needs: b}", "needs", "depends_on"),
        ("{title: a, require: []}", "require", "preconditions"),
        ("{title: a, ask: []}", "ask", "questions"),
        ("{title: a, two_people: true}", "two_people", "requires_approval"),
        ("{title: a, as_written: ls}", "as_written", "original_command"),
        ("{title: a, instead: nothing}", "instead", "deviation"),
        ("{title: a, on_failure: {escalate: SEV-0}}", "escalate", "raise_severity"),
        ("{title: a, on_failure: {tell: boss}}", "tell", "notify"),
    ],
)
def test_old_key_of_a_step_is_named_with_the_new_one(errors_of: Errors, step: str, old: str, new: str) -> None:
    (error,) = errors_of(with_steps(step))
    assert error.endswith(f": `{old}` is now `{new}`.")


@pytest.mark.parametrize(
    ("old", "new"),
    [("elsewhere", "remote_manifests"), ("sealed", "credential_backups"), ("second_journal", "journal_fallback")],
)
def test_old_name_of_a_location_is_named_with_the_new_one(errors_of: Errors, old: str, new: str) -> None:
    errors = errors_of(with_steps("{title: a}", rest=f"locations: {{{old}: x}}"))
    assert [error.partition(": ")[2] for error in errors] == [f"`{old}` is now `{new}`."]


def test_old_key_of_the_runbook_is_named_with_the_new_one(errors_of: Errors) -> None:
    errors = errors_of(with_steps("{title: a}", rest="places: {logs: x}"))
    assert [error.partition(": ")[2] for error in errors] == ["`places` is now `locations`."]
