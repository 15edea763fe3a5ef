"""Runs the script of a check or a panel: it only observes, so it runs at once, beside the steps and without a
record."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from midwatch.api.plan import Plan
from midwatch.supervisor.consented_command import SHELL_ACTION, command_of, file_of
from midwatch.supervisor.spawn import in_memory_file, inherited_environment
from midwatch.system.external_command import Ended, run_script


def run_check_script(script: str, folder: Path, *, limit: float, variables: Mapping[str, str]) -> Ended:
    """Run it as the script of a step is run, but without a terminal: by bash or by its `#!` line, in `folder`.

    Raises `Failed` when it cannot be started or takes longer than `limit` seconds; then nothing of it goes on.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = inherited_environment() | {"PATH": path} | dict(variables)
    environment.pop("STEP_OUTPUT", None)  # a check reports by its output only
    plan = Plan(SHELL_ACTION, {"script": script})
    argv, text = command_of(plan), file_of(plan)
    if not text:
        return run_script(argv, folder, limit=limit, environment=environment)
    file = in_memory_file(text)
    try:
        argv = (*argv, f"/proc/self/fd/{file}")
        return run_script(argv, folder, limit=limit, environment=environment, inherited=(file,))
    finally:
        os.close(file)
