"""The keys of a `run` step that say how its script runs: their types, the dataclass made of them, and what lint
says."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from midwatch.runbook.argument_types import Argument
from midwatch.runbook.field_types import Flag, Length, Name, Text, Whole
from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.processes import Process, Retry, is_reserved, variable_of
from midwatch.runbook.shapes import FieldType, Key, ListOf, Schema, Shape, described
from midwatch.runbook.value_sources import Reference
from midwatch.runbook.yaml_loader import Node


@dataclass(frozen=True)
class CommandLine(FieldType):
    """A program and its options, split into words as a shell does."""

    def read(self, node: Node, problems: Problems) -> tuple[str, ...] | None:
        """Return the words, or report a problem and return None."""
        text = Text(single=True).read(node, problems)
        if text is None:
            return None
        try:
            words = tuple(shlex.split(text))
        except ValueError:
            problems.add(f"A quotation mark of {described(node)} has no partner", node.place)
            return None
        if not words or not words[0]:
            problems.add(f"{described(node)} names no program", node.place, "Such as python3 or 'bash -x'")
            return None
        return words

    def schema(self) -> Schema:
        """Return the JSON Schema of the command line."""
        return {"type": "string", "examples": ["python3", "bash -x"]}


EXIT = Whole(0, 255)
MOST_TRIES = 20
RETRY = Shape(
    "retry",
    "How often a script that failed is run again by itself.",
    (
        Key("times", Whole(1, MOST_TRIES), "Further tries after the first one", required=True),
        Key("wait", Length(), "How long it waits between two tries; default 10 s"),
        Key(
            "on",
            ListOf(Whole(1, 255), single=True, filled=True),
            "The exit statuses after which it is tried again; default: every one that does not count as done",
        ),
    ),
)
LOGIN = Name("[A-Za-z_][A-Za-z0-9_.-]*", "letters, digits, dots, dashes and underscores, no digit first", 32)

_WITHOUT_TERMINAL = {
    "run_as": "the script of another user gets no terminal",
    "for_each": "a person sits at one terminal",
    "retry": "nobody else than the person knows whether it worked",
}
"""Keys that do not go with `terminal`, and why."""

PROCESS_KEYS = (
    Key("cwd", Argument(many=False), "The folder where the script runs; default: where relative paths start"),
    Key("shell", CommandLine(), "The command that reads the script as a file, such as python3 or 'bash -x'"),
    Key(
        "ok_exits",
        ListOf(EXIT, single=True, filled=True),
        "The exit statuses that count as done; default 0 only",
    ),
    Key("retry", RETRY, "How often a script that failed is run again by itself; never after an unknown outcome"),
    Key("run_as", LOGIN, "The user as whom the script runs, by sudo without a password; default: the operator"),
    Key("undo", Text(), "A script that undoes what the step did, with the step's variables and what it reported"),
    Key("terminal", Flag(), "Whether a person sits at the script's terminal, for what asks or draws; default false"),
    Key("confirm", Argument(many=False), "What a person types before a 'destroy' runs; default: the step's id"),
)


def build_process(fields: Fields) -> Process:
    """The process of a step; the defaults where it has none of these keys."""
    return Process(
        cwd=_text(fields.get("cwd", "")),
        shell=fields.get("shell", ()),
        ok_exits=fields.values("ok_exits") or (0,),
        retry=_retry_of(fields.get("retry")),
        run_as=fields.get("run_as", ""),
        undo=fields.get("undo", ""),
        terminal=fields.get("terminal", False),
        confirm=_text(fields.get("confirm", "")),
    )


def check_process(step: Fields, problems: Problems) -> None:
    """Say which of these keys do not fit the step."""
    for name in ("run", "undo"):
        script = str(step.get(name) or "")
        if script.lstrip().startswith("#!") and not script.startswith("#!"):
            hint = "Take out what stands before it, or the line for bash"
            problems.add("The line '#!' is not the first one of the script: bash would run it", step.where(name), hint)
        if not script.startswith("#!"):
            continue
        if "shell" in step:
            sentence = "The script's line '#!' names a program as well as 'shell'"
            problems.add(sentence, step.where("shell"), "Take one of the two out")
        elif not script[2:].lstrip(" \t").startswith("/"):
            sentence = "The line '#!' names no program by its whole path"
            problems.add(sentence, step.where(name), "Write #!/usr/bin/env NAME, or take the line out for bash")
    if "retry" in step:
        _retry(step, problems)
    for name, why in _WITHOUT_TERMINAL.items():
        if step.get("terminal") and name in step:
            problems.add(
                f"A step with 'terminal' cannot have {name!r}: {why}", step.key(name), "Take one of the two out"
            )
    if "undo" in step:
        _undo(step, problems)
    if "confirm" in step and step.get("risk") != "destroy":
        sentence = "'confirm' belongs to a step with the risk 'destroy'"
        problems.add(sentence, step.key("confirm"), "Take it out: other steps are confirmed by yes or no")
    for name in ("cwd", "confirm"):
        value = step.get(name)
        if isinstance(value, str) and (not value.strip() or "\n" in value.strip()):
            problems.add(f"{name!r} takes one line that is not empty", step.where(name))
    _each_once(step.items("ok_exits"), problems)


def _undo(step: Fields, problems: Problems) -> None:
    risk = step.get("risk")
    if risk in ("observe", "destroy"):
        why = "changes nothing" if risk == "observe" else "cannot be undone"
        hint = "Take 'undo' out, or write risk: change"
        problems.add(f"What a step with the risk {risk!r} does {why}", step.key("undo"), hint)
    taken = dict.fromkeys(step.table("env"), "which 'env' sets as well")
    taken |= dict.fromkeys(step.table("secrets"), "which 'secrets' sets as well")
    for item in step.items("outputs"):
        variable = variable_of(item.value)
        if is_reserved(variable):
            taken[variable] = "which is not for a runbook to set"
        if variable in taken:
            sentence = f"The undo would find {item.value!r} in ${variable}, {taken[variable]}"
            problems.add(sentence, item.place, "Give the output another name")
        taken[variable] = "as it would another output"


def _retry_of(fields: Fields | None) -> Retry | None:
    if fields is None or "times" not in fields.found:
        return None
    return Retry(fields.get("times"), fields.get("wait", 10.0), fields.values("on"))


def _retry(step: Fields, problems: Problems) -> None:
    if step.get("risk") == "destroy":
        sentence = "A step with the risk 'destroy' is never run again by itself"
        problems.add(sentence, step.key("retry"), "Take 'retry' out")
    retry: Fields = step.get("retry") or Fields(step.place)
    done = step.values("ok_exits") or (0,)
    for item in retry.items("on"):
        if item.value in done:
            sentence = f"Exit {item.value} counts as done by 'ok_exits', so it is never tried again"
            problems.add(sentence, item.place, "Take it out of one of the two")
    _each_once(retry.items("on"), problems)


def _each_once(exits: list[Found], problems: Problems) -> None:
    seen: set[int] = set()
    for item in exits:
        if item.value in seen:
            problems.add(f"The exit status {item.value} stands here twice", item.place, "Take one out")
        seen.add(item.value)


def _text(value: Any) -> str | Reference:
    if isinstance(value, Reference):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value).strip()
