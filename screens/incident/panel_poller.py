"""Takes the panels' readings again and again, each panel in a thread of its own: a hung source stalls nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from textual.message_pump import MessagePump

from midwatch.api.probe import Reading
from midwatch.system.clock import Clock


@dataclass(frozen=True, slots=True)
class Source:
    """Where one panel's readings come from."""

    name: str
    title: str
    every: float
    """Seconds between two readings."""
    read: Callable[[], Reading]
    """Looks once; may take seconds."""


class PanelPoller:
    """The threads. They end with the program; one that hangs holds nothing up."""

    def __init__(self, pump: MessagePump, clock: Clock, took: Callable[[Reading], None]) -> None:
        """`took` is called on the pump's loop, once for each reading."""
        self._pump, self._clock, self._took = pump, clock, took
        self._ended = threading.Event()
        self._at_once: dict[str, threading.Event] = {}

    def watch(self, source: Source) -> None:
        """Begin to take the readings of one panel."""
        self._at_once[source.name] = threading.Event()
        threading.Thread(target=self._loop, args=(source,), name=f"panel {source.name}", daemon=True).start()

    def poll_now(self) -> None:
        """Have every panel read again at once, as after a step."""
        for event in self._at_once.values():
            event.set()

    def end(self) -> None:
        """Take no more readings."""
        self._ended.set()
        self.poll_now()

    def _loop(self, source: Source) -> None:
        at_once = self._at_once[source.name]
        while not self._ended.is_set():
            try:
                reading = source.read()
            except Exception as error:  # a plug-in's probe may break in any way; the panel says so and goes on
                reading = Reading(source.name, self._clock.now(), error=f"{type(error).__name__}: {error}")
            if self._pump.is_running and not self._ended.is_set():
                self._pump.call_later(self._took, reading)
            at_once.wait(source.every)
            at_once.clear()
