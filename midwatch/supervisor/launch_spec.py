"""The launch specification of a supervisor, without the secrets. Secrets are passed through the supervisor's socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from midwatch.runbook.processes import Retry
from midwatch.system.errors import BadInput
from midwatch.system.umask import operator_umask


@dataclass(frozen=True, slots=True)
class Graces:
    """Seconds given to a process group between one signal and the next, and to what is left behind after the end."""

    interrupt: float = 10.0
    """From INT to TERM. An action cleans up in this time: it removes its partial file, it ends its backend."""
    terminate: float = 5.0
    """From TERM to KILL."""
    remains: float = 2.0
    """From the end of the step's own process to TERM for descendants that keep the terminal open."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """One command with its surroundings. A record of it is written to disk as it stands, so no secret may be in it."""

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    """Laid over the environment of whoever starts the supervisor."""
    timeout: float
    """Seconds until the step is ended; 0 means that it has no limit."""
    graces: Graces = field(default_factory=Graces)
    output_limit: int = 256 * 1024 * 1024
    """Bytes of output kept on disk; what comes after is counted and dropped."""
    umask: int = field(default_factory=operator_umask)
    """The step's own processes get it: what they make is as open as whatever the operator makes in a shell."""
    digest: str = ""
    """Of the plan that was consented to."""
    ok_exits: tuple[int, ...] = (0,)
    """The exit statuses that count as done."""
    retry: Retry | None = None
    """How often the command is run again where it failed."""
    terminal: bool = False
    """Whether a person sits at the step's terminal; else nothing can be typed there."""

    def to_json(self) -> dict[str, Any]:
        """The order as JSON types; `from_json` gives it back."""
        return asdict(self) | {"argv": list(self.argv), "env": dict(self.env), "ok_exits": list(self.ok_exits)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises `BadInput` when it is not an order."""
        try:
            argv = tuple(str(word) for word in data["argv"])
            if not argv:
                raise ValueError("argv is empty")
            return cls(
                argv=argv,
                cwd=str(data["cwd"]),
                env={str(name): str(value) for name, value in data["env"].items()},
                timeout=float(data["timeout"]),
                graces=Graces(**{name: float(value) for name, value in data.get("graces", {}).items()}),
                digest=str(data.get("digest", "")),
                output_limit=int(data.get("output_limit", cls.__dataclass_fields__["output_limit"].default)),
                umask=int(data["umask"]) & 0o777,
                retry=_retry(data.get("retry")),
                ok_exits=tuple(int(number) for number in data.get("ok_exits", (0,))),
                terminal=data.get("terminal") is True,
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise BadInput(
                f"This is not an order for a supervisor: {error!r}", hint="It is written by Midwatch itself"
            ) from error


def _retry(data: Mapping[str, Any] | None) -> Retry | None:
    if data is None:
        return None
    return Retry(int(data["times"]), float(data["wait"]), tuple(int(code) for code in data["on"]))
