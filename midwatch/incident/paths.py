"""The paths of the files in an incident's folder. This module reads and writes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

_LONGEST_NAME = 200


def incident_id(moment: datetime, runbook_id: str) -> str:
    """`INC-20261123-0200-backup-failure`: UTC minute of the declaration and the runbook's id."""
    return f"INC-{moment.astimezone(UTC):%Y%m%d-%H%M}-{runbook_id}"


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    """The folder of one attempt at one step. The supervisor writes everything here but the plan."""

    path: Path

    @property
    def launch_spec(self) -> Path:
        """The launch specification as JSON, without secrets; written before the supervisor starts."""
        return self.path / "launch_spec.json"

    @property
    def plan(self) -> Path:
        """The plan that was confirmed, as JSON."""
        return self.path / "plan.json"

    @property
    def output(self) -> Path:
        """The redacted bytes of the step's output; appended to while it runs."""
        return self.path / "output"

    @property
    def timing(self) -> Path:
        """The times at which the bytes of the output were written: `SECONDS OFFSET` a line."""
        return self.path / "output.timing"

    @property
    def values(self) -> Path:
        """`$STEP_OUTPUT`: `key=value` lines that the step reports."""
        return self.path / "values"

    @property
    def progress(self) -> Path:
        """`DONE TOTAL UNIT`, the latest progress that the step reported; the file is replaced, never appended to."""
        return self.path / "progress"

    @property
    def supervisor(self) -> Path:
        """The supervisor's pid, start time and boot id, and the pid of the step, as JSON."""
        return self.path / "supervisor.json"

    @property
    def tries(self) -> Path:
        """The failed tries of a step with `retry` that another try followed, a line of JSON each."""
        return self.path / "tries"

    @property
    def result(self) -> Path:
        """The result as JSON; the file exists once the attempt has ended."""
        return self.path / "result.json"


@dataclass(frozen=True, slots=True)
class IncidentFolder:
    """The folder of one incident."""

    path: Path

    @property
    def id(self) -> str:
        """The id of the incident, which is the name of its folder."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """The path of the journal."""
        return self.path / "journal.jsonl"

    @property
    def lock(self) -> Path:
        """The lock file. The driver locks it, and touches it as a heartbeat."""
        return self.path / "driver.lock"

    @property
    def control_socket(self) -> Path:
        """The control socket, which accepts requests while somebody drives."""
        return self.path / "control.sock"

    @property
    def runbook(self) -> Path:
        """The runbook as it was when the incident was declared."""
        return self.path / "runbook.yaml"

    @property
    def site(self) -> Path:
        """The site file as it was then; absent when there was none."""
        return self.path / "site.yaml"

    def staged(self, copy: Path) -> Path:
        """Where an edited runbook or site file waits until the journal has its adoption."""
        return copy.with_suffix(".yaml.adopted")

    @property
    def outbox(self) -> Path:
        """The folder of messages by channels; absent before the first."""
        return self.path / "outbox"

    @property
    def debug_log(self) -> Path:
        """Messages for whoever mends a fault of Midwatch, masked; no part of the record."""
        return self.path / "debug.log"

    @property
    def post_mortem(self) -> Path:
        """The post-mortem, written from the journal."""
        return self.path / "post-mortem.md"

    @property
    def follow_ups(self) -> Path:
        """What became of the follow-up actions; absent before the first change."""
        return self.path / "follow-ups.jsonl"

    def attempt(self, step_id: str, attempt: int) -> AttemptFolder:
        """Return the folder of one attempt of a step. The folder may not exist."""
        return AttemptFolder(self.path / "steps" / _folder_name(step_id) / str(attempt))


def _folder_name(step_id: str) -> str:
    """The id, as far as a name of a file can hold it: the item of a loop may be any line of text."""
    name = quote(step_id, safe="[]@:+, ")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 65]}~{hashlib.sha256(step_id.encode('utf-8', 'surrogateescape')).hexdigest()}"


def incidents_folder(logs: Path) -> Path:
    """Return the folder that holds one folder for each incident, below the location `logs`."""
    return logs / "incidents"
