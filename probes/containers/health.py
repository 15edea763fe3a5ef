"""The state of a container and the result of its health check, from the Docker engine."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime

from midwatch.system.clock import from_rfc3339
from probes.containers.client import LIMIT, engine, named_container


@dataclass(frozen=True, slots=True)
class Health:
    """State and health check of one container. Its words are foreign."""

    state: str
    """`running`, `exited`, `paused` …"""
    check: str
    """`healthy`, `unhealthy` or `starting`; empty where the image defines no health check."""
    said: str = ""
    """The last line of the last check."""
    restarts: int = 0
    """How often the engine started it again after it had ended by itself."""
    started: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether the container runs and its health check, if any, passes."""
        return self.state == "running" and self.check in ("", "healthy")

    def __str__(self) -> str:
        if self.state != "running" or not self.check:
            return f"container {self.state}"
        words = f", its check said: {self.said}" if self.said and not self.ok else ""
        return f"container {self.check}{words}"


def health(container: str, timeout: float = LIMIT) -> Health:
    """As of now. Raises `Failed` when there is no such container or no engine."""
    with engine(timeout) as client:
        found = named_container(client, container)
    state, started = found["State"], None
    with contextlib.suppress(ValueError):
        started = from_rfc3339(str(state.get("StartedAt")))
    check = state.get("Health") or {}
    word = check.get("Status", "")
    runs = check.get("Log") or [{}]
    lines = str(runs[-1].get("Output", "")).strip().splitlines()
    status, said = str(state.get("Status", "unknown")), lines[-1] if lines else ""
    return Health(status, "" if word == "none" else word, said, int(found.get("RestartCount") or 0), started)
