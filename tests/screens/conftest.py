"""Screens as plain text, compared with what was looked at and found good."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from screens.dialogs import confirm
from screens.incident import enter_guard
from screens.widgets import held_keys
from screens.widgets.dialog import Dialog
from tests.support.real_terminal import Terminal
from tests.support.reference_incident import Stage, declare_reference, leave, work_until_emergency_backup
from tests.support.screen_pilot import Pilots, grid
from tests.support.small_incident import RUNBOOK

GOLDENS = Path(__file__).parent / "goldens"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="take the screens as they are now for good")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests has settings of their own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a tired hand here; the waiting has tests of its own."""
    monkeypatch.setattr(confirm, "GRACE", 0.0)
    monkeypatch.setattr(enter_guard, "AFTER_A_MOVE", 0.0)
    monkeypatch.setattr(Dialog, "grace_s", 0.0)
    for name in ("REPEAT_S", "HELD_S"):
        monkeypatch.setattr(held_keys, name, 0.0)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """What the actions and checks of the reference incident find."""
    stage = Stage()
    with stage.set_up():
        yield stage


@pytest.fixture
def session(here: Path, stage: Stage) -> Iterator[IncidentController]:
    """The reference incident in its middle."""
    controller = declare_reference(here)
    work_until_emergency_backup(controller, stage)
    yield controller
    leave(controller)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Pilots, str], None]:
    """Compare the screen with the golden of this name; `--update-goldens` writes it."""

    def compare(pilot: Pilots, name: str) -> None:
        shown, file = grid(pilot), GOLDENS / f"{name}.txt"
        if request.config.getoption("--update-goldens"):
            file.write_text(shown, encoding="utf-8")
            return
        wanted = file.read_text(encoding="utf-8") if file.exists() else ""
        if shown != wanted:
            difference = difflib.unified_diff(wanted.splitlines(), shown.splitlines(), "golden", "shown", lineterm="")
            pytest.fail(f"{name} is not what it was (--update-goldens if it is meant):\n" + "\n".join(difference))

    return compare


@pytest.fixture
def terminal(here: Path) -> Iterator[Terminal]:
    """A shell in a real terminal, in a folder with the small incident's runbook."""
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    terminal = Terminal(here)
    yield terminal
    (here / "hold").unlink(missing_ok=True)
    terminal.end()
