"""Verifies a journal: no event was changed, dropped, reordered, duplicated or, given a known head, cut off."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from midwatch.incident.events import ENDS, Event, EventKind
from midwatch.journal.codec import NO_LINE, decode, digest
from midwatch.journal.merged_reader import MergedJournal, merge_files
from midwatch.journal.reader import Stored, blocks_behind, opened
from midwatch.system.errors import BadInput, Failed


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of verifying a journal."""

    ok: bool
    events: int
    """Complete events in the file if it is whole; otherwise those before the first bad one."""
    head: str
    """The SHA-256 of the last of these events."""
    problem: str = ""
    """Which event is the first bad one and what is wrong with it; empty when it is whole."""

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CheckedChain:
    """A journal as far as its chain holds: the events up to the first bad one, the hash of each, and what was found."""

    verdict: Verdict
    events: tuple[Event, ...]
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Link:
    """One line of the chain."""

    event: Event
    prev: str
    hash: str


def verify(path: Path, *, head: str | None = None, count: int | None = None) -> Verdict:
    """Check the chain from the first event to the last, what stands behind it, and what others were told.

    `head` and `count` are what a status update or the closure told: the hash of event number `count`. The chain alone
    cannot show that the last event was changed or that the end is missing; they can (docs/journal.md says how far).
    Raises `BadInput` when there is no journal, and `Failed` when it cannot be read.
    """
    return check(path, head=head, count=count).verdict


def check(path: Path, *, head: str | None = None, count: int | None = None) -> CheckedChain:
    """The same, with the events that were checked. Raises like `verify`."""
    try:
        found = merge_files(path)
        behind = _behind(found, path)
    except FileNotFoundError:
        raise BadInput(f"There is no journal {path}", hint="See which there are: midwatch incidents") from None
    except OSError as error:
        raise Failed(f"The journal {path} cannot be read: {error.strerror}") from error
    links, problem = _chain(found.lines)
    problem = problem or found.problem or _missing(found) or behind or _held_elsewhere(links, head, count)
    verdict = Verdict(not problem, len(links), links[-1].hash if links else NO_LINE, problem)
    return CheckedChain(verdict, tuple(link.event for link in links), tuple(link.hash for link in links))


_TORN = "after the last event stand bytes of a torn or a changed one; opening the incident repairs what a crash left"


def _chain(lines: list[Stored]) -> tuple[list[_Link], str]:
    """The links up to the first bad one, and what is wrong with that."""
    links: list[_Link] = []
    for index, line in enumerate(lines):
        number = index + 1
        try:
            event, prev = decode(line.data)
        except ValueError as error:
            return links, f"event {number} was changed: {error}"
        before = links[-1].hash if links else NO_LINE
        if event.seq != number:
            return links, _misplaced(lines, index, event.seq)
        if prev != before:
            changed = index if _continues(lines, index) or not links else number
            return links[: changed - 1], _broken(changed, number, len(lines))
        problem = _own_claims(event, links)
        if problem:
            return links, problem
        links.append(_Link(event, prev, digest(line.data)))
    return links, ""


def _misplaced(lines: list[Stored], index: int, seq: int) -> str:
    """What it means that event `seq` stands where another belongs."""
    number = index + 1
    if any(line.data == lines[index].data for line in lines[:index]):
        return f"event {seq} is duplicated: it stands a second time in line {number}"
    others = {_seq(line.data) for line in lines[index + 1 :]}
    if number in others:
        return f"event {number} is out of order: event {seq} stands in its place"
    if seq > number:
        missing = f"event {number} is" if seq == number + 1 else f"events {number} to {seq - 1} are"
        return f"{missing} missing: event {seq} follows" + (f" event {index}" if index else " the beginning")
    return f"event {number} was changed: it says that it is event {seq}"


def _broken(changed: int, number: int, last: int) -> str:
    if changed == number:
        return f"event {number} was changed: it does not continue event {number - 1}, nor does what follows continue it"
    tail = f", or event {number} was" if number == last else ""
    return f"event {changed} was changed{tail}: event {number} holds another hash of event {changed}"


def _continues(lines: list[Stored], index: int) -> bool:
    """Whether the line after this one holds this one's hash, so that this one is as it was written; true at the end."""
    if index + 1 == len(lines):
        return True
    try:
        return decode(lines[index + 1].data)[1] == digest(lines[index].data)
    except ValueError:
        return True


def _seq(data: bytes) -> int:
    try:
        return decode(data)[0].seq
    except ValueError:
        return 0


def _own_claims(event: Event, links: list[_Link]) -> str:
    """What an event says of the journal before it: a chain that was built anew has to get these right as well."""
    body = event.body
    if event.kind == EventKind.UPDATE and "head" in body:
        count = body.get("events")
        known = isinstance(count, int) and 0 <= count <= len(links)  # a reading may have come in between
        if not known or body["head"] != (links[count - 1].hash if count else NO_LINE):
            return (
                f"event {event.seq} was changed, or one before it: the head that it tells is not that of event {count}"
            )
    if event.kind in ENDS and body.get("events", event.seq) != event.seq:
        return f"event {event.seq} was changed: it says that it is the last of {body['events']} events"
    return ""


def _missing(found: MergedJournal) -> str:
    """A journal that goes on where nothing can be read any more."""
    missing = found.missing
    return (
        ""
        if missing is None
        else f"it goes on in {missing}, which is not there: what follows event {len(found.lines)} is missing"
    )


def _behind(found: MergedJournal, path: Path) -> str:
    """What stands after the last complete line: nothing, NUL bytes up to the end of the file, or a problem.

    Where the journal went on in another file, the end of the first may be torn: the whole event stands in the other.
    """
    last, end = path, found.lines[-1].end if found.lines else 0
    if found.elsewhere and (len(found.lines) > found.home or found.moved_to):
        last, end = found.elsewhere[-1]
    descriptor = opened(last)
    try:
        if any(block.strip(b"\0") for _, block in blocks_behind(descriptor, end)):
            return _TORN
    finally:
        os.close(descriptor)
    return ""


def _held_elsewhere(links: list[_Link], head: str | None, count: int | None) -> str:
    if count is not None and count > len(links):
        return f"it is truncated: event {len(links) + 1} is missing, and {count} events were told"
    if head is None:
        return ""
    told = head.strip().lower()
    if count is None:
        known = {link.hash for link in links} | {NO_LINE}
        return (
            "" if told in known else "no event has the head that was told: an event was changed, or the end is missing"
        )
    found = links[count - 1].hash if count > 0 else NO_LINE
    return (
        ""
        if found == told
        else f"event {count} was changed, or one before it: its hash is {found}, and {told} was told"
    )
