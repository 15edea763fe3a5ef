"""docs/journal.md is true: its shell check works as written, and its table of kinds is complete."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from midwatch.incident.events import EventKind
from midwatch.journal.verify import verify
from tests.journal.set_clock import Write

PAGE = (Path(__file__).parents[2] / "docs" / "journal.md").read_text(encoding="utf-8")
SCRIPT = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0]


@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shell_check_of_the_docs_agrees_with_verify(written: Write, trim: bool, shell: str) -> None:
    path = written(4, trim=trim)
    told = subprocess.run(
        [shell, "-c", SCRIPT], cwd=path.parent, capture_output=True, text=True, timeout=30, check=True
    )
    assert told.stdout == f"4 events, head {verify(path).head}\n"
    path.write_bytes(path.read_bytes().replace(b"event 2", b"event X"))
    told = subprocess.run(
        [shell, "-c", SCRIPT], cwd=path.parent, capture_output=True, text=True, timeout=30, check=False
    )
    assert (told.returncode, told.stdout) == (1, "event 3 does not continue the one before it\n")


def test_event_kind_without_documentation_is_none() -> None:
    named = set(re.findall(r"`([a-z]+(?:\.[a-z_]+)?)`", PAGE.split("## Kinds")[1].split("## One driver")[0]))
    assert {kind.value for kind in EventKind} <= named
