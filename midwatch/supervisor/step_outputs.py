"""The values that a step reports to later steps: `key=value` lines in the file `$STEP_OUTPUT`."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.incident.paths import AttemptFolder
from midwatch.incident.permissions import open_file
from midwatch.supervisor.consented_command import failed_file
from midwatch.system.trust import Trust, UntrustedFile
from midwatch.system.trusted_files import open_folder

LARGEST_FILE = 64 * 1024
LONGEST_VALUE = 4096
MOST_VALUES = 100
_LINE_SHOWN = 60
"""Characters of a line that is passed over."""
ATTEMPT_VARIABLE = "MIDWATCH_ATTEMPT"
"""In the environment of the step and of all that it starts: the attempt's folder. It tells whose process is whose."""
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


class StepOutputs(dict[str, str]):
    """The values by key, the last line of a key counting; `passed_over` names what was not usable."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_over: list[str] = []


@dataclass(slots=True)
class _Reader:
    values: StepOutputs = field(default_factory=StepOutputs)

    def take(self, number: int, raw: bytes) -> None:
        from midwatch.system.sanitize import has_controls, safe_text

        text = raw.decode("utf-8", "surrogateescape").rstrip("\r")
        line = safe_text(text, tabs=True)
        key, equals, value = line.partition("=")
        if not line.strip():
            return
        if not equals or not _KEY.fullmatch(key):
            self.values.passed_over.append(f"line {number} is not key=value: {line[:_LINE_SHOWN]!r}")
        elif len(value) > LONGEST_VALUE:
            self.values.passed_over.append(f"line {number}: {key} is longer than {LONGEST_VALUE} characters")
        elif has_controls(text):
            self.values.passed_over.append(f"line {number}: {key} has signs that are no text: {value[:_LINE_SHOWN]!r}")
        elif key not in self.values and len(self.values) >= MOST_VALUES:
            self.values.passed_over.append(f"line {number}: {key} comes after {MOST_VALUES} values")
        else:
            self.values[key] = value


class ReportFile:
    """The file that `$STEP_OUTPUT` names while a step runs.

    It is the attempt's file `values`, unless others can write to a folder on the way to it: the step follows whatever
    link they put there. Then it lies in a private temporary folder until the step has ended.
    """

    def __init__(self, folder: AttemptFolder) -> None:
        """Make it. Raises `OSError`."""
        self._private: Path | None = (
            None if is_out_of_reach(folder) else Path(tempfile.mkdtemp(prefix="midwatch-step-"))
        )
        self.path = self._private / folder.values.name if self._private else folder.values
        os.close(open_file(self.path, os.O_CREAT | os.O_WRONLY))

    @property
    def in_place(self) -> bool:
        """Whether it is the attempt's own file."""
        return self._private is None

    def read(self) -> bytes:
        """What the step reported, one byte more than 64 KiB at most. Raises `OSError`."""
        return _raw_values(self.path)

    def clear(self) -> None:
        """Forget what the step has reported so far. Never raises."""
        with contextlib.suppress(OSError):
            os.close(open_file(self.path, os.O_WRONLY | os.O_TRUNC))
            failed_file(self.path).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove it where it was a temporary one. Never raises."""
        if self._private is not None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
                failed_file(self.path).unlink(missing_ok=True)
                self._private.rmdir()


def is_out_of_reach(folder: AttemptFolder) -> bool:
    """Whether nobody but this user and root can put anything on the way to the attempt's files or in their place."""
    try:
        os.close(open_folder(folder.path, Trust.own()))
    except (OSError, UntrustedFile):
        return False
    return True


def _raw_values(path: Path) -> bytes:
    """The step may have put anything under this name: a link is not followed, a FIFO is not waited for."""
    with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
        return file.read(LARGEST_FILE + 1)


def read_values(folder: AttemptFolder) -> StepOutputs:
    """The values of an attempt that has ended, redacted by its supervisor. Never raises for what a step may have
    written.

    At most 64 KiB, 100 keys and 4,096 characters a value. Escape sequences, such as colours, are removed; a value that
    could otherwise not be kept as it is, is no value.
    """
    reader = _Reader()
    try:
        content = _raw_values(folder.values)
    except FileNotFoundError:
        return reader.values
    except OSError as error:
        reader.values.passed_over.append(f"the file cannot be read: {error.strerror}")
        return reader.values
    if len(content) > LARGEST_FILE:
        reader.values.passed_over.append(f"all that comes after {LARGEST_FILE} bytes")
        content = content[: content.rfind(b"\n", 0, LARGEST_FILE) + 1]
    for number, raw in enumerate(content.removeprefix(codecs.BOM_UTF8).split(b"\n"), start=1):
        reader.take(number, raw)
    return reader.values
