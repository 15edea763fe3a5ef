"""One whole night: the reference drill, run without a screen by the installed program, and what it leaves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.credentials.pgpass import fields_of
from drill.production import build
from midwatch.runbook.loader import load
from midwatch.system.errors import Refused
from tests.support.program import MIDWATCH
from tests.support.reference_night import Night


def passwords_in(file: Path) -> set[str]:
    return {fields[4] for line in file.read_text().splitlines() if (fields := fields_of(line))}


@pytest.fixture(
    scope="module", params=["programs", pytest.param("containers", marks=[pytest.mark.docker, pytest.mark.heavy])]
)
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    try:
        production = build("reference", linger=0, docker=request.param == "containers")
    except Refused as error:
        pytest.skip(str(error))
    try:
        runbook = load(production.runbook, site=production.site)
        pgpass = runbook.location_of("pgpass")
        before = passwords_in(pgpass)
        argv = [
            MIDWATCH,
            "run",
            production.runbook,
            "--headless",
            "--answers",
            production.answers,
            "--export",
            folder / "timeline.md",
        ]
        output = folder / "said"
        leaks: set[str] = set()
        with output.open("wb") as file:
            environment = os.environ | production.environment
            process = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT, env=environment, cwd=folder)
            while True:
                known = [password.encode() for password in before | passwords_in(pgpass)]
                leaks |= set(arguments_with(known))
                try:
                    process.wait(0.2)
                    break
                except subprocess.TimeoutExpired:
                    continue
        passwords = tuple(before | passwords_in(pgpass))
        timeline = (folder / "timeline.md").read_text() if (folder / "timeline.md").exists() else ""
        yield Night(production, runbook, passwords, output.read_text(), process.returncode, timeline, tuple(leaks))
    finally:
        production.tear_down()


def arguments_with(secrets: list[bytes]) -> Iterator[str]:
    """The command lines on this machine that hold one of these."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if any(secret in line for secret in secrets):
            yield line.replace(b"\0", b" ").decode("utf-8", "replace")
