"""Any sequence of writing, crashing, resuming, trimming and setting the clock leaves every acknowledged event in
place."""

from __future__ import annotations

import contextlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from midwatch.incident.events import Event, EventKind
from midwatch.journal.reader import Tail, read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.errors import BadInput
from tests.journal.set_clock import SetClock
from tests.support.examples import examples

pytestmark = pytest.mark.slow

BODIES = st.dictionaries(
    st.text(max_size=5), st.text(st.characters(codec="utf-8"), max_size=300) | st.integers(), max_size=4
)


class JournalMachine(RuleBasedStateMachine):
    """One journal, its writer, and an observer that looks in now and then."""

    @initialize()
    def declare(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.jsonl"
        self.clock = SetClock()
        self.journal: Journal | None = Journal.create(self.path, actor="ada", clock=self.clock)
        self.acknowledged: list[Event] = []
        self.told: list[tuple[int, str]] = []
        self.observer, self.observed = Tail(self.path), list[Event]()

    @precondition(lambda self: self.journal is not None)
    @rule(body=BODIES, kind=st.sampled_from(["note", "notification.recorded", "future.kind"]))
    def append(self, body: dict[str, object], kind: str) -> None:
        assert self.journal is not None
        self.acknowledged.append(self.journal.append(kind, body))

    @precondition(lambda self: self.journal is not None)
    @rule()
    def append_too_much(self) -> None:
        assert self.journal is not None
        with contextlib.suppress(BadInput):
            self.journal.append("note", {"text": "x" * 70_000})
            raise AssertionError("it was taken")

    @precondition(lambda self: self.journal is not None)
    @rule()
    def tell_the_head(self) -> None:
        assert self.journal is not None
        self.told.append((len(self.acknowledged), self.journal.head))

    @precondition(lambda self: self.journal is not None)
    @rule(trim=st.booleans())
    def leave(self, trim: bool) -> None:
        assert self.journal is not None
        self.journal.close(trim=trim)
        self.journal = None

    @precondition(lambda self: self.journal is not None)
    @rule(torn=st.binary(min_size=1, max_size=200).map(lambda data: data.replace(b"\n", b"x")), holes=st.booleans())
    def crash_while_writing(self, torn: bytes, holes: bool) -> None:
        """The process ends; of what it was writing, some bytes reached the disk."""
        assert self.journal is not None
        self.journal.close()
        self.journal = None
        end = len(self.path.read_bytes().rstrip(b"\0"))
        descriptor = os.open(self.path, os.O_RDWR)
        os.pwrite(descriptor, b'{"seq":' + (bytes(50) if holes else b"") + torn, end)
        os.close(descriptor)

    @precondition(lambda self: self.journal is None)
    @rule(actor=st.sampled_from(["ada", "bob"]))
    def resume(self, actor: str) -> None:
        self.journal = Journal.open(self.path, actor=actor, clock=self.clock)
        assert self.journal.events[: len(self.acknowledged)] == self.acknowledged
        repairs = self.journal.events[len(self.acknowledged) :]
        assert [event.kind for event in repairs] in ([], [EventKind.JOURNAL_REPAIRED])
        self.acknowledged = list(self.journal.events)
        assert verify(self.path).ok

    @rule(seconds=st.floats(-90_000, 90_000))
    def set_the_clock(self, seconds: float) -> None:
        self.clock.time = datetime.fromtimestamp(self.clock.time.timestamp() + seconds, UTC)
        self.clock.seconds += 1

    @rule()
    def observe(self) -> None:
        self.observed += self.observer.poll()
        assert self.observed == self.acknowledged

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "path"):
            return
        assert read(self.path) == self.acknowledged
        times = [event.time for event in self.acknowledged]
        assert times == sorted(times)

    def teardown(self) -> None:
        if not hasattr(self, "path"):
            return
        if self.journal is None:
            self.resume("end")
        assert self.journal is not None
        self.journal.close(trim=True)
        for count, head in [*self.told, (len(self.acknowledged), self.journal.head)]:
            assert verify(self.path, head=head, count=count).ok
        self.folder.cleanup()


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=examples(60), stateful_step_count=30)
