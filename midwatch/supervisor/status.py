"""The status of an attempt, seen from outside: running, ended or lost.

In a folder that a group shares, any member can write what a supervisor writes. So a process counts as the attempt's
supervisor only by its own command line, and as a part of its step only by its own environment
(`midwatch.supervisor.attempt_processes`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midwatch.incident.events import StepOutcome
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.permissions import read_file
from midwatch.supervisor.attempt_processes import command_line, is_at_work, is_of_step, is_supervisor
from midwatch.supervisor.control_group import ControlGroup
from midwatch.supervisor.process_tree import signal_each
from midwatch.supervisor.result import Result
from midwatch.system.errors import SHORTAGES, Failed
from midwatch.system.process import ProcessIdentity, boot_id

__all__ = ["START_GRACE", "Lost", "Result", "Running", "cancel", "inspect_attempt", "is_alive", "unwatched"]

START_GRACE = 30.0
"""Seconds within which a supervisor reports; one that has not by then never will: it gives up when its starter has."""


@dataclass(frozen=True, slots=True)
class Running:
    """It runs under its supervisor."""

    supervisor: ProcessIdentity
    step_pid: int
    began: str
    """UTC, as `midwatch.system.clock.to_rfc3339` formats it."""

    @property
    def has_begun(self) -> bool:
        """Whether the step itself is at work for certain.

        A supervisor first says who it is and begins only once its starter has heard it; until then the step's process
        is a copy of the supervisor, with its command line.
        """
        ours, step = command_line(self.supervisor.pid), command_line(self.step_pid)
        return bool(ours) and bool(step) and ours != step


@dataclass(frozen=True, slots=True)
class Lost:
    """Its supervisor is gone and left no result: nobody can know how it ended."""

    reason: str
    step: ProcessIdentity | None = None
    """The step's own process, or another one of its control group, when it still ran with nobody to watch it."""
    control: str = ""
    """The step's control group; empty when it has none."""

    @property
    def how_to_end(self) -> str:
        """The command that ends what still runs; empty when nothing does."""
        if self.step is None:
            return ""
        return f"echo 1 > {self.control}/cgroup.kill" if self.control else f"kill -- -{self.step.pid}"


def inspect_attempt(folder: AttemptFolder) -> Running | Result | Lost | None:
    """What is true of this attempt now; None while no supervisor has reported yet.

    Reads three small files. A recycled pid or a reboot is never taken for a running supervisor. Raises `Failed` when
    this process has too little of something to look: that says nothing of the attempt.
    """
    try:
        return _inspect_attempt(folder)
    except OSError as error:
        raise Failed(f"{folder.path} cannot be looked at: {error.strerror}", hint="It goes on all the same") from error


def _inspect_attempt(folder: AttemptFolder) -> Running | Result | Lost | None:
    found = _result(folder)
    if found is not None:
        return found
    try:
        data = json.loads(read_file(folder.supervisor))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _require_enough(error)
        return Lost(f"{folder.supervisor.name} cannot be read: {error}")
    try:
        supervisor, step = ProcessIdentity.from_json(data), ProcessIdentity.from_json(data["step"])
        began, control = str(data["began"]), str(data.get("control_group", ""))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        return Lost(f"{folder.supervisor.name} is not what a supervisor writes: {error!r}")
    if is_at_work(supervisor, folder):
        return Running(supervisor, step.pid, began)
    return _result(folder) or _lost(folder, supervisor, step, control)  # it may have ended between the two looks


def is_alive(supervisor: Mapping[str, Any], folder: AttemptFolder) -> bool:
    """Whether the supervisor that a journal names for this attempt still runs. Raises `Failed` when nobody can look."""
    try:
        return is_at_work(ProcessIdentity.from_json(supervisor), folder)
    except (KeyError, TypeError, ValueError, OverflowError):
        return False
    except OSError as error:
        raise Failed(
            f"The supervisor cannot be looked for: {error.strerror}", hint="It goes on all the same"
        ) from error


def unwatched(folder: AttemptFolder) -> Lost | None:
    """What still runs of an attempt whose supervisor is gone, or has ended by a fault of its own; None when nothing
    does."""
    found = inspect_attempt(folder)
    if isinstance(found, Result) and found.outcome is StepOutcome.UNKNOWN:
        try:
            data = json.loads(read_file(folder.supervisor))
            supervisor, step = ProcessIdentity.from_json(data), ProcessIdentity.from_json(data["step"])
            found = (
                found
                if is_at_work(supervisor, folder)
                else _lost(folder, supervisor, step, str(data.get("control_group", "")))
            )
        except (OSError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
            return None
    return found if isinstance(found, Lost) and found.step is not None else None


def _require_enough(error: Exception) -> None:
    """What this process lacks is no news of the attempt. Raises the error."""
    if isinstance(error, OSError) and error.errno in SHORTAGES:
        raise error


def cancel(folder: AttemptFolder) -> bool:
    """Ask the supervisor to end its step: INT, TERM, KILL. Asking again goes on to the next signal at once.

    A step that runs on without its supervisor gets TERM itself, with its group and its control group. False when
    neither runs. The result comes through `look`.
    """
    found, left = inspect_attempt(folder), unwatched(folder)
    if left is not None and left.step is not None:
        return _end_unwatched(folder, left.step, left.control)
    return isinstance(found, Running) and found.supervisor.send(
        signal.SIGTERM, only_if=lambda pid: is_supervisor(pid, folder)
    )


def _end_unwatched(folder: AttemptFolder, step: ProcessIdentity, control: str) -> bool:
    """The step leads a group of its own, so its group has its number for as long as it lives."""
    if not step.alive or not is_of_step(step, folder):
        return False
    with contextlib.suppress(ProcessLookupError):  # what goes on of it leads no group
        os.killpg(step.pid, signal.SIGTERM)
    signal_each(_members(folder, control), signal.SIGTERM)
    return True


def _members(folder: AttemptFolder, control: str) -> set[int]:
    """What came from the attempt's step and is in its control group."""
    found = {pid: ProcessIdentity.of(pid) for pid in ControlGroup(Path(control)).members()} if control else {}
    return {pid for pid, process in found.items() if process is not None and is_of_step(process, folder)}


def _result(folder: AttemptFolder) -> Result | Lost | None:
    try:
        data: Any = json.loads(read_file(folder.result))
        return Result.from_json(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        _require_enough(error)
        return Lost(f"{folder.result.name} cannot be read: {error}")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        return Lost(f"{folder.result.name} is not what a supervisor writes: {error!r}")


def _lost(folder: AttemptFolder, supervisor: ProcessIdentity, step: ProcessIdentity, control: str) -> Lost:
    if supervisor.boot != boot_id():
        return Lost("The machine was restarted while the step ran")
    control = control if control and ControlGroup(Path(control)).is_of(supervisor) else ""
    if step.alive and is_of_step(step, folder):
        reason = f"The supervisor was killed; the step itself still runs as process {step.pid}, unwatched"
        return Lost(reason, step, control)
    for pid in sorted(_members(folder, control)):
        if (left := ProcessIdentity.of(pid)) is not None:
            reason = f"The supervisor was killed; what the step started still runs as process {pid}, unwatched"
            return Lost(reason, left, control)
    return Lost("The supervisor left no result: it was killed while the step ran, or its disk took nothing any more")
