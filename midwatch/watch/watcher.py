"""Watches the triggers of one runbook: each look reads the logs, takes the samples that are due, and leaves requests.

What a look finds is put on disk in one piece, with the positions in the logs, before anything is done about it. Doing
it is repeated after a restart, and doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from midwatch.api.action import Context
from midwatch.runbook.model import Runbook
from midwatch.runbook.triggers import Trigger
from midwatch.runbook.windows import is_within
from midwatch.system.clock import to_rfc3339
from midwatch.system.expressions import TOO_SLOW, LineSearch
from midwatch.system.log_line_time import local_log_line_time
from midwatch.system.units import duration
from midwatch.watch.condition import Condition
from midwatch.watch.followed_file import FollowedFile, LogLine
from midwatch.watch.log_follower import LogFollower
from midwatch.watch.request_writer import RequestWriter
from midwatch.watch.requests import FIRED, SILENT, DeclareRequest, RequestStore
from midwatch.watch.sampler import Sampler
from midwatch.watch.watch_state import StateFile

UNKNOWN_S = 600.0
"""Seconds for which a log may be missing or unreadable, and a check without an answer."""
STALE_S = 26 * 3600.0
"""Seconds for which a log may have no new line: a night's run, and two hours."""
SINCE_S = 24 * 3600.0
"""Seconds before the first look from which on lines count that were there already."""
_FUTURE = timedelta(minutes=5)
_READS_A_LOOK = 32
"""Reads of one log in one look, each with its own commit of the position."""


