"""The program as a process of its own, forked from the tests: those have imported it, which takes longer than most
commands."""

from __future__ import annotations

import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

import tui.commands
from tests.support.waiting import PATIENCE_S

_HEAVY = [
    "tui.cli",
    "tui.launch_headless",
    "midwatch.engine.process_console",
    "midwatch.engine.headless",
    "actions.restore",
    "actions.nightly_backup",
]
_HEAVY += [f"tui.commands.{module.name}" for module in pkgutil.iter_modules(tui.commands.__path__)]
"""What most commands import: done before the fork, so that no child need do it."""
MIDWATCH = Path(sys.executable).with_name("midwatch")


def midwatch(
    *arguments: str | bytes, cwd: Path, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run one command line in this folder; its exit code and all that it wrote."""
    for module in _HEAVY:
        import_module(module)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        child = os.fork()
        if child == 0:
            _become_midwatch([os.fsdecode(word) for word in arguments], cwd, environment, given, out, err)
        code = _end_of(child)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


def midwatch_text(
    *arguments: str, cwd: Path, stdin: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """As `midwatch`, with text instead of bytes."""
    done = midwatch(*arguments, cwd=cwd, stdin=stdin.encode(), environment=environment)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def _become_midwatch(
    arguments: list[str], cwd: Path, environment: Mapping[str, str] | None, *files: IO[bytes]
) -> NoReturn:
    code: object = 1
    try:
        os.chdir(cwd)
        os.environ.update(environment or {})
        for number, file in enumerate(files):
            os.dup2(file.fileno(), number)
        sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape")
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape")
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = [str(MIDWATCH), *arguments]
        from midwatch.__main__ import main

        code = main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _end_of(child: int) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise subprocess.TimeoutExpired("midwatch", PATIENCE_S)
        time.sleep(0.005)
