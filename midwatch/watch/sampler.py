"""Samples checks and panels in threads, one a trigger: a check that hangs holds up nothing but itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from midwatch.api.action import Context
from midwatch.runbook.triggers import Trigger
from midwatch.system.errors import in_words
from midwatch.watch.trigger_sample import TriggerSample, sample_trigger

_WAIT_S = 5.0
"""Seconds for which a look waits for the samples that it began."""


@dataclass(slots=True)
class _Task:
    done: threading.Event = field(default_factory=threading.Event)
    sample: TriggerSample | None = None
    problem: str = ""


class Sampler:
    """Takes the samples that are due."""

    def __init__(self, triggers: Sequence[Trigger], context: Context) -> None:
        self._triggers, self._context = triggers, context
        self._due_at = {trigger.id: 0.0 for trigger in triggers}
        self._running: dict[str, _Task] = {}

    def samples(self) -> list[tuple[Trigger, TriggerSample | None, str]]:
        """Each trigger that was sampled since the last call, with its sample, or None and the reason."""
        now, until = self._context.clock.monotonic(), time.monotonic()
        for trigger in self._triggers:
            if trigger.id not in self._running and now >= self._due_at[trigger.id]:
                self._due_at[trigger.id] = now + trigger.every
                self._running[trigger.id] = self._begun(trigger)
                until = time.monotonic() + _WAIT_S
        found: list[tuple[Trigger, TriggerSample | None, str]] = []
        for trigger in self._triggers:
            task = self._running.get(trigger.id)
            if task is not None and task.done.wait(max(until - time.monotonic(), 0.0)):
                del self._running[trigger.id]
                found.append((trigger, task.sample, task.problem))
            elif task is not None:
                found.append((trigger, None, "its check gives no answer"))
        return found

    def _begun(self, trigger: Trigger) -> _Task:
        task = _Task()
        threading.Thread(target=self._run, args=(trigger, task), name=f"sample {trigger.id}", daemon=True).start()
        return task

    def _run(self, trigger: Trigger, task: _Task) -> None:
        try:
            task.sample = sample_trigger(trigger, self._context)
        except Exception as error:  # a plug-in may break in any way: nothing is known then, and that has a deadline
            task.problem = in_words(error) or type(error).__name__
        finally:
            task.done.set()
