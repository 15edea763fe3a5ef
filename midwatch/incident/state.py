"""The state of an incident, as `midwatch.incident.reducer` makes it out of the events, and what can be asked of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime

from midwatch.incident.conditions import Evaluation, Verdict, evaluate
from midwatch.incident.events import Event, seconds_between
from midwatch.incident.message_delivery import MessageDelivery
from midwatch.incident.persistent import PersistentList, PersistentMap
from midwatch.incident.server_pins import Pin
from midwatch.incident.step_state import CriterionState, StepState
from midwatch.incident.step_status import StepStatus, joint_status
from midwatch.incident.tally import Tally
from midwatch.runbook.condition_forms import Condition
from midwatch.runbook.model import Runbook, Step
from midwatch.runbook.severity import Severity
from midwatch.runbook.value_sources import INPUTS
from midwatch.system.clock import Clock
from midwatch.system.identity import Identity
from midwatch.system.process import boot_id


@dataclass(slots=True)
class Note:
    """Something a person wrote down: a note, somebody told, or a status update."""

    text: str
    actor: str
    written_at: datetime
    at: datetime
    """When it happened; earlier than `written_at` if back-dated."""
    role: str = ""
    is_update: bool = False
    seq: int = 0
    """Of the event that it stands in."""
    was: str = ""
    """What it said before it was corrected; `text` is the correction then."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of the incident that the conclusion of a step marked."""

    step: str
    at: datetime
    elapsed: float
    """Seconds from the declaration, by the boot clock."""
    seq: int = 0
    """The number of the event that marked it."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What an event should have said."""

    text: str
    actor: str
    at: datetime
    seq: int


@dataclass(frozen=True, slots=True)
class Approval:
    """One plan that was shown to a second person, and what they said. It counts for this plan only, and once."""

    step: str
    digest: str
    seq: int
    """The number of the event that asked for it."""
    asked_by: Identity
    asked_at: datetime
    given_by: Identity | None = None
    judge: str = ""
    """Who approved or declined it."""
    judged_at: datetime | None = None
    declined: str = ""
    """Why it was declined."""

    @property
    def waits(self) -> bool:
        """Whether nobody has said anything yet."""
        return self.judged_at is None


@dataclass(frozen=True, slots=True)
class Offer:
    """Control, offered to somebody; it stands until it expires."""

    seq: int
    giver: str
    to: str
    """A login, or `NAME@HOST` for one of another machine."""
    at: datetime
    expires: datetime
    summary: tuple[str, ...] = ()


