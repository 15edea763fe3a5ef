"""Starts steps that were consented to together: one after another, or several at the same time."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from midwatch.engine.journal_session import JournalSession
from midwatch.engine.step_results import StepResults
from midwatch.incident.events import StepOutcome
from midwatch.incident.step_status import StepStatus
from midwatch.system.errors import MidwatchError

_LOG = logging.getLogger(__name__)
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Group:
    """Steps of a batch that belong together."""

    steps: tuple[str, ...]
    parallel: int = 1
    """How many of them run at the same time."""
    stop_on_failure: bool = False
    """Whether no further step of the group starts once one has failed."""


class RunningBatch:
    """Starts its steps from a thread of the driver. What runs goes on without the driver; what waits does not start."""

    def __init__(
        self,
        name: str,
        groups: Sequence[Group],
        start: Callable[[str], bool],
        session: JournalSession,
        results: StepResults,
    ) -> None:
        """`start` starts one step, or returns False for a step that is not to be run now. Raises `MidwatchError`."""
        self.name = name
        """The id of the loop, or `phase ID`."""
        self.started: list[str] = []
        """The ids of the steps that were started, in their order."""
        self.problems: list[str] = []
        """Why steps could not be started, each as a sentence."""
        self._groups, self._start, self._session, self._results = groups, start, session, results
        self._stopped, self._began = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"batch {name}", daemon=True)

    @property
    def is_active(self) -> bool:
        """Whether steps run or are still to be started."""
        return self._thread.is_alive()

    def take_problems(self) -> list[str]:
        """The problems since the last call."""
        problems, self.problems = self.problems, []
        return problems

    def begin(self) -> None:
        """Begin; returns once the first step has started, or none could be started."""
        self._thread.start()
        while self._thread.is_alive() and not self._began.wait(_POLL_S):
            pass

    def stop(self) -> None:
        """Start no further step."""
        self._stopped.set()

    def _run(self) -> None:
        try:
            for group in self._groups:
                self._run_group(group)
        except MidwatchError as error:  # control was taken, or the journal takes no more events
            _LOG.warning("The batch %s ended early", self.name, exc_info=error)
            self.problems.append(str(error))
        finally:
            self._began.set()

    def _run_group(self, group: Group) -> None:
        waiting, running, failed = deque(group.steps), list[str](), False
        while self._session.driving:
            while waiting and len(running) < group.parallel and not self._is_over(failed, group):
                step_id = waiting.popleft()
                try:
                    if self._start(step_id):
                        running.append(step_id)
                        self.started.append(step_id)
                        self._began.set()
                except Exception as error:  # a plug-in's action may break in any way, and nobody watches this thread
                    _LOG.warning("Step %s could not be started", step_id, exc_info=error)
                    step = self._session.runbook.step(step_id)
                    self.problems.append(f"{step.number} {step.title}: {error}")
                    failed = True
            if not running:
                return
            time.sleep(_POLL_S)
            self._collect()
            for step_id in [step_id for step_id in running if self._status(step_id) is not StepStatus.RUNNING]:
                running.remove(step_id)
                last = self._session.incident.step(step_id).last
                failed |= last is None or last.outcome is not StepOutcome.DONE
                if last is not None and last.outcome is StepOutcome.CANCELLED:
                    self.stop()

    def _is_over(self, failed: bool, group: Group) -> bool:
        """Whether no further step of the group starts."""
        return self._stopped.is_set() or (failed and group.stop_on_failure)

    def _status(self, step_id: str) -> StepStatus:
        return self._session.incident.step(step_id).status

    def _collect(self) -> None:
        session = self._session
        with session.mutex:
            session.take_in()
            if session.handle is not None:
                self._results.collect(session.handle)
