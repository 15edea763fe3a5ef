"""What every command says passes here: nothing foreign in it can command a terminal or pass for a line of ours.

`say` and `say_json` are what commands use. `SafeStream` lies below them, for whatever else writes to standard output or
standard error of this process: the parser of arguments, a traceback, a library.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any, NoReturn, TextIO, cast

from midwatch.system.sanitize import json_text, safe_text


def say(text: object = "", *, end: str = "\n", error: bool = False, flush: bool = False) -> None:
    """One line to standard output, or to standard error with `error`; a line end in it is shown, not obeyed."""
    print(safe_text(str(text)), end=end, file=sys.stderr if error else sys.stdout, flush=flush)


def say_document(text: str) -> None:
    """A text of many lines, as it is but for what could command a terminal."""
    sys.stdout.write(safe_text(text, newlines=True))


def say_json(data: object, *, indent: int | None = 2, default: Callable[[Any], object] | None = None) -> None:
    """Data for a program. What could command a terminal is written as `\\uXXXX`, so that it reads as the same data."""
    print(json_text(json.dumps(data, indent=indent, ensure_ascii=False, default=default)))


class SafeStream(io.TextIOBase):
    """A text stream that lets through no control but line ends."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        """The stream below, for what is safe already and commands the terminal on purpose."""

    def write(self, text: str) -> int:
        """Write the text without control sequences."""
        safe = safe_text(text, newlines=True)
        try:
            self.stream.write(safe)
        except UnicodeEncodeError:
            encoding = self.stream.encoding or "ascii"
            self.stream.write(safe.encode(encoding, "backslashreplace").decode(encoding))
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

    def error(self, message: str) -> NoReturn:
        """Print the usage and a safe error message, and exit with status 2."""
        super().error(safe_text(message))
