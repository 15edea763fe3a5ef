"""A runbook that nobody named: `./runbook.yaml` and the site file beside it are used only when nobody else could have
made them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.runbook.loader import load
from midwatch.system.errors import Exit
from tests.support import program
from tests.support.users import ALICE, MALLORY, ONCALL, needs_root, run_as

pytestmark = needs_root
RUNBOOK = """\
midwatch: 1
id: fire
title: Fire
severity: SEV-2
phases: [{title: One, steps: [{id: work, title: Work, run: touch ran, risk: observe}]}]
"""
SITE = "midwatch-site: 1\n"


def mallory_makes_the_file(folder: Path) -> None:
    os.chown(folder / "runbook.yaml", MALLORY, MALLORY)


def mallory_has_the_folder(folder: Path) -> None:
    os.chown(folder, MALLORY, MALLORY)


def everybody_may_write_the_folder(folder: Path) -> None:
    folder.chmod(0o777)


def a_group_may_write_the_folder(folder: Path) -> None:
    os.chown(folder, 0, ONCALL)
    folder.chmod(0o2770)


def a_group_may_write_the_file(folder: Path) -> None:
    os.chown(folder / "runbook.yaml", 0, ONCALL)
    (folder / "runbook.yaml").chmod(0o664)


def mallory_has_the_folder_above(folder: Path) -> None:
    os.chown(folder.parent, MALLORY, MALLORY)


def mallory_linked_it(folder: Path) -> None:
    (folder / "runbook.yaml").rename(folder / "other.yaml")
    (folder / "runbook.yaml").symlink_to("other.yaml")
    os.chown(folder / "runbook.yaml", MALLORY, MALLORY, follow_symlinks=False)


def mallory_put_a_site_file_beside(folder: Path) -> None:
    (folder / "site.yaml").write_text(SITE)
    os.chown(folder / "site.yaml", MALLORY, MALLORY)


@pytest.fixture
def folder(reachable: Path) -> Path:
    made = reachable / "ops"
    made.mkdir(mode=0o755)
    (made / "runbook.yaml").write_text(RUNBOOK)
    (made / "answers.yaml").write_text("{}\n")
    return made


@pytest.mark.parametrize(
    "attack",
    [
        mallory_makes_the_file,
        mallory_has_the_folder,
        everybody_may_write_the_folder,
        a_group_may_write_the_folder,
        a_group_may_write_the_file,
        mallory_has_the_folder_above,
        mallory_linked_it,
        mallory_put_a_site_file_beside,
    ],
    ids=lambda attack: attack.__name__,
)
def test_runbook_here_that_others_could_have_made_is_refused_until_it_is_named(
    folder: Path, attack: Callable[[Path], None]
) -> None:
    attack(folder)
    headless = ("run", "--headless", "--answers", "answers.yaml")
    for arguments in (("--plain",), headless, ("plan",), ("action", "freeze", "--plan"), ("check", "freeze-status")):
        done = program.midwatch_text(*arguments, cwd=folder, stdin="\n")
        assert done.returncode == (Exit.UNKNOWN if arguments[0] == "check" else Exit.BAD_INPUT), (arguments, done)
        assert "other users" in done.stderr or "belongs to uid 64001" in done.stderr
        assert "If you trust it, name it: a runbook as RUNBOOK or --runbook, a site file as --site" in done.stderr
        assert len(done.stderr.splitlines()) <= 2
    assert not (folder / "logs").exists()
    named = ["./runbook.yaml", *(["--site", "site.yaml"] if (folder / "site.yaml").exists() else [])]
    done = program.midwatch_text(*headless, *named, cwd=folder)
    assert (folder / "ran").exists(), done


def test_site_file_of_a_third_user_beside_a_named_runbook_is_refused(folder: Path) -> None:
    mallory_put_a_site_file_beside(folder)
    done = program.midwatch_text("plan", "./runbook.yaml", cwd=folder)
    assert "site.yaml is not trusted: the file belongs to uid 64001" in done.stderr
    os.chown(folder / "runbook.yaml", MALLORY, MALLORY)  # whoever names it trusts that user
    assert program.midwatch_text("plan", "./runbook.yaml", cwd=folder).returncode == 0


def test_runbook_of_whoever_called_sudo_is_run(folder: Path) -> None:
    os.chown(folder, ALICE, ALICE)
    os.chown(folder / "runbook.yaml", ALICE, ALICE)
    assert program.midwatch_text("plan", cwd=folder).returncode == Exit.BAD_INPUT
    assert program.midwatch_text("plan", cwd=folder, environment={"SUDO_UID": str(ALICE)}).returncode == 0
    other = program.midwatch_text("plan", cwd=folder, environment={"SUDO_UID": str(MALLORY)})
    assert "belongs to uid 64002" in other.stderr
    claimed = run_as(MALLORY, lambda: program.midwatch_text("plan", cwd=folder, environment={"SUDO_UID": str(ALICE)}))
    assert "belongs to uid 64002" in claimed.stderr


def test_incidents_in_a_folder_of_others_are_still_listed_shown_and_observed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    controller = IncidentController.declare(load(folder / "runbook.yaml"), actor="ada@test")
    controller.leave()
    mallory_has_the_folder(folder)
    for arguments in (("incidents",), ("show",), ("verify",), ("export",), ("handoff",)):
        done = program.midwatch_text(*arguments, cwd=folder)
        assert controller.folder.id in done.stdout, (arguments, done)
    done = program.midwatch_text("--observe", "--plain", cwd=folder, stdin="quit\n")
    assert "Fire" in done.stdout, done
    assert "its record" in done.stdout, done
