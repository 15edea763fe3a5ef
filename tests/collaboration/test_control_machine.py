"""Control among three screens in any order: given, offered, taken, lost, taken over; never two drivers or a lost
event."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from midwatch.control.driver_lock import TakenOver
from midwatch.control.lease import LeaseTimes
from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.reducer import reduce
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.runbook.loader import load
from midwatch.system.errors import MidwatchError
from tests.support.examples import examples
from tests.support.people import RUNBOOK

pytestmark = pytest.mark.slow

NAMES = ("ada", "bob", "eve")
WHO = st.sampled_from(NAMES)


class DriverHandle(RuleBasedStateMachine):
    """Each screen is a controller of its own in this process; their locks are those of three open files."""

    @initialize()
    def declare(self) -> None:
        self.here, self.place = Path.cwd(), tempfile.TemporaryDirectory(prefix="midwatch-control-")
        os.chdir(self.place.name)
        book = Path("runbook.yaml").absolute()
        book.write_text(RUNBOOK, encoding="utf-8")
        self.times = {name: LeaseTimes() for name in NAMES}
        first = IncidentController.declare(load(book), actor="ada@test", times=self.times["ada"])
        self.folder, self.screens = first.folder, {"ada": first}
        for name in NAMES[1:]:
            self.screens[name] = self.observer(name)
        self.notes = 0

    def observer(self, name: str) -> IncidentController:
        return IncidentController.observe(self.folder, actor=f"{name}@test", times=self.times[name])

    def holders(self) -> list[str]:
        """The screens that could write now."""
        found = []
        for name, screen in self.screens.items():
            try:
                if screen.session.handle is not None:
                    screen.session.handle.lock.require()
                    found.append(name)
            except TakenOver:
                continue
        return found

    def attempt(self, name: str, deed: object) -> bool:
        try:
            deed()  # type: ignore[operator]
        except MidwatchError:
            return False
        return True

    @rule(who=WHO)
    def notes_something(self, who: str) -> None:
        """Only who has control can, whatever its screen believes."""
        may = who in self.holders()
        assert self.attempt(who, lambda: self.screens[who].note(f"by {who}")) == may
        self.notes += may

    @rule(who=WHO, reason=st.booleans(), silent=st.booleans())
    def takes(self, who: str, reason: bool, silent: bool) -> None:
        screen, before = self.screens[who], self.holders()
        self.times[who].lease_s = 0.0 if silent else 20.0
        screen.lease  # noqa: B018 - the first look
        done = self.attempt(who, lambda: screen.take_control("it must be" if reason else ""))
        if before and before != [who] and not (silent and reason):
            assert not done
            assert self.holders() == before

    @rule(who=WHO)
    def asks_to_be_given(self, who: str) -> None:
        self.times[who].lease_s = 20.0
        self.attempt(who, self.screens[who].accept_control)

    @rule(who=WHO, to=st.sampled_from(["far@elsewhere", "bob@test", "eve@test"]))
    def offers(self, who: str, to: str) -> None:
        self.attempt(who, lambda: self.screens[who].offer_control(to))

    @rule(who=WHO)
    def withdraws(self, who: str) -> None:
        self.attempt(who, self.screens[who].withdraw_offer)

    @rule(who=WHO)
    def leaves(self, who: str) -> None:
        self.screens[who].leave()
        assert not self.screens[who].driving

    @precondition(lambda self: self.holders())
    @rule()
    def is_lost(self) -> None:
        """Whoever drives is gone without a word."""
        (name,) = self.holders()
        handle = self.screens[name].session.handle
        assert handle is not None
        assert handle.control_socket is not None
        handle.control_socket.close()
        handle.journal.close()
        handle.lock.release()
        self.screens[name] = self.observer(name)

    @rule(who=WHO)
    def looks(self, who: str) -> None:
        self.attempt(who, self.screens[who].poll)

    @invariant()
    def one_at_most_and_everything_is_there(self) -> None:
        holders = self.holders()
        assert len(holders) <= 1
        assert verify(self.folder.journal).ok
        incident = reduce(read(self.folder.journal))
        if holders:
            assert incident.driver == f"{holders[0]}@test"
        assert len(incident.notes) == self.notes

    def teardown(self) -> None:
        for screen in self.screens.values():
            self.attempt("", screen.leave)
        os.chdir(self.here)
        self.place.cleanup()


DriverHandle.TestCase.settings = settings(max_examples=examples(40), stateful_step_count=20)
TestControl = DriverHandle.TestCase