@dataclass(slots=True)
class Incident:
    """An incident's state after all events so far. Never changed: the next event makes another one, which shares most
    of it."""

    id: str = ""
    title: str = ""
    severity: Severity = Severity.SEV1
    declared_at: datetime | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    """What was given when it was declared, by name."""
    closed_at: datetime | None = None
    """When it was closed or abandoned."""
    abandoned: str = ""
    """Why it is no incident; empty unless it was abandoned."""
    lasted: float = 0.0
    """Seconds from the declaration to the end, by the boot clock; only once it is closed."""
    driver: str = ""
    """Empty when nobody drives."""
    driver_users: frozenset[int] = frozenset()
    """The users, by their numbers, as whom the drivers so far have driven."""
    offer: Offer | None = None
    """The last offer of control that was neither taken nor withdrawn; it may have expired."""
    asked_by: str = ""
    """Who asks the driver for control."""
    asked_at: datetime | None = None
    """When control was requested last."""
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    """Step id → the last request of approval that no start has used up."""
    marks: Mapping[str, Mark] = field(default_factory=dict)
    """Moment → where it was marked last."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    """Target → the server that it is in this incident."""
    steps: Mapping[str, StepState] = field(default_factory=dict)
    items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The items of the loops whose list comes from a value, by the id of the loop."""
    criteria: Mapping[str, CriterionState] = field(default_factory=dict)
    notes: PersistentList[Note] = field(default_factory=PersistentList)
    corrections: PersistentMap[Correction] = field(default_factory=PersistentMap)
    """By the number of the event whose words are corrected; the newest counts."""
    starred: PersistentMap[bool] = field(default_factory=PersistentMap)
    """By the number of an event that the post-mortem should not miss."""
    to_notify: Mapping[str, str] = field(default_factory=dict)
    """Role id → why it has to be notified, from failures; removed once told."""
    unjudged_failures: tuple[str, ...] = ()
    """Ids of steps that failed since the severity was set last, each at its last failure."""
    deliveries: Mapping[str, MessageDelivery] = field(default_factory=dict)
    """Messages by channels, one entry for each receiver, by the id of the delivery."""
    last_update_at: datetime | None = None
    updated: float = 0.0
    """Seconds from the declaration to the last status update, by the boot clock; 0 before the first."""
    journal_away: str = ""
    """The file in which the journal goes on while its own disk takes no more events; empty while it does."""
    last: Event | None = None
    """The last event of all."""
    elapsed: float = 0.0
    """Seconds from the declaration to the last event, by the boot clock, which no change of the time of day
    disturbs."""
    _statuses: dict[str, tuple[Condition | None, StepStatus]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `status` has found for a step with this condition; a state does not change, so neither does this."""

    def elapsed_now(self, clock: Clock) -> float:
        """Seconds since the declaration, by the boot clock; on another machine, by the time of day. Never negative."""
        if self.last is None:
            return 0.0
        now = dataclasses.replace(self.last, time=clock.now(), mono=clock.monotonic(), boot=boot_id())
        return self.elapsed + max(0.0, seconds_between(self.last, now))

    @property
    def open(self) -> bool:
        """Whether the incident is declared and not closed."""
        return self.declared_at is not None and self.closed_at is None

    @property
    def undelivered(self) -> list[MessageDelivery]:
        """The messages that did not reach their receiver, as far as anybody knows."""
        return [delivery for delivery in self.deliveries.values() if delivery.undelivered]

    @property
    def word(self) -> str:
        """`open`, `closed` or `abandoned`."""
        return "open" if self.open else "abandoned" if self.abandoned else "closed"

    @property
    def stars(self) -> Set[int]:
        """Numbers of events that the post-mortem should not miss."""
        return self.starred.keys()

    def step(self, step_id: str) -> StepState:
        """The state of a step, also of one to which nothing has happened yet."""
        return self.steps.get(step_id) or StepState(step_id)

    def running(self) -> list[StepState]:
        """Running steps."""
        return [state for state in self.steps.values() if state.status is StepStatus.RUNNING]

    def value(self, step_id: str, key: str) -> str | None:
        """A value that a step reported or a person gave; None while there is none."""
        if step_id == INPUTS:
            return self.inputs.get(key)
        state = self.steps.get(step_id)
        return None if state is None else state.values.get(key)

    def status(self, step: Step) -> StepStatus:
        """Where a step stands, its `when:` considered; a loop, from the steps of its items."""
        if step.loop is not None and step.loop.items is not None:
            return joint_status(map(self.status, step.loop.steps))
        known = self._statuses.get(step.id)
        if known is None or known[0] is not step.when:
            known = self._statuses[step.id] = (step.when, self._status(step))
        return known[1]

    def _status(self, step: Step) -> StepStatus:
        state = self.steps.get(step.id)
        status = StepStatus.TODO if state is None else state.status
        if status is not StepStatus.TODO or (state is not None and state.needed):
            return status
        match self.condition(step).verdict:
            case Verdict.TRUE:
                return StepStatus.TODO
            case Verdict.UNDECIDED | Verdict.DUE:
                return StepStatus.UNDECIDED
            case Verdict.FALSE | Verdict.PENDING:
                return StepStatus.NOT_NEEDED

    def condition(self, step: Step) -> Evaluation:
        """Whether the step's `when:` holds now, and why; a step without one is always needed."""
        return (
            evaluate(step.when, self, step.id)
            if step.when is not None
            else Evaluation(Verdict.TRUE, "it is always needed")
        )

    def tally(self, steps: Iterable[Step]) -> Tally:
        """How many of these steps have each status."""
        return Tally.of(map(self.status, steps))

    def items_words(self, loop: Step) -> str:
        """`2 done, 1 failed`: the items of a loop by their status; empty for a step without items."""
        return self.tally(loop.loop.steps if loop.loop else ()).words

    def next_step(self, runbook: Runbook) -> Step | None:
        """The first step that is not settled and not running; a failed one stays next until a person decides.

        Of an item of a loop, the loop.
        """
        for step in runbook.steps():
            status = self.status(step)
            if not status.concluded and status is not StepStatus.RUNNING:
                return runbook.loops[step.item.loop] if step.item else step
        return None

    def unmet_needs(self, step: Step, runbook: Runbook) -> list[Step]:
        """The steps named in `depends_on:` that are not concluded, and the one that will report a loop's items."""
        names = [*step.depends_on, *([step.awaits_items_of] if step.awaits_items_of else [])]
        return [need for need in map(runbook.step, names) if not self.status(need).concluded]
