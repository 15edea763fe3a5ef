"""How a running action speaks: words to stdout, values to a file, secrets to the supervisor, progress beside them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from midwatch.api.action import Console
from midwatch.output.progress import Advance
from midwatch.redaction import Redactor
from midwatch.supervisor.progress import Progress
from midwatch.supervisor.secret_channel import VARIABLE, tell_secret
from midwatch.system.errors import BadInput, Failed
from midwatch.system.sanitize import safe_text

_PROGRESS_INTERVAL_S = 0.25
"""Seconds between two progress reports."""


class ProcessConsole:
    """Speaks to the supervisor when there is one, else to the person at the terminal.

    Without a supervisor what is said is redacted here, so that a secret is not shown either.
    """

    def __init__(self, out: TextIO | None = None, secrets: Mapping[str, str] | None = None) -> None:
        self._out = sys.stdout if out is None else out
        channel = os.environ.get(VARIABLE, "")
        self._channel = int(channel) if channel.isdecimal() else None
        self._values = os.environ.get("STEP_OUTPUT", "")
        self._redactor = Redactor({} if secrets is None or self._channel is not None else secrets)
        self._told_at = -_PROGRESS_INTERVAL_S
        self._line_shown = False

    def say(self, text: str) -> None:
        """One line, at once: also of a name that holds a line end, which must not forge a line of its own."""
        self._clear_line()
        if self._channel is None:
            text = self._redactor.once(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
        self._write(safe_text(text) + "\n")

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        """Told four times a second at most, and always at the end."""
        now = time.monotonic()
        if now - self._told_at < _PROGRESS_INTERVAL_S and done != total:
            return
        self._told_at = now
        if self._channel is not None:
            self._write(_sequence(done, total, unit))
        elif self._out.isatty():
            self._line_shown = True
            share = f"{done / total:.1%}" if total else ""
            words = ", ".join(word for word in (share, *Advance(Progress(done, total, unit)).words()) if word)
            self._write(f"\r{words}\x1b[K")

    def value(self, key: str, value: str) -> None:
        """Raises `BadInput` for a key or value that is not one line, `Failed` when it cannot be stored."""
        if not key or "=" in key or "\n" in key + value or "\r" in key + value:
            raise BadInput(f"The value {key!r} cannot be reported: key and value are one line, the key without '='")
        if not self._values:
            self.say(f"{key}={value}")
            return
        try:
            with Path(self._values).open("a", encoding="utf-8", errors="surrogateescape") as file:
                file.write(f"{key}={value}\n")
        except OSError as error:
            raise Failed(f"The value {key} cannot be stored: {error.strerror}", hint=f"See {self._values}") from error

    def secret(self, name: str, value: str) -> None:
        """Returns once it is masked. Raises `Failed` when it cannot be: fewer than six characters, or no answer."""
        try:
            self._redactor.add(name, value)
        except ValueError as error:
            raise Failed(f"{error}, so it cannot be masked", hint="Choose a longer one") from None
        if self._channel is not None:
            tell_secret(self._channel, name, value)

    def _clear_line(self) -> None:
        if self._line_shown:
            self._write("\r\x1b[K")
            self._line_shown = False

    def _write(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._out.flush()


def _sequence(done: float, total: float | None, unit: str) -> str:
    """OSC 9;4 with the percentage that terminals know, and after it amounts in our own unit."""
    if total is None:
        return f"\x1b]9;4;3;0;{done:.15g};;{unit}\x07"
    percent = min(100, max(0, int(100 * done / total))) if total > 0 else 100
    return f"\x1b]9;4;1;{percent};{done:.15g};{total:.15g};{unit}\x07"


_: type[Console] = ProcessConsole
