"""Output taken elsewhere: to the clipboard and a file, or into the operator's own pager. Always as plain text."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from textual.app import App, SuspendNotSupported

from midwatch.incident.permissions import new_folder, open_file
from midwatch.output.plain_text import plain_blocks, plain_tail
from midwatch.system.errors import Failed
from midwatch.system.units import size

CLIPBOARD = 64_000
"""Bytes of the end that go to the clipboard: terminals take no more than about a hundred thousand in one sequence."""
FILE = 64_000_000
"""Bytes that go into the file at most."""


def copied_file(output: Path, target: Path) -> str:
    """Write the output as plain text beside the incident's other files; a sentence for the operator. Raises
    `Failed`."""
    written, cut = 0, False
    try:
        if not target.parent.is_dir():
            new_folder(target.parent)
        descriptor = open_file(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            for block in plain_blocks(output):
                file.write(block)
                written += len(block)
                if cut := written > FILE:
                    break
    except OSError as error:
        raise Failed(f"The copy cannot be written: {error.strerror}", hint="The clipboard has its end") from error
    return f"{size(written)} in {target}" + (f", cut at {size(FILE)}" if cut else "")


def clipboard_text(output: Path) -> str:
    """What goes to the clipboard: the end of it."""
    return plain_tail(output, CLIPBOARD)


def pager(environment: Mapping[str, str]) -> list[str]:
    """The operator's pager as a command. Raises `Failed` when there is none."""
    for words in (environment.get("PAGER", ""), "less", "more"):
        with contextlib.suppress(ValueError):
            found = shlex.split(words)
            if found and shutil.which(found[0]):
                return found
    raise Failed("There is no pager", hint="Set PAGER to one, such as less")


def show_in_pager(app: App[bool], output: Path) -> None:
    """Leave the screen to the pager until it ends; steps go on. Raises `Failed` when it cannot be started."""
    command = pager(os.environ)
    try:
        with app.suspend():
            process = subprocess.Popen(command, stdin=subprocess.PIPE)
            feeder = threading.Thread(target=_feed, args=(process, output), name="pager", daemon=True)
            feeder.start()
            process.wait()
    except SuspendNotSupported:
        raise Failed("This terminal cannot be left to a pager") from None
    except OSError as error:
        raise Failed(f"{command[0]} cannot be started: {error.strerror}", hint="Set PAGER to another one") from error


def _feed(process: subprocess.Popen[bytes], output: Path) -> None:
    """Give the pager what it wants to read; it may end before everything was read."""
    assert process.stdin is not None
    with contextlib.suppress(OSError, ValueError), process.stdin as pipe:
        for block in plain_blocks(output):
            pipe.write(block.encode("utf-8", "backslashreplace"))
