"""The status page: current at each event, whole, readable by a web server, and for its audience only."""

from __future__ import annotations

import os
import stat
from html.parser import HTMLParser
from pathlib import Path

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.status_page_writer import StatusPageWriter, prepare_folder
from midwatch.incident.events import EventKind
from midwatch.reports.status_page import Audience, PageSource, status_page
from midwatch.runbook.loader import load
from midwatch.system.errors import BadInput
from midwatch.system.identity import Identity
from tests.support.users import MALLORY, needs_root, run_as
from tests.support.waiting import wait_for
from tui.cli import main

RUNBOOK = """\
midwatch: 1
id: paged
title: Orders fail on db7
severity: SEV-1
comms: {update_every: 15 min}
targets:
  arp: {kind: local, database: arp, label: ARP, host: db7.example.org, user: arp_owner}
phases:
  - title: Look & see
    section: "1"
    steps: [{id: look, title: Look <b>around</b>, run: echo output-of-a-step; exit 3, risk: observe}, {title: Tell}]
"""
SECRET = "Zq81-very-secret-token"


class Reader(HTMLParser):
    """Reads a page as a browser does: its text, and what it would load or run."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.text, self.tags, self.references = "", set[str](), list[str]()
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [name for name, _ in attrs if name in ("src", "href", "style") or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IncidentController:
    monkeypatch.setenv("PGPASSWORD", SECRET)
    (tmp_path / "runbook.yaml").write_text(RUNBOOK)
    return IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="lovelace@bastion-3")


def confirm_for_people_outside(controller: IncidentController, text: str) -> None:
    """The event that a confirmed message makes, without a process that sends the message."""
    body = {"channel": "press", "role": "", "message": text, "audience": "outside", "receivers": [], "for": 1}
    controller.session.append(EventKind.MESSAGE_QUEUED, body)


def page_of(controller: IncidentController, audience: Audience) -> str:
    session = controller.session
    source = PageSource(session.runbook, session.incident, session.events, session.secrets, controller.next_update_due)
    return status_page(source, audience)


def test_page_for_the_team_has_everything_and_nothing_that_a_browser_would_run(controller: IncidentController) -> None:
    controller.note(f"<script>alert(1)</script> \x1b[31m \u202e {SECRET}")
    controller.skip("look", "</style><img src=x onerror=alert(1)>")
    page = page_of(controller, Audience.INTERNAL)
    read = Reader(page)
    assert not read.tags & {"script", "img", "link", "iframe", "a"}
    assert read.references == []
    assert SECRET not in page
    assert not {"\x1b", "\u202e"} & {*page}
    for words in ("Orders fail on db7", "SEV-1", "Look & see", "1 of 2", "lovelace@bastion-3", "<script>alert(1)"):
        assert words in read.text
    assert read.text.index("skipped") < read.text.index("Declared: ")
    assert 'http-equiv="refresh"' in page
    controller.abandon("a test")
    closed = page_of(controller, Audience.INTERNAL)
    assert 'http-equiv="refresh"' not in closed
    assert "No incident" in closed


def test_page_for_people_outside_has_confirmed_texts_and_no_host_user_step_or_output(
    controller: IncidentController,
) -> None:
    controller.note("an inside note")
    controller.update("an inside update")
    confirm_for_people_outside(
        controller,
        "At 02:14:07 orders <stopped> on db7.example.org (10.0.0.7, fe80::1:2:3), arp_owner is locked.\n"
        "Ask oncall@example.org; the backup is safe, as grace_h7 says",
    )
    by = Identity("grace_h7", 1 << 20, None, 1)
    plan = controller.plan("look")
    asked = {"step": "look", "plan": plan.to_json(), "digest": plan.digest, "by": by.to_json()}
    controller.session.append(EventKind.APPROVAL_ASKED, asked)
    page = page_of(controller, Audience.EXTERNAL)
    read = Reader(page)
    assert "Orders fail on [withheld]" in read.text
    assert "At 02:14:07 orders <stopped> on [withheld] ([withheld], [withheld]), [withheld] is locked." in read.text
    assert "Ask [withheld]; the backup is safe, as [withheld] says" in read.text
    hidden = (
        "lovelace",
        "bastion",
        "db7",
        "arp_owner",
        "10.0.0.7",
        "oncall",
        "inside note",
        "inside update",
        "Look",
        "INC-",
        "event",
    )
    assert [name for name in hidden if name in page] == []
    assert "Being worked on" in page or "Under investigation" in page


def test_page_is_current_after_each_event_whole_and_readable_whatever_the_umask_is(
    controller: IncidentController, tmp_path: Path
) -> None:
    folder = tmp_path / "web/status"
    page = folder / "index.html"
    former = os.umask(0o077)
    try:
        prepare_folder(folder, Audience.INTERNAL)
        writer = StatusPageWriter(controller.session, folder, Audience.INTERNAL)
        with writer.keeping_current():
            wait_for(page.exists, "the first page")
            for number in range(5):
                controller.note(f"note {number}")
                wait_for(lambda number=number: f"note {number}" in page.read_text(), "the page of this event")
            folder.rename(tmp_path / "away")  # the incident goes on without its page, and the page comes back
            controller.note("into nothing")
            wait_for(lambda: writer.problem, "the problem")
            folder.mkdir(mode=0o755)
            controller.note("there again")
            wait_for(lambda: page.exists() and "there again" in page.read_text(), "the page that came back")
            controller.leave()
    finally:
        os.umask(former)
    assert "nobody" in Reader(page.read_text()).text  # the last page is of after the last event
    assert writer.problem == ""
    assert [path.name for path in folder.iterdir()] == ["index.html"]
    assert stat.S_IMODE(page.stat().st_mode) == 0o644
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o755
    assert controller.session.watchers == []


@needs_root
def test_folder_that_cannot_have_the_page_is_refused_before_anything_is_declared(
    tmp_path: Path, reachable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runbook.yaml").write_text(RUNBOOK)
    (tmp_path / "answers.yaml").write_text("{}\n")
    command = ["run", str(tmp_path / "runbook.yaml"), "--headless", "--answers", str(tmp_path / "answers.yaml")]
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "index.html").write_text("<h1>The home page of the site</h1>")
    assert main([*command, "--status-page", str(foreign)]) == 2
    assert "is no page of Midwatch" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main([*command, "--status-page", str(tmp_path / "file")]) == 2
    assert "status page cannot be written" in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()

    def refused() -> str:
        with pytest.raises(BadInput) as caught:
            prepare_folder(reachable, Audience.EXTERNAL)
        return str(caught.value)

    assert "may not write" in run_as(MALLORY, refused)


def test_headless_run_keeps_its_page_and_another_audience_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runbook.yaml").write_text(RUNBOOK)
    (tmp_path / "answers.yaml").write_text("default_manual: {note: done}\n")
    command = ["run", str(tmp_path / "runbook.yaml"), "--headless", "--answers", str(tmp_path / "answers.yaml")]
    web = tmp_path / "web"
    assert main([*command, "--status-page", str(web), "--status-audience", "internal"]) == 1
    read = Reader((web / "index.html").read_text())
    assert "exit 3" in read.text
    assert "Driver nobody" in " ".join(read.text.split())
    assert main([*command, "--resume", "--status-page", str(web)]) == 2
    assert "no page of Midwatch for people outside" in capsys.readouterr().err
    assert main([*command, "--resume", "--status-page", str(tmp_path / "press")]) == 1
    assert "output-of-a-step" not in (tmp_path / "press/index.html").read_text()
