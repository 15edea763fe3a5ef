"""What a step reports to later steps: `key=value` lines in the file that `$STEP_OUTPUT` names."""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass, field

from midwatch.incident.folder import AttemptFolder

LARGEST_FILE = 64 * 1024
LONGEST_VALUE = 4096
MOST_VALUES = 100
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


class Values(dict[str, str]):
    """The values by key, the last line of a key counting; `passed_over` names what was not usable."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_over: list[str] = []


@dataclass(slots=True)
class _Reader:
    values: Values = field(default_factory=Values)

    def take(self, number: int, line: str) -> None:
        key, equals, value = line.partition("=")
        if not equals or not _KEY.fullmatch(key):
            self.values.passed_over.append(f"line {number} is not key=value")
        elif len(value) > LONGEST_VALUE:
            self.values.passed_over.append(f"line {number}: {key} is longer than {LONGEST_VALUE} characters")
        elif key not in self.values and len(self.values) >= MOST_VALUES:
            self.values.passed_over.append(f"line {number}: {key} comes after {MOST_VALUES} values")
        else:
            self.values[key] = value


def raw_values(folder: AttemptFolder) -> bytes:
    """What the file holds, one byte more than 64 KiB at most. Raises `OSError`.

    The step may have put anything under this name: a link is not followed, a FIFO is not waited for.
    """
    descriptor = os.open(folder.values, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        return file.read(LARGEST_FILE + 1)


def read_values(folder: AttemptFolder) -> Values:
    """The values of an attempt that has ended, redacted by its supervisor. Never raises for what a step may have written.

    At most 64 KiB, 100 keys and 4,096 characters a value; control characters are shown, not kept.
    """
    from midwatch.hostile import safe_text

    reader = _Reader()
    try:
        content = raw_values(folder)
    except FileNotFoundError:
        return reader.values
    except OSError as error:
        reader.values.passed_over.append(f"the file cannot be read: {error.strerror}")
        return reader.values
    if len(content) > LARGEST_FILE:
        reader.values.passed_over.append(f"all that comes after {LARGEST_FILE} bytes")
        content = content[: content.rfind(b"\n", 0, LARGEST_FILE) + 1]
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), start=1):
        if line.strip():
            reader.take(number, safe_text(line.rstrip("\r")))
    return reader.values
