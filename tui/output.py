"""What every command says passes here: nothing foreign in it can command a terminal or pass for a line of ours.

`say` and `say_json` are what commands use. `SafeStream` lies below them, for whatever else writes to standard output or
standard error of this process: the parser of arguments, a traceback, a library.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from locale import getencoding
from typing import IO, Any, NoReturn, TextIO, cast

from midwatch.system.sanitize import json_text, safe_text


def say(text: object = "", *, end: str = "\n", error: bool = False, flush: bool = False) -> None:
    """One line to standard output, or to standard error with `error`; a line end in it is shown, not obeyed."""
    print(safe_text(str(text)), end=end, file=sys.stderr if error else sys.stdout, flush=flush)


def say_document(text: str) -> None:
    """A text of many lines, as it is but for what could command a terminal."""
    sys.stdout.write(safe_text(text, newlines=True, tabs=True))


def say_block(text: str) -> None:
    """Lines that are safe already, at once and as they are."""
    _write(unfiltered(sys.stdout), text)
    sys.stdout.flush()


def say_json(data: object, *, indent: int | None = 2, default: Callable[[Any], object] | None = None) -> None:
    """Data for a program. What could command a terminal is written as `\\uXXXX`, so that it reads as the same data."""
    is_utf8 = is_utf8_encoding(sys.stdout.encoding)
    print(json_text(json.dumps(data, indent=indent, ensure_ascii=not is_utf8, default=default)))


def is_utf8_encoding(name: str | None) -> bool:
    """Whether this is the name of an encoding that has every character."""
    return "utf" in (name or "").lower()


def speak_locale() -> None:
    """In UTF-8 mode, write to and read from the terminal in the encoding of the locale all the same.

    The locale `C` says nothing about the terminal, as in Python itself. Within a step, the supervisor reads UTF-8.
    """
    if not sys.flags.utf8_mode or {"PYTHONIOENCODING", "STEP_OUTPUT"} & os.environ.keys():
        return
    encoding = getencoding()
    if codecs.lookup(encoding).name != "ascii":
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding=encoding)


class SafeStream(io.TextIOBase):
    """A text stream that lets through no control but line ends."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        """The stream below, for what is safe already and commands the terminal on purpose."""

    def write(self, text: str) -> int:
        """Write the text without control sequences."""
        _write(self.stream, safe_text(text, newlines=True, tabs=True))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self.stream.fileno()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream.isatty()

    def writable(self) -> bool:
        """Return True, as `io.TextIOBase` asks."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream."""
        return self.stream.encoding

    @property
    def buffer(self) -> IO[bytes]:
        """The bytes below the text stream."""
        return self.stream.buffer

    def close(self) -> None:
        """Nothing: the stream below is not ours."""


def _write(stream: TextIO, safe: str) -> None:
    try:
        stream.write(safe)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(safe.encode(encoding, "backslashreplace").decode(encoding))


@contextlib.contextmanager
def safe_streams() -> Iterator[None]:
    """Standard output and standard error are safe streams inside."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, SafeStream(unfiltered(stream))) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def unfiltered(stream: TextIO) -> TextIO:
    """The stream below a safe one."""
    return stream.stream if isinstance(stream, SafeStream) else stream


class Parser(argparse.ArgumentParser):
    """A parser whose complaints quote an argument as one safe line."""

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Read the arguments; positional ones may stand before, between and behind the options."""
        found, rest = self.parse_known_args(arguments)
        return self.parse_intermixed_args(arguments) if rest else found

    def error(self, message: str) -> NoReturn:
        """Print the usage and a safe error message, and exit with status 2."""
        super().error(safe_text(message))
