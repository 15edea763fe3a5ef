"""What a monitoring plug-in reports: a state by its exit status, one sentence, and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from midwatch.api.figures import Figure
from midwatch.api.probe import Level
from midwatch.redaction import mask
from midwatch.runbook.model import Runbook
from midwatch.runbook.processes import is_reserved
from midwatch.runbook.secret_sources import known_secrets, names_secret
from midwatch.supervisor.check_script import run_check_script
from midwatch.system.errors import BadInput, Failed, OutcomeUnknown
from midwatch.system.external_command import Ended
from midwatch.system.sanitize import safe_text
from midwatch.system.units import Seconds, duration
from probes.monitoring.performance_data import read_figures

LONGEST = Seconds(120)
"""The longest time limit of a script. Who waits for a check waits no longer."""
USUAL = Seconds(10)
_SENTENCE = 500
"""Characters of the sentence that are kept."""
_LEVELS = {0: Level.OK, 1: Level.WARN, 2: Level.CRITICAL, 3: Level.UNKNOWN}
_SHELL = {126: "a program of the script cannot be started", 127: "a program of the script was not found"}


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of a script reported."""

    level: Level
    sentence: str
    """The first line without the figures; with the last line of the errors where the state is not OK."""
    more: str
    """The further lines without the figures."""
    figures: tuple[Figure, ...]
    unread: int
    """Items of performance data that could not be read."""
    exit: int


def require_runnable(limit: Seconds, variables: Mapping[str, str]) -> None:
    """Raise `BadInput` for a time limit that nobody waits for, and for a variable that is not for a runbook to set."""
    for name in variables:
        if is_reserved(name):
            raise BadInput(f"{name} is not for a runbook to set", hint="Choose another name")
    if not 0 < limit <= LONGEST:
        raise BadInput(f"The time limit of a script is from more than nothing to {duration(LONGEST)}, not {limit}")


def report_of(script: str, runbook: Runbook, *, limit: Seconds, variables: Mapping[str, str]) -> Report:
    """Run the script in the runbook's folder and read what it reports, secrets masked.

    Raises `OutcomeUnknown` when it cannot be started or does not end within the limit.
    """
    try:
        ended = run_check_script(script, runbook.base, limit=limit, variables=variables)
    except Failed as error:
        raise OutcomeUnknown(error.sentence, hint=error.hint) from error
    secrets = {name: value for name, value in variables.items() if names_secret(name)} | known_secrets(runbook)
    return read_report(Ended(ended.exit, mask(ended.output, secrets), mask(ended.errors, secrets)))


def read_report(ended: Ended) -> Report:
    """Read what a script said: text, `|` and figures on the first line; further text, `|` and further figures.

    Nothing of it can command a terminal.
    """
    first, *lines = safe_text(ended.output, newlines=True).strip().splitlines() or [""]
    sentence, _, figures = first.partition("|")
    text, _, further = "\n".join(lines).partition("|")
    read, unread = read_figures(f"{figures}\n{further}")
    complaint = (safe_text(ended.errors, newlines=True).strip().splitlines() or [""])[-1]
    sentence, complaint = sentence.strip(), complaint.strip()
    level = _LEVELS.get(ended.exit, Level.UNKNOWN)
    if not sentence:
        sentence = complaint
    elif complaint and level is not Level.OK and complaint not in sentence:  # the first line may tell what was begun
        sentence = f"{complaint} ({sentence})"
    if ended.exit not in _LEVELS:
        why = f"it was ended by signal {-ended.exit}" if ended.exit < 0 else _SHELL.get(ended.exit)
        why = why or f"exit {ended.exit} is no state of a check"
        sentence = f"{why}: {sentence}" if sentence else why
    return Report(level, sentence[:_SENTENCE] or f"exit {ended.exit}", text.strip(), read, unread, ended.exit)
