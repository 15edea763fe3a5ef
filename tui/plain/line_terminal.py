"""A terminal of which nothing is asked but lines: no cursor movement, no colours, no keys but Enter, Ctrl+C and
Ctrl+D."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from midwatch.engine.reasons import fault_of_reason
from midwatch.system.sanitize import safe_text
from tui.plain.line_drafts import TAKE, LineDrafts, joined
from tui.plain.line_modes import LONGEST_BYTES, keeping_half_typed, take_half_typed, without_echo
from tui.plain.typed_ahead import drop_typed_ahead

T = TypeVar("T")
STOP = "."
"""The line that ends a text of several lines."""
_LOOK = 0.05
_SAY_AGAIN = 15.0
"""Seconds after which one who waits is told that the waiting goes on."""


class Gone(Exception):
    """Nobody is there any more: the input ended, the line was hung up, or the program was asked to end."""


class Interrupted(Exception):
    """Ctrl+C."""


class LineTerminal:
    """Says and asks. A signal takes effect only while it waits for somebody, so that nothing is ever left half done."""

    def __init__(self) -> None:
        self._waiting = self._interrupted = self._gone = False
        self.is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._echoes = not sys.stdin.isatty()
        self.drafts = LineDrafts()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl+C, a hang-up and a termination as `Interrupted` and `Gone` instead of dying of them."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, self._signalled) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            self._interrupted = True
        else:
            self._gone = True
        if self._waiting:
            self._raise_what_came()

    def _raise_what_came(self) -> None:
        if self._gone:
            raise Gone
        if self._interrupted:
            self._interrupted = False
            raise Interrupted

    @contextmanager
    def _patience(self) -> Iterator[None]:
        self._waiting = True
        try:
            self._raise_what_came()
            yield
        finally:
            self._waiting = False

    # Saying

    def say(self, text: str = "") -> None:
        """One line, or several; nothing foreign in them commands the terminal. Raises `Gone` when nobody can read
        it."""
        self._write(f"{safe_text(text, newlines=True)}\n")

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except (OSError, ValueError) as error:  # hung up; or closed
            self._gone = True
            raise Gone from error

    # Asking

    def ask_anew(self, prompt: str) -> str:
        """As `ask`, for what decides something: a line that was typed before the question was printed is dropped."""
        drop_typed_ahead()
        return self.ask(prompt)

    def ask_reason(self, prompt: str, given: str = "", *, others: Collection[str] = ()) -> str:
        """A reason: `given`, or what is typed, asked for again until it is one.

        An empty line and Ctrl+D back out: the reason is empty then. `others` are answers that the question offers as
        well.
        """
        while True:
            if not given:
                try:
                    drop_typed_ahead()
                    given = self.ask_text(prompt)
                except Gone:
                    if self._gone:
                        raise
                    return ""
            fault = fault_of_reason(given)
            if given.lower() in others:
                return given.lower()
            if not given or not fault:
                return given
            self.say(f"{fault}. Say why in a few words, or nothing to go back.")
            given = ""

    def require_reason(self, prompt: str, given: str = "") -> str:
        """A reason, as `ask_reason` has it. Raises `Interrupted` when nobody says it."""
        if reason := self.ask_reason(prompt, given):
            return reason
        raise Interrupted

    def ask(self, prompt: str) -> str:
        """A line that somebody typed, without its edges. Raises `Gone` at the end of the input, `Interrupted` on
        Ctrl+C."""
        return self._echoed_line(prompt).strip()

    def ask_text(self, prompt: str) -> str:
        """As `ask`, for the operator's own words: what was typed stays a draft until the word is over."""
        with keeping_half_typed():
            self._offer(prompt)
            line = self._kept_line(prompt, prompt, "").strip()
        self.drafts.keep(prompt, line)
        return line

    def _offer(self, question: str) -> None:
        if draft := self.drafts.of(question):
            self.say(f"A draft of yours: {draft}")
            self.say(f"{TAKE} takes it, {TAKE} and text goes on with it.")

    def _kept_line(self, question: str, prompt: str, before: str) -> str:
        """A line behind `before`, the lines that came already; what is typed stays a draft of the question when
        nobody ends it."""
        draft = "" if before else self.drafts.of(question)
        try:
            return before + joined(draft, self._echoed_line(prompt).rstrip())
        except (Interrupted, Gone):
            self.drafts.keep(question, before + joined(draft, take_half_typed()))
            raise

    def _echoed_line(self, prompt: str) -> str:
        line = self._line(prompt)
        if self._echoes:
            self._write(line if line.endswith("\n") else f"{line}\n")
        return line

    def _line(self, prompt: str) -> str:
        """The line as it was typed, with its end."""
        self._write(safe_text(prompt))
        try:
            line = self._read()
        except Interrupted:
            self._write("\n")
            raise
        except (OSError, ValueError) as error:
            raise Gone from error
        if not line:
            self._write("\n")
            raise Gone
        return line

    def _read(self) -> str:
        """A line with its end. A signal comes before the reading or after it, so that no line is lost between."""
        if not sys.stdin.isatty():
            with self._patience():
                return sys.stdin.readline()
        typed = b""
        while not typed.endswith(b"\n"):
            with self._patience():
                select.select([sys.stdin], [], [])
            more = os.read(sys.stdin.fileno(), LONGEST_BYTES)
            if not more:
                break
            typed += more
        return typed.decode(sys.stdin.encoding, "replace")

    def ask_unseen(self, prompt: str) -> str:
        """As `ask_anew`, without showing what is typed; blanks at its edges belong to it."""
        drop_typed_ahead()
        with without_echo():
            line = self._line(prompt)
            self._write("\n")
        return line.rstrip("\r\n")

    def agreed(self, question: str, *, otherwise: bool = False) -> bool:
        """Yes or no; Enter alone is `otherwise`."""
        while True:
            answer = self.ask_anew(f"{question} y or n [{'y' if otherwise else 'n'}]: ").lower()
            if answer in ("", "y", "yes", "n", "no"):
                return otherwise if not answer else answer.startswith("y")

    def several(self, prompt: str) -> str:
        """Lines up to one with a full stop alone."""
        text = ""
        with keeping_half_typed():
            self.say(f"{prompt} End with a line that holds only a full stop.")
            self._offer(prompt)
            while (longer := self._kept_line(prompt, "", text)).removeprefix(text).strip() != STOP:
                text = f"{longer}\n"
        self.drafts.keep(prompt, text)
        return text.removesuffix("\n")

    # Waiting

    def pause(self, seconds: float) -> None:
        """Wait; Ctrl+C and a hang-up end it."""
        with self._patience():
            time.sleep(seconds)

    def beside(self, doing: str, work: Callable[[], T]) -> T:
        """What the work gives, which only looks at the world and may be slow: Ctrl+C stops the waiting for it."""
        found: list[T] = []
        failed: list[BaseException] = []

        def look() -> None:
            try:
                found.append(work())
            except BaseException as error:  # handed to whoever waits
                failed.append(error)

        thread = threading.Thread(target=look, name=doing, daemon=True)
        began = said = time.monotonic()
        thread.start()
        while thread.is_alive():
            with self._patience():
                thread.join(_LOOK)
            if thread.is_alive() and time.monotonic() - said > _SAY_AGAIN:
                said = time.monotonic()
                self.say(f"{doing}, {said - began:.0f} s so far. Ctrl+C stops waiting.")
        if failed:
            raise failed[0]
        return found[0]
