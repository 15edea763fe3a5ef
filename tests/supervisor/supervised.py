"""Starting real steps and waiting for their results."""

from __future__ import annotations

from pathlib import Path

from midwatch.api.plan import Plan
from midwatch.incident.paths import AttemptFolder
from midwatch.supervisor.consented_command import FOLDER, SHELL_ACTION, SURROUNDINGS, TERMINAL, VARIABLE, command_of
from midwatch.supervisor.launch import launch
from midwatch.supervisor.launch_spec import Graces, LaunchSpec
from midwatch.supervisor.status import Result, Running, inspect_attempt
from midwatch.system.process import ProcessIdentity
from tests.support.waiting import wait_for

QUICK = Graces(interrupt=0.5, terminate=0.5, remains=0.3)


class Step:
    """One attempt in a folder of its own."""

    def __init__(self, path: Path) -> None:
        self.folder = AttemptFolder(path)

    def start(
        self,
        script: str,
        *,
        timeout: float = 60,
        secrets: dict[str, str] | None = None,
        graces: Graces = QUICK,
        cwd: str = "/",
        env: dict[str, str] | None = None,
        output_limit: int = 64 * 1024 * 1024,
        terminal: bool = False,
    ) -> ProcessIdentity:
        variables = {f"{VARIABLE}{name}": value for name, value in (env or {}).items() if name not in SURROUNDINGS}
        parameters = {"script": script, **variables} | ({TERMINAL: "a person's"} if terminal else {})
        plan = Plan(SHELL_ACTION, parameters, bindings={FOLDER: cwd})
        words = command_of(plan)
        order = LaunchSpec(words, cwd, env or {}, timeout, graces, output_limit, digest=plan.digest, terminal=terminal)
        return launch(self.folder, order, secrets or {}, plan)

    def result(self) -> Result:
        wait_for(lambda: not isinstance(inspect_attempt(self.folder), Running), "a result")
        found = inspect_attempt(self.folder)
        assert isinstance(found, Result), found
        return found

    @property
    def output(self) -> bytes:
        return self.folder.output.read_bytes() if self.folder.output.exists() else b""

    def says(self, word: str) -> None:
        wait_for(lambda: word.encode() in self.output, f"{word!r} in the output")


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    return ProcessIdentity.of(pid) is None
