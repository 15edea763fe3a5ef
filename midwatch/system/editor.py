"""The operator's own editor, on a file, with the terminal that this process has."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from midwatch.system.errors import Failed

_USUAL = ("editor", "nano", "vim", "vi")


def editor(environment: Mapping[str, str]) -> list[str]:
    """The editor as a command: of `$VISUAL`, of `$EDITOR`, else a usual one. Raises `Failed` when there is none."""
    for words in (environment.get("VISUAL", ""), environment.get("EDITOR", ""), *_USUAL):
        with contextlib.suppress(ValueError):
            command = shlex.split(words)
            if command and shutil.which(command[0]):
                return command
    raise Failed("There is no editor", hint="Set EDITOR to one, such as vi")


def edit(file: Path) -> None:
    """Leave the terminal to the editor until it ends. Raises `Failed` when it cannot be started or did not end well."""
    command = editor(os.environ)
    try:
        with _interrupts_left_to_editor():
            code = subprocess.run([*command, str(file)], check=False).returncode
    except OSError as error:
        raise Failed(f"{command[0]} cannot be started: {error.strerror}", hint="Set EDITOR to another one") from error
    if code:
        raise Failed(f"{command[0]} ended with exit {code}, so what it wrote is not taken", hint="Try again")


@contextlib.contextmanager
def _interrupts_left_to_editor() -> Iterator[None]:
    """Ctrl+C and Ctrl+\\ in an editor are the editor's: a handler, unlike an ignored signal, is not inherited."""
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
