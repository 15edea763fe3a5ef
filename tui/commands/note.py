"""`midwatch note INCIDENT --stdin --source ci`: put events of another machine into the timeline, as JSON lines."""

from __future__ import annotations

import argparse
import os
import select
import sys
import time
from collections.abc import Iterator

from midwatch.incident.source_note import LINE_LIMIT_BYTES, SourceNote, read_note, require_source
from midwatch.system.errors import Exit, MidwatchError
from midwatch.system.units import counted
from tui.cli_context import add_incident, add_runbook, observed
from tui.output import say

_NAMED_AT_MOST = 20
"""Lines that were not kept and are named; the others are counted."""
_QUIET_S, _GATHERED_S = 0.2, 1.0
"""Seconds without another line, and seconds since the first, after which lines are handed on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch note` to its parser."""
    add_incident(parser)
    add_runbook(parser)
    parser.add_argument(
        "--stdin",
        action="store_true",
        required=True,
        help='read notes from standard input, a line of JSON each: {"text": …, "at": RFC 3339, "url": …}; '
        "without 'at' it happened now",
    )
    parser.add_argument("--source", metavar="NAME", required=True, help="where the notes come from, such as ci")


def run(args: argparse.Namespace) -> int:
    """Hand each line on as it comes; say which were not kept, and why."""
    from midwatch.engine.note_delivery import AGAIN_S, hand_on
    from midwatch.engine.policy import require_open
    from midwatch.engine.source_notes import BATCH

    source, follower = require_source(args.source), observed(args)
    require_open(follower.incident)
    unkept, kept, bad = _Unkept(), 0, False
    for numbered in _gathered(BATCH):
        notes: list[tuple[int, SourceNote]] = []
        for number, line in numbered:
            try:
                notes.append((number, read_note(line, follower.clock.now())))
            except ValueError as error:
                unkept.name(number, str(error))
                bad = True
        while notes:
            try:
                bodies = [note.to_json() for _, note in notes]
                taken = hand_on(follower.folder, source, bodies, actor=follower.actor, own=follower.session.own)
            except MidwatchError as error:
                for number, _ in notes:
                    unkept.name(number, error.sentence)
                unkept.say_rest()
                raise
            for index, why in taken.refused.items():
                unkept.name(notes[index][0], why)
            kept += taken.done - len(taken.refused)
            notes = notes[taken.done :]
            time.sleep(AGAIN_S if notes else 0)
    unkept.say_rest()
    say(f"{counted(kept, 'note')} from {source} in {follower.folder.id}.")
    return Exit.BAD_INPUT if bad else Exit.FAILED if unkept.count else Exit.DONE


class _Unkept:
    """The lines that were not kept."""

    def __init__(self) -> None:
        self.count, self._named, self._last = 0, 0, ""

    def name(self, number: int, why: str) -> None:
        """Say why a line was not kept, and the same reason once for lines that follow one another."""
        self.count += 1
        if why != self._last and self._named < _NAMED_AT_MOST:
            self._named += 1
            say(f"midwatch: line {number}: {why}{'' if why.endswith(('.', '?')) else '.'}", error=True)
        self._last = why

    def say_rest(self) -> None:
        """Count those that were not named."""
        if more := self.count - self._named:
            say(f"midwatch: {more:,} more line{'s were' if more > 1 else ' was'} not kept.", error=True)


def _gathered(limit: int) -> Iterator[list[tuple[int, bytes]]]:
    """The lines of standard input with their numbers, some at once; blank ones left out."""
    descriptor, rest, number, lines = sys.stdin.fileno(), b"", 0, list[tuple[int, bytes]]()
    began, ended = 0.0, False
    while not ended:
        wait_s = max(0.0, min(_QUIET_S, began + _GATHERED_S - time.monotonic())) if lines else None
        if select.select([descriptor], [], [], wait_s)[0]:
            data = os.read(descriptor, 65536)
            ended = not data
            *whole, rest = (rest + data).split(b"\n")
            if ended:
                whole, rest = [rest], b""
            for line in whole:
                number += 1
                if line.strip():
                    began = began if lines else time.monotonic()
                    lines.append((number, line))
            rest = rest[: LINE_LIMIT_BYTES + 1]  # more than that is refused anyway
            if not ended and len(lines) < limit and (not lines or time.monotonic() < began + _GATHERED_S):
                continue
        while lines:
            yield lines[:limit]
            lines = lines[limit:]
