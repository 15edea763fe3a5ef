"""The debug log: messages of the module loggers, masked, in `debug.log` of the incident and with `-v` on standard
error.

Messages of libraries are left out: some write whole requests. The log helps whoever mends a fault and nothing depends
on it: a message that cannot be written is dropped. A thread of its own writes the file, so that a disk that hangs holds
nobody up; a disk that is nearly full is left alone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from midwatch import PACKAGES
from midwatch.incident.permissions import held_folder, open_file
from midwatch.redaction import mask
from midwatch.runbook.secret_sources import environment_secrets
from midwatch.system.clock import SystemClock, to_rfc3339
from midwatch.system.sanitize import safe_text

LIMIT_BYTES = 1024 * 1024
"""The log and its one predecessor, `debug.log.1`, have at most this size each."""
LEAVE_FREE_BYTES = 16 * 1024 * 1024
"""Space on the disk that the log leaves to the journal and the steps."""
_WAITING_LIMIT = 1000
_MESSAGE_LIMIT = 4000
_END_LIMIT_S = 2.0
_CLOCK = SystemClock()
Secrets = Callable[[], Mapping[str, str]]


@contextlib.contextmanager
def kept_in(path: Path, secrets: Secrets, *, wanted: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Write the messages of this process to the log at `path` inside, while `wanted` says so."""
    handler = _FileHandler(path, secrets, wanted)
    try:
        with _attached(handler):
            yield
    finally:
        handler.end()


def show_on(stream: TextIO) -> None:
    """Write the messages of this process to a stream from now on, masked by what the environment has as secrets."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_MaskingFormatter(environment_secrets))
    for name in PACKAGES:
        logger = logging.getLogger(name)
        if not any(type(item) is logging.StreamHandler for item in logger.handlers):
            logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)


def leave_the_terminal() -> None:
    """Write no more messages to a terminal, on which a screen is about to be drawn."""
    for name in PACKAGES:
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if isinstance(handler, logging.StreamHandler) and handler.stream.isatty():
                logger.removeHandler(handler)


@contextlib.contextmanager
def _attached(handler: logging.Handler) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in PACKAGES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


class _MaskingFormatter(logging.Formatter):
    """One line for each message. A secret that was known once stays masked."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets
        self._known: dict[str, str] = {}

    def format(self, record: logging.LogRecord) -> str:
        for name, value in self._secrets().items():
            if value not in self._known.values():
                self._known[f"{name}, before" if name in self._known else name] = value
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        text = safe_text(mask(text, self._known))[:_MESSAGE_LIMIT]
        return f"{to_rfc3339(_CLOCK.now())} {os.getpid()} {record.levelname} {record.name}: {text}"


class _FileHandler(logging.Handler):
    def __init__(self, path: Path, secrets: Secrets, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self.setFormatter(_MaskingFormatter(secrets))
        self._path = path
        self._wanted = wanted
        self._waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(_WAITING_LIMIT)
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):  # the disk hangs: newer messages are dropped
            record.args, record.msg = None, record.getMessage()  # now, before what it tells of has changed
            self._waiting.put_nowait(record)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="debug log", daemon=True)
                self._writer.start()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing: a log that fails fails no step."""

    def end(self) -> None:
        """Write what waits, for a moment at most."""
        deadline = time.monotonic() + _END_LIMIT_S
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=_END_LIMIT_S)
        if self._writer is not None:
            self._writer.join(max(0.0, deadline - time.monotonic()))

    def _write_all(self) -> None:
        while (record := self._waiting.get()) is not None:
            with contextlib.suppress(Exception):
                if self._wanted():
                    _append(self._path, self.format(record).encode("utf-8", "backslashreplace") + b"\n")


def _append(path: Path, line: bytes) -> None:
    """Add a line unless the disk is nearly full. Raises `OSError`."""
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        disk = os.fstatvfs(descriptor)
        if disk.f_bavail * disk.f_frsize < LEAVE_FREE_BYTES:
            return
        os.write(descriptor, line)
        is_full = os.fstat(descriptor).st_size >= LIMIT_BYTES
    finally:
        os.close(descriptor)
    if is_full:
        with held_folder(path.parent) as folder:
            os.rename(path.name, f"{path.name}.1", src_dir_fd=folder, dst_dir_fd=folder)
