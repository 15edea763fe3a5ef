"""`verify` says of each thing that the journal names what it is: as it was, changed, missing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.inspection import Standing, inspect
from midwatch.incident.events import EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.step_status import StepStatus
from midwatch.journal.writer import Journal
from midwatch.runbook.loader import load
from midwatch.system.clock import SystemClock
from midwatch.system.errors import MidwatchError
from tests.support.examples import examples
from tests.support.program import midwatch_text
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

RUNBOOK = """\
midwatch: 1
id: small
title: Small
severity: SEV-3
phases:
  - title: One
    steps:
      - {id: say, title: Say it, run: "echo said; echo more", risk: change}
"""


@pytest.fixture
def folder(here: Path) -> IncidentFolder:
    """A closed incident with one step that ran."""
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    controller.start("say", controller.plan("say"))
    wait_for(lambda: [controller.poll(), controller.incident.step("say").status is StepStatus.DONE][1])
    controller.close(reason="done")
    return controller.folder


def standings(folder: IncidentFolder) -> dict[str, Standing]:
    return {finding.item: finding.standing for finding in inspect(folder, syslog_files=[])}


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return midwatch_text("verify", *arguments, cwd=Path.cwd())


def test_incident_that_is_as_it_was_is_whole_and_each_item_is_named(folder: IncidentFolder) -> None:
    done = verify()
    assert done.returncode == 0, done.stdout + done.stderr
    for part in (
        ": whole, ",
        "runbook.yaml: as at",
        "steps/say/1/plan.json: unchanged since it was confirmed",
        "steps/say/1/output: unchanged",
    ):
        assert part in done.stdout
    assert "show by a head that others hold: --count N --head SHA256" in done.stdout


@pytest.mark.parametrize("had", [True, False])
def test_site_file_that_was_changed_or_put_there_later_is_named(here: Path, had: bool) -> None:
    (here / "runbook.yaml").write_text(RUNBOOK, encoding="utf-8")
    if had:
        (here / "site.yaml").write_text("midwatch-site: 1\nwitness: false\n", encoding="utf-8")
    controller = IncidentController.declare(load(here / "runbook.yaml"), actor="ada@test")
    controller.leave()
    assert standings(controller.folder)["site.yaml"] is Standing.GOOD
    controller.folder.site.write_text("midwatch-site: 1\nwitness: true\n", encoding="utf-8")
    assert standings(controller.folder)["site.yaml"] is Standing.WRONG


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def swap(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"said", b"lied").replace(b'"shell"', b'"other"').replace(b"Small", b"Other"))


def link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


ITEMS = ["runbook.yaml", "steps/say/1/plan.json", "steps/say/1/output"]


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize(
    ("change", "standing"),
    [(swap, Standing.WRONG), (link, Standing.UNKNOWN), (pipe, Standing.UNKNOWN), (Path.unlink, Standing.UNKNOWN)],
)
def test_file_that_was_changed_after_closure_is_named(
    folder: IncidentFolder, item: str, change: Callable[[Path], None], standing: Standing
) -> None:
    change(folder.path / item)
    assert standings(folder)[item] is standing
    done = verify()
    assert done.returncode == {Standing.WRONG: 1, Standing.UNKNOWN: 3}[standing]
    assert item in done.stdout
    told = json.loads(verify("--json").stdout)
    assert told["whole"] is False
    assert {"item": item, "standing": standing.value} in [
        {key: finding[key] for key in ("item", "standing")} for finding in told["findings"]
    ]


def test_output_of_the_same_length_is_told_by_its_hash_and_a_longer_one_by_its_length(folder: IncidentFolder) -> None:
    output = folder.path / "steps/say/1/output"
    append(output)
    assert "it has 11 bytes, and 10 were told" in verify().stdout
    output.write_bytes(b"said\nMORE\n")
    assert "its SHA-256 is" in verify().stdout


@pytest.mark.timeout(60)
@pytest.mark.parametrize("item", ITEMS)
def test_file_that_a_hole_made_terabytes_long_is_named_without_reading_it(folder: IncidentFolder, item: str) -> None:
    os.truncate(folder.path / item, 1 << 42)
    assert standings(folder)[item] is Standing.WRONG


def test_journal_of_another_incident_in_this_folder_is_refused(folder: IncidentFolder) -> None:
    other = folder.path.with_name("INC-20260101-0000-other")
    shutil.copytree(folder.path, other)
    found = standings(IncidentFolder(other))
    assert (found["journal.jsonl"], found["id"]) == (Standing.GOOD, Standing.WRONG)
    done = verify("INC-20260101-0000-other")
    assert (done.returncode, f"the journal is that of another incident: {folder.id}" in done.stdout) == (1, True)


def test_post_mortem_is_held_against_the_value_of_its_step_and_may_be_edited(tmp_path: Path) -> None:
    folder = IncidentFolder(tmp_path)
    folder.post_mortem.write_text("written", encoding="utf-8")
    journal = Journal.create(folder.journal, actor="ada@test", clock=SystemClock())
    journal.append(EventKind.DECLARED, {"id": folder.id})
    values = {"post_mortem_sha256": hashlib.sha256(b"written").hexdigest()}
    journal.append(EventKind.FINISHED, {"step": "write-post-mortem", "attempt": 1, "output": {}, "values": values})
    journal.close()
    assert standings(folder)["post-mortem.md"] is Standing.GOOD
    folder.post_mortem.write_text("edited", encoding="utf-8")
    assert standings(folder)["post-mortem.md"] is Standing.NOTE


def test_escape_sequence_in_the_name_of_a_folder_or_file_does_not_reach_the_terminal(folder: IncidentFolder) -> None:
    name = "INC-20260101-0000-\x1b[31m\a"
    shutil.copytree(folder.path, folder.path.with_name(name))
    Path("a\x1b[31m\a.md").write_text("nothing")
    for argument in (name, "a\x1b[31m\a.md", "no\x1b[31m\a.md"):
        done = verify(argument)
        assert not {"\x1b", "\a"} & set(done.stdout + done.stderr)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_export_that_is_no_file_is_a_sentence(here: Path, kind: str) -> None:
    path = here / "x.md"
    if kind == "pipe":
        os.mkfifo(path)
        os.mkfifo(here / "x")
        assert "x is not a regular file" in verify("x").stderr, "and not an incident that is missing"
    else:
        path.mkdir()
    done = verify("x.md")
    assert done.returncode == 1
    assert "x.md" in done.stderr


BODIES = st.dictionaries(
    st.sampled_from(["step", "attempt", "digest", "output", "values", "id", "runbook_sha256", "site_sha256"]),
    st.none()
    | st.integers()
    | st.text(max_size=8)
    | st.dictionaries(st.sampled_from(["sha256", "bytes"]), st.text(max_size=4)),
)


@given(kind=st.sampled_from(["step.confirmed", "step.finished", "incident.declared", "note"]), body=BODIES)
@settings(max_examples=examples(150))
def test_inspection_of_any_event_ends_with_findings(
    tmp_path_factory: pytest.TempPathFactory, kind: str, body: dict[str, object]
) -> None:
    folder = IncidentFolder(tmp_path_factory.mktemp("INC"))
    journal = Journal.create(folder.journal, actor="ada@test", clock=SystemClock())
    journal.append("incident.declared", {"id": folder.id, "runbook_sha256": "0" * 64})
    journal.append(kind, body)
    journal.close()
    assert inspect(folder, syslog_files=[])


JSON_LISTS = st.recursive(st.none() | st.text(max_size=4), st.lists).map(lambda value: json.dumps(value).encode())


@given(plan=st.binary(max_size=200) | JSON_LISTS)
@settings(max_examples=examples(100))
def test_inspection_of_any_altered_plan_calls_it_changed(folder: IncidentFolder, plan: bytes) -> None:
    (folder.path / "steps/say/1/plan.json").write_bytes(plan)
    assert standings(folder)["steps/say/1/plan.json"] is Standing.WRONG


@given(data=st.binary(max_size=600))
@settings(max_examples=examples(200))
def test_inspection_of_any_journal_ends_with_a_verdict(tmp_path: Path, data: bytes) -> None:
    folder = IncidentFolder(tmp_path)
    folder.journal.write_bytes(data)
    try:
        assert inspect(folder, syslog_files=[])[0].standing is Standing.WRONG
    except MidwatchError as error:
        pytest.fail(str(error))
