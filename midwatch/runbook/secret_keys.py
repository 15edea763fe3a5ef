"""The key `secrets` of a `run` step: its shape, the dataclasses made of it, and what lint says."""

from __future__ import annotations

from midwatch.runbook.field_types import VARIABLE, Flag, Length, Text, Word
from midwatch.runbook.fields import Fields, Problems
from midwatch.runbook.process_keys import CommandLine
from midwatch.runbook.shapes import Key, Shape, TableOf
from midwatch.runbook.step_secrets import StepSecret

_MOST_AS_OTHER_USER = 5
"""Files of a script with `run_as`: a POSIX shell names descriptors up to 9."""
_SOURCES = ("file", "command", "prompt")

STEP_SECRET = Shape(
    "step secret",
    "A secret that a script gets when its step starts. One of 'file', 'command' and 'prompt'.",
    (
        Key("file", Text(single=True), "A file that holds the secret and that no other user can read or write"),
        Key("command", CommandLine(), "A command that writes the secret to standard output; run without a shell"),
        Key("prompt", Flag(), "True: a person types the secret, unseen"),
        Key(
            "as",
            Word(("file", "variable")),
            "'file' (default): the variable holds the path of a file in memory; 'variable': it holds the secret itself",
        ),
        Key("timeout", Length(), "How long the command may take; default 30 s"),
    ),
)
SECRETS = Key(
    "secrets",
    TableOf(VARIABLE, STEP_SECRET, "secrets"),
    "Secrets of the script, by the name of the variable: fetched when the step starts, in no plan and no journal",
)


def build_secrets(step: Fields) -> tuple[StepSecret, ...]:
    """The secrets of a step."""
    return tuple(
        StepSecret(
            name,
            file=found.value.get("file", ""),
            command=found.value.get("command", ()),
            is_asked=found.value.get("prompt", False),
            as_variable=found.value.get("as", "file") == "variable",
            timeout=found.value.get("timeout", 30.0),
        )
        for name, found in step.table("secrets").items()
        if found.value is not None
    )


def check_secrets(step: Fields, problems: Problems) -> None:
    """Say which secrets have no source or several, and which names are taken."""
    as_files = [secret for secret in build_secrets(step) if not secret.as_variable]
    if "run_as" in step and len(as_files) > _MOST_AS_OTHER_USER:
        sentence = f"With 'run_as' {_MOST_AS_OTHER_USER} secrets at most can be files, not {len(as_files)}"
        problems.add(sentence, step.key("secrets"), "Let some be variables, or make two steps of it")
    for name, found in step.table("secrets").items():
        secret = found.value
        if secret is None:
            continue
        sources = [key for key in _SOURCES if key in secret]
        if len(sources) != 1:
            hint = "Take one" if sources else "Say where it comes from"
            problems.add("A secret has one of 'file', 'command' and 'prompt'", found.place, hint)
        elif secret.get("prompt") is False:
            problems.add("'prompt' is true, or left out", secret.where("prompt"))
        if "timeout" in secret and "command" not in secret:
            problems.add("'timeout' belongs to a secret with 'command'", secret.key("timeout"), "Take it out")
        if name in step.table("env"):
            problems.add(f"{name} stands in 'env' as well", found.key, "Take one of the two out")