class Watcher:
    """One look after another, by `look`."""

    def __init__(
        self,
        context: Context,
        *,
        open_incident: Callable[[], str] = str,
        since_s: float = SINCE_S,
    ) -> None:
        """`open_incident`: the id of the open incident of this runbook, empty without one. Takes the state on disk."""
        self.runbook: Runbook = context.runbook
        self.store = RequestStore(self.runbook)
        self.notes: list[str] = []
        """What the last look has to say to whoever runs the watcher."""
        self._clock, self._since_s = context.clock, since_s
        self._file = StateFile(self.runbook.location_of("watch"))
        self.state, why = self._file.read()
        self._begin_words = [why] if why else []
        self._writer = RequestWriter(self.runbook, self._clock, self.state, self.store, open_incident)
        triggers = self.runbook.triggers
        self._sampler = Sampler([trigger for trigger in triggers if not trigger.log], context)
        self._searches = {trigger.id: LineSearch(trigger.match) for trigger in triggers if trigger.log}
        self._by_log = _triggers_by_log(self.runbook)
        self._followers = {
            path: LogFollower(path, self._clock, self.state.logs.get(str(path))) for path in self._by_log
        }
        self.state.logs = {name: self.state.logs[name] for name in map(str, self._by_log) if name in self.state.logs}
        self._started_at = self._clock.now()
        self._looked_at: dict[str, float] = {}
        """When each fact was looked at last, in seconds of the boot clock."""
        self._unknown: set[str] = set()
        """The facts that were not known at the last look."""

    def look(self) -> list[DeclareRequest]:
        """Look once; the requests that were left. Raises `Failed` when the state cannot be put on disk."""
        self.notes, self._begin_words = self._begin_words, []
        left = self._finish()
        for _ in range(_READS_A_LOOK):
            for path, follower in self._followers.items():
                self._read(path, follower)
            self._commit()
            left += self._finish()
            if not any(follower.has_more() for follower in self._followers.values()):
                break
        self._sample()
        for path, follower in self._followers.items():
            self._judge_log(path, follower)
        self._commit()
        left += self._finish()
        self._writer.follow()
        self._commit()
        return left

    def close(self) -> None:
        """Let go of the logs."""
        for follower in self._followers.values():
            follower.close()

    # Logs

    def _read(self, path: Path, follower: LogFollower) -> None:
        for file, lines in follower.lines():
            for line, triggers in self._found(path, lines):
                for trigger in triggers:
                    self._take_line(trigger, line, file)
                if not line.ended:
                    file.take_unended()
        self.state.logs[str(path)] = follower.positions
        if follower.gap:
            self.notes.append(follower.gap)

    def _found(self, path: Path, lines: Sequence[LogLine]) -> list[tuple[LogLine, list[Trigger]]]:
        """The lines that match triggers of this log, in their order."""
        texts = [line.text for line in lines]
        found: dict[int, list[Trigger]] = {}
        for trigger in self._by_log[path]:
            for index, is_found in enumerate(self._searches[trigger.id].found_in(texts)):
                if is_found:
                    found.setdefault(index, []).append(trigger)
        return [(lines[index], found[index]) for index in sorted(found)]

    def _take_line(self, trigger: Trigger, line: LogLine, file: FollowedFile) -> None:
        """A line that matches a trigger, unless it is of before the watcher's time, or of a maintenance window."""
        now = self._clock.now()
        moment = local_log_line_time(line.text, trigger.timezone)
        is_old = moment is None or (self._started_at - moment).total_seconds() > self._since_s
        if is_old and line.offset < file.history_end:  # it was there before the watcher
            return
        at = min(moment, now) if moment is not None and moment <= now + _FUTURE else now
        if is_within(self.runbook.watch.maintenance, at):
            return
        condition = self._condition(trigger.id)
        condition.fail(f"{line.place}: {line.text}", to_rfc3339(at))
        if condition.fires(trigger.after, 0.0):
            self._writer.request(trigger, trigger.title, FIRED, condition)

    def _judge_log(self, path: Path, follower: LogFollower) -> None:
        """Time without a matching line, and a log that tells nothing for too long."""
        triggers, now = self._by_log[path], self._clock.now()
        elapsed_s = self._elapsed_s(str(path))
        for trigger in triggers:
            if (condition := self.state.conditions.get(trigger.id)) is not None:
                condition.pass_(elapsed_s, trigger.clear, resets=False)
        deadline_s = min((trigger.deadline for trigger in triggers if trigger.deadline), default=STALE_S)
        problem, limit_s = follower.problem, min(UNKNOWN_S, deadline_s)
        age_s = now.timestamp() - follower.modified_at
        if not problem and follower.modified_at and age_s > deadline_s:
            problem, limit_s = f"{path} has no new line for {duration(age_s)}", 0.0
        self._judge_silence(f"log {path}", triggers[0], f"{path.name} tells nothing", problem, elapsed_s, limit_s)
        for trigger in triggers:
            problem = TOO_SLOW if self._searches[trigger.id].gave_up else ""
            title = f"{path.name} is not searched for: {trigger.title}"
            self._judge_silence(f"expression {trigger.id}", trigger, title, problem, elapsed_s, 0.0)

    # Checks and panels

    def _sample(self) -> None:
        is_maintained = is_within(self.runbook.watch.maintenance, self._clock.now())
        for trigger, sample, problem in self._sampler.samples():
            elapsed_s = self._elapsed_s(trigger.id)
            name, limit_s = f"check {trigger.id}", trigger.deadline or UNKNOWN_S
            self._judge_silence(name, trigger, f"Nothing is known: {trigger.title}", problem, elapsed_s, limit_s)
            condition = self._condition(trigger.id)
            if sample is None:
                continue
            if not sample.detected:
                condition.pass_(elapsed_s, trigger.clear)
            elif is_maintained:
                condition.pass_(0.0, trigger.clear)
            else:
                condition.fail(sample.evidence, to_rfc3339(self._clock.now()), elapsed_s)
                if condition.fires(trigger.after, trigger.for_):
                    self._writer.request(trigger, trigger.title, FIRED, condition)

    def _judge_silence(
        self, name: str, trigger: Trigger, title: str, problem: str, elapsed_s: float, limit_s: float
    ) -> None:
        """What is not known for too long fires as well; a fact that is known again can fire again at once."""
        if bool(problem) != (name in self._unknown):
            self._unknown ^= {name}
            self.notes.append(f"{title}: {problem or 'this is over'}")
        condition = self._condition(name)
        if not problem or is_within(self.runbook.watch.maintenance, self._clock.now()):
            condition.pass_(elapsed_s, 0.0)
            return
        condition.fail(problem, to_rfc3339(self._clock.now()), elapsed_s)
        if condition.fires(1, limit_s):
            self._writer.request(trigger, title, SILENT, condition)

    def _commit(self) -> None:
        self._file.write(self.state)

    def _finish(self) -> list[DeclareRequest]:
        """Do what the state on disk says, and put on disk that it was done."""
        left = self._writer.finish()
        self._commit()
        return left

    def _condition(self, name: str) -> Condition:
        return self.state.conditions.setdefault(name, Condition())

    def _elapsed_s(self, name: str) -> float:
        """Seconds since the fact was looked at last; none at the first time, also after a restart."""
        now = self._clock.monotonic()
        elapsed_s = now - self._looked_at.get(name, now)
        self._looked_at[name] = now
        return elapsed_s


def _triggers_by_log(runbook: Runbook) -> Mapping[Path, list[Trigger]]:
    found: dict[Path, list[Trigger]] = {}
    for trigger in runbook.triggers:
        if trigger.log:
            found.setdefault(runbook.resolve(trigger.log), []).append(trigger)
    return found
