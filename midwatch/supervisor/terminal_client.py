"""A person's side of a step's terminal: their own terminal is the step's until the step ends or they leave it."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import struct
import termios
import tty
from collections.abc import Iterator
from enum import Enum

from midwatch.incident.paths import AttemptFolder
from midwatch.supervisor.person_terminal import DIMENSIONS, HEAD, SIZE, SOCKET, TYPED
from midwatch.supervisor.terminal_modes import AS_BEFORE
from midwatch.system.errors import Failed
from midwatch.system.unix_socket import connect_in_folder

LEAVE_KEY = "Ctrl+\\"
_LEAVE = re.compile(rb"\x1c|\x1b\[27;5;92~|\x1b\[92;5u")
"""The key as terminals send it: plainly, and in the two forms by which a program can ask for more of the keys."""
_LOOK_S = 0.2
"""Seconds between two looks at the size of the terminal."""
_CONNECT_S = 10.0


LEAVE_WORDS = f"{LEAVE_KEY} leaves it, and the step goes on."


class Left(Enum):
    """Why the person's terminal is their own again."""

    CLOSED = "closed"
    """The step has ended, or another terminal has its place."""
    BY_KEY = "by key"
    """The person left; the step goes on."""
    HUNG_UP = "hung up"
    """Nobody is at the terminal any more; the step goes on."""


def attach(folder: AttemptFolder, *, keyboard: int = 0, display: int = 1) -> Left:
    """Be the step's terminal until the step ends or the person leaves. Raises `Failed` when the step has no
    terminal."""
    try:
        connection = connect_in_folder(folder.path, SOCKET, limit_s=_CONNECT_S)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failed(f"The step's terminal cannot be reached: {reason}", hint="It may have ended just now") from error
    with connection:
        _require_own(connection)
        with _raw(keyboard):
            try:
                return _pass_on(connection, keyboard, display)
            finally:
                with contextlib.suppress(OSError):
                    _show(display, AS_BEFORE + b"\r\n")


def _require_own(connection: socket.socket) -> None:
    """Raise `Failed` unless a process of this user or of root listens: others may be able to write in the folder."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", credentials)[1] not in (os.geteuid(), 0):
        raise Failed("Another user listens in the place of the step's terminal", hint="Nothing was typed there")


def _pass_on(connection: socket.socket, keyboard: int, display: int) -> Left:
    size: tuple[int, int] | None = None
    connection.settimeout(_CONNECT_S)
    try:
        while True:
            if size != (size := _size(display)):
                connection.sendall(_message(SIZE, DIMENSIONS.pack(*size)))
            ready, _, _ = select.select([connection.fileno(), keyboard], [], [], _LOOK_S)
            if connection.fileno() in ready:
                data = connection.recv(65536)
                if not data:
                    return Left.CLOSED
                _show(display, data)
            if keyboard in ready:
                typed = os.read(keyboard, 4096)
                if not typed:
                    return Left.HUNG_UP
                leave = _LEAVE.search(typed)
                if typed := typed[: leave.start()] if leave else typed:
                    connection.sendall(_message(TYPED, typed))
                if leave:
                    return Left.BY_KEY
    except (ConnectionResetError, BrokenPipeError):
        return Left.CLOSED
    except OSError:
        return Left.HUNG_UP


def _message(kind: bytes, content: bytes) -> bytes:
    return HEAD.pack(kind, len(content)) + content


def _show(display: int, data: bytes) -> None:
    while data:
        data = data[os.write(display, data) :]


def _size(display: int) -> tuple[int, int]:
    """Rows and columns."""
    try:
        found = os.get_terminal_size(display)
    except OSError:
        return 24, 80
    return found.lines or 24, found.columns or 80


@contextlib.contextmanager
def _raw(keyboard: int) -> Iterator[None]:
    """Every key goes to the step; the terminal is set back afterwards."""
    try:
        before = termios.tcgetattr(keyboard)
    except termios.error as error:
        raise Failed("There is no terminal here that the step could have") from error
    tty.setraw(keyboard, termios.TCSADRAIN)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
