"""Messages by channels in an incident: who is told of what, and what the journal says became of it."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from midwatch.engine.annotations import AUTOMATIC, Annotations
from midwatch.engine.control import this_process
from midwatch.engine.incident_controller import IncidentController
from midwatch.engine.message_requests import MessageRequests
from midwatch.engine.messages import Messages
from midwatch.incident.events import EventKind
from midwatch.outbox.store import Delivery, DeliveryState, OutboxStore
from midwatch.reports.event_text import describe
from midwatch.reports.known_deliveries import known_deliveries
from midwatch.reports.timeline import timeline
from midwatch.runbook.loader import load
from midwatch.runbook.severity import Severity
from midwatch.system.errors import BadInput, Refused
from midwatch.system.identity import Identity
from midwatch.system.trusted_files import read_trusted
from tests.support.clocks import AheadClock
from tests.support.receivers import dies, is_silent, receiver, replies
from tests.support.users import ALICE, MALLORY, ONCALL, needs_root, run_as
from tests.support.waiting import wait_for

RUNBOOK = """\
midwatch: 1
id: told
title: Told
severity: SEV-2
environment: ENVIRONMENT
roles:
  lead: {name: Tech Lead, notify_on: [declaration, severity]}
  boss: {name: The boss}
  audit: {name: Audit}
channels:
  incident: {kind: webhook, url: "URL"}
  lead: {kind: file, path: lead.jsonl}
  boss: {kind: webhook, url: {variable: BOSS_URL}, authorization: {file: boss-token}}
  press: {kind: file, path: press.jsonl, outside: true}
phases:
  - title: Work
    steps:
      - {id: tell, title: Tell them, notify: [boss, audit]}
"""


@pytest.fixture(autouse=True)
def _ended(tmp_path: Path) -> Iterator[None]:
    """A delivery process ends with its outbox: else it would try a receiver that is gone for a day."""
    yield

    def are_gone() -> bool:  # again and again: the process may write meanwhile
        for outbox in tmp_path.glob("logs/incidents/*/outbox"):
            shutil.rmtree(outbox, ignore_errors=True)
        return not any(tmp_path.glob("logs/incidents/*/outbox"))

    wait_for(are_gone, "the end of the outbox")


def declared(folder: Path, url: str = "http://127.0.0.1:9", environment: str = "production") -> IncidentController:
    text = RUNBOOK.replace('URL"', f'{url}"', 1).replace("ENVIRONMENT", environment)
    (folder / "runbook.yaml").write_text(text, encoding="utf-8")
    return IncidentController.declare(load(folder / "runbook.yaml"), actor="ada")


def followed(controller: IncidentController, states: set[DeliveryState]) -> None:
    """Wait until every message stands in one of these states in the journal."""

    def reached() -> bool:
        controller.poll()
        deliveries = controller.incident.deliveries.values()
        return bool(deliveries) and {delivery.state for delivery in deliveries} <= states

    wait_for(reached, "the fate of every message")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_incident_tells_by_channels_and_the_journal_has_every_fate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "boss-token"
    token.write_text("Bearer Zq81-very-secret-token\n", encoding="utf-8")
    token.chmod(0o600)
    with receiver() as incident, receiver(replies(404, "gone: Bearer Zq81-very-secret-token \x1b[31m")) as boss:
        monkeypatch.setenv("BOSS_URL", boss.url)
        controller = declared(tmp_path, incident.url)
        controller.update("All is well, password=Zq81-very-secret-token")
        controller.mark_done("tell", note="Please read")
        with pytest.raises(Refused, match="outside the team"):
            controller.composer.send("press", "We are sorry")
        controller.composer.send("press", "We are sorry", confirmed=True)
        with pytest.raises(BadInput, match="no channel 'prss'"):
            controller.composer.send("prss", "?")
        followed(controller, {DeliveryState.ACCEPTED, DeliveryState.REFUSED})
        assert [request.headers["Authorization"] for request in boss.requests] == ["Bearer Zq81-very-secret-token"]
        assert len(set(incident.texts)) == len(incident.texts) == 2
        assert "secret-token" not in str(incident.texts)
    assert [line["text"] for line in lines(tmp_path / "lead.jsonl")] == ["Incident declared by ada: Told, SEV-2."]
    assert [line["text"] for line in lines(tmp_path / "press.jsonl")] == ["We are sorry"]
    told = [event.body["role"] for event in controller.events if event.kind == EventKind.NOTIFICATION_RECORDED]
    assert told == ["audit"]  # no channel tells this role, so a person's word counts
    (refused,) = [event.body for event in controller.events if event.kind == EventKind.MESSAGE_REFUSED]
    assert refused["role"] == "boss"
    assert refused["detail"].startswith("HTTP 404: gone: ")
    assert "secret-token" not in str(refused)
    assert "\x1b" not in str(refused)
    assert list(controller.incident.to_notify) == ["boss"]
    assert [delivery.receiver for delivery in controller.incident.undelivered] == ["webhook ($BOSS_URL)"]
    shown = timeline(controller.runbook, controller.events, controller.folder)
    assert "refused" in shown
    assert "accepted" in shown
    assert "secret-token" not in controller.folder.journal.read_text(encoding="utf-8")
    controller.decide_message(refused["delivery"], retry=False, reason="told by phone")
    assert not controller.incident.undelivered
    controller.close(reason="done")
    assert [line["text"] for line in lines(tmp_path / "lead.jsonl")][1:] == []


@pytest.mark.slow
def test_channel_that_is_down_holds_nothing_up_and_its_fate_stands_in_the_outbox(tmp_path: Path) -> None:
    with receiver(replies(503, "down")) as down:
        controller = declared(tmp_path, down.url)
        controller.skip("tell", "nobody there")
        wait_for(lambda: down.requests, "the first try")
        controller.close(reason="done")
        assert not controller.incident.open
        store = OutboxStore(controller.folder.outbox)
        wait_for(lambda: any("503" in delivery.detail for delivery in store.own()), "the answer")
        waiting = [delivery for delivery in store.own() if not delivery.state.concluded]
        assert len(waiting) == 2  # the declaration and the closure
        down.answers[:] = [replies(200)]
        wait_for(lambda: all(delivery.state.concluded for delivery in store.own()), "the delivery after closure")
    assert {delivery.state for delivery in store.own()} == {DeliveryState.ACCEPTED}


def test_rehearsal_reaches_nobody_and_says_so_in_each_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as trap:
        monkeypatch.setenv("BOSS_URL", trap.url)
        controller = declared(tmp_path, trap.url, "rehearsal")
        controller.update("Only a drill")
        controller.mark_done("tell", note="Please read")
        controller.composer.send("press", "We are sorry", confirmed=True)
        followed(controller, {DeliveryState.ACCEPTED})
        assert not trap.requests
    assert not list(tmp_path.glob("*.jsonl"))
    sent = lines(controller.folder.outbox / "rehearsal.jsonl")
    assert len(sent) == 5
    assert all(str(line["subject"]).startswith("REHEARSAL, not real: ") for line in sent)
    assert trap.url not in "".join(path.read_text(encoding="utf-8") for path in controller.folder.outbox.glob("*.json"))
    shown = timeline(controller.runbook, controller.events, controller.folder)
    assert shown.count("rehearsal: nobody gets it") == 5
    controller.leave()


def test_an_outbox_that_cannot_be_written_holds_nothing_up_and_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as server, monkeypatch.context() as full:

        def fails(store: OutboxStore, delivery: Delivery, users: frozenset[int]) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(OutboxStore, "add", fails)
        controller = declared(tmp_path, server.url)
        controller.update("All is well")
        controller.poll()
        assert len(controller.incident.undelivered) == 3
        assert not controller.incident.undelivered[0].is_late(controller.clock.now())
        assert controller.incident.undelivered[0].is_late(controller.clock.now() + timedelta(minutes=1))
        full.undo()
        folder, rows = controller.folder, [delivery.id for delivery in controller.incident.undelivered]
        controller.leave()
        controller = IncidentController.resume(folder, actor="ben", reason="ada left", own=controller.runbook)
        followed(controller, {DeliveryState.ACCEPTED})
        assert list(controller.incident.deliveries) == rows  # nothing was queued twice
        assert len(server.requests) == 2
        controller.leave()


def test_a_failed_step_tells_its_roles_and_nothing_of_its_output(tmp_path: Path) -> None:
    (tmp_path / "runbook.yaml").write_text(FAILING, encoding="utf-8")
    controller = IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="ada")
    controller.start("work", controller.plan("work"))
    followed(controller, {DeliveryState.ACCEPTED})
    (line,) = lines(tmp_path / "boss.jsonl")
    assert line["text"] == "Step 1.1 Work: failed, exit 7."
    assert controller.incident.to_notify == {}
    controller.leave()


FAILING = """\
midwatch: 1
id: failing
title: Failing
severity: SEV-2
roles: {boss: {name: The boss}}
channels: {boss: {kind: file, path: boss.jsonl}}
phases:
  - title: Work
    steps:
      - {id: work, title: Work, run: "echo customer data; exit 7", risk: observe, on_failure: {notify: [boss]}}
"""


def test_an_approval_and_a_severity_tell_whom_the_runbook_names(tmp_path: Path) -> None:
    (tmp_path / "runbook.yaml").write_text(APPROVED, encoding="utf-8")
    controller = IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="ada")
    controller.set_severity(Severity.SEV1, "worse than it seemed")
    controller.request_approval("work", controller.plan("work"))
    followed(controller, {DeliveryState.ACCEPTED})
    texts = [str(line["text"]) for line in lines(tmp_path / "second.jsonl")]
    assert texts[0] == "Severity changed from SEV-2 to SEV-1: worse than it seemed"
    assert texts[1].endswith(f"approve it with: midwatch approve {controller.incident.id} work")
    assert lines(tmp_path / "second.jsonl")[1]["urgent"] is True
    controller.leave()


APPROVED = """\
midwatch: 1
id: approved
title: Approved
severity: SEV-2
roles: {second: {name: The second person, notify_on: [severity, approval]}}
channels: {second: {kind: file, path: second.jsonl}}
phases:
  - {title: Work, steps: [{id: work, title: Work, run: touch x, risk: change, requires_approval: true}]}
"""


@needs_root
def test_what_another_user_queued_is_sent_anew_by_whoever_decides_so(tmp_path: Path) -> None:
    with receiver(replies(404), replies(200)) as server:
        controller = declared(tmp_path, server.url)
        followed(controller, {DeliveryState.ACCEPTED, DeliveryState.REFUSED})
        (refused,) = controller.incident.undelivered
        path = controller.folder.outbox / f"{refused.id}.json"
        controller.session.append(EventKind.DRIVER_JOINED, {**this_process(), "uid": ALICE})
        os.chown(path, ALICE, -1)
        controller.decide_message(refused.id, retry=True, reason="the channel is back")
        followed(controller, {DeliveryState.ACCEPTED})
        assert path.stat().st_uid == os.geteuid()
        assert len(server.requests) == 2
        controller.leave()


PAGED = """\
midwatch: 1
id: paged
title: Paged
severity: SEV-1
channels:
  incident: [{kind: pagerduty, key: {variable: PD_KEY}, url: "URL"}, {kind: file, path: said.jsonl}]
phases:
  - {title: Work, steps: [{id: ack, title: Acknowledge, marks: acknowledged}]}
"""


@pytest.mark.slow
def test_a_pager_is_triggered_acknowledged_and_resolved_with_the_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PD_KEY", "R0123456789ABCDEFGHIJKLMNOPQRSTU")
    with receiver(replies(202, '{"status": "success"}'), dies, replies(202, '{"status": "success"}')) as pager:
        (tmp_path / "runbook.yaml").write_text(PAGED.replace("URL", pager.url), encoding="utf-8")
        controller = IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="ada")
        controller.mark_done("ack")
        controller.close(reason="done")
        wait_for(lambda: len(pager.requests) == 4, "the end")  # a lost answer is no reason to ask here
    pages = [request.body for request in pager.requests]
    assert [page["event_action"] for page in pages] == ["trigger", "acknowledge", "acknowledge", "resolve"]
    assert {page["dedup_key"] for page in pages} == {f"midwatch/{controller.incident.id}"}
    assert "R0123456789ABCDEF" not in controller.folder.journal.read_text(encoding="utf-8")
    texts = [str(line["text"]) for line in lines(tmp_path / "said.jsonl")]
    assert texts == ["Incident declared by ada: Paged, SEV-1.", "The incident is closed: done"]
    events = controller.events
    (end,) = [event.seq for event in events if event.kind == EventKind.CLOSED]
    assert [event.body["event"] for event in events if event.kind == EventKind.MESSAGE_QUEUED][-2:] == [end, end]


def test_a_text_of_any_length_and_any_signs_is_sent_clean_and_cut(tmp_path: Path) -> None:
    with receiver() as server:
        controller = declared(tmp_path, server.url)
        controller.update("\x1b]0;title\x07" + "\U0001f525\u202e" * 2_500)
        controller.update("x" * 30_000)
        with pytest.raises(Refused, match="12,000 are the most"):
            controller.composer.send("boss", "x" * 12_001)
        followed(controller, {DeliveryState.ACCEPTED})
        assert len(server.requests) == 3
        assert all(len(text) <= 12_000 for text in server.texts)
        assert server.texts[2].endswith("x…")
        assert not {"\x1b", "\u202e"} & set("".join(server.texts))
        controller.leave()


@pytest.mark.slow
def test_a_killed_delivery_process_is_started_anew_and_leaves_no_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    with receiver(is_silent(released), replies(200)) as server:
        controller = declared(tmp_path, server.url)
        wait_for(lambda: server.requests, "the first message")
        controller.update("All is well")
        folder = str(controller.folder.outbox.absolute())
        (running,) = [
            process for process in psutil.process_iter(["cmdline"]) if (process.info["cmdline"] or [""])[-1] == folder
        ]
        assert "midwatch.outbox" in running.info["cmdline"]
        assert os.getsid(running.pid) == running.pid  # no hang-up of this terminal reaches it
        running.kill()
        followed(controller, {DeliveryState.ACCEPTED, DeliveryState.UNSURE})
        released.set()
        assert server.texts == ["Incident declared by ada: Told, SEV-2.", "All is well"]
        (unsure,) = controller.incident.undelivered
        assert unsure.text == "Incident declared by ada: Told, SEV-2."
        assert "ended before there was an answer" in unsure.detail
        controller.leave()


def test_nobody_else_sends_or_decides_through_the_driver(tmp_path: Path) -> None:
    controller = declared(tmp_path)
    session = controller.session
    requests = MessageRequests(session, Messages(session), Annotations(session))
    other = dataclasses.replace(Identity.current(), uid=MALLORY, name="mallory")
    events = len(controller.events)
    for message in (
        {"op": "update", "text": "All is lost"},
        {"op": "send-message", "channel": "press", "text": "All is lost", "confirmed": True},
        {"op": "decide-message", "delivery": "3.1", "retry": False, "reason": "no"},
    ):
        with pytest.raises(Refused, match="only they send messages"):
            requests.handlers[str(message["op"])](other, message)
    with pytest.raises(Refused, match="outside the team"):
        requests.handlers["send-message"](Identity.current(), {"channel": "press", "text": "Sorry", "confirmed": "yes"})
    assert len(controller.events) == events
    controller.leave()


@needs_root
def test_a_member_of_the_group_cannot_say_that_a_message_was_accepted(reachable: Path) -> None:
    for folder in (reachable / "logs", reachable / "logs/incidents"):
        folder.mkdir()
        os.chown(folder, 0, ONCALL)
        folder.chmod(0o2770)
    with receiver(replies(404)) as server:
        controller = declared(reachable, server.url)
        outbox, queued_next = controller.folder.outbox, len(controller.events) + 2
        followed(controller, {DeliveryState.ACCEPTED, DeliveryState.REFUSED})
        (refused,) = controller.incident.undelivered
        stored = json.loads((outbox / f"{refused.id}.json").read_text(encoding="utf-8"))

        def forge() -> None:
            for delivery in (refused.id, f"{queued_next}.1", f"{queued_next + 1}.1", f"{queued_next + 2}.1"):
                forged = {**stored, "state": "accepted", "message": {**stored["message"], "id": delivery}}
                (outbox / "forged").write_text(json.dumps(forged), encoding="utf-8")
                (outbox / "forged").chmod(0o1660)
                (outbox / "forged").rename(outbox / f"{delivery}.json")
            (outbox / f"{queued_next + 3}.1.json" / "in the way").mkdir(parents=True)

        run_as(MALLORY, forge, groups=[ONCALL])
        controller.update("All is well")
        followed(controller, {DeliveryState.ACCEPTED, DeliveryState.REFUSED})
        assert server.texts == ["Incident declared by ada: Told, SEV-2.", "All is well"]
        assert [delivery.state for delivery in controller.incident.undelivered] == [DeliveryState.REFUSED] * 2
        shown = known_deliveries(controller.incident, outbox)
        assert [delivery.state for delivery in shown if delivery.undelivered] == [DeliveryState.REFUSED] * 2
        controller.leave()


def test_poll_reads_only_what_was_replaced_in_the_outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(replies(503)) as down:
        controller = declared(tmp_path, down.url)
        for number in range(20):
            controller.update(f"Update {number}")
        store = OutboxStore(controller.folder.outbox)
        wait_for(lambda: sum(bool(item.tries) for item in store.own()) == 2, "the first try of two receivers")
        controller.poll()
        read: list[str] = []

        def counted(path: Path, *arguments: object, **options: object) -> bytes:
            read.append(path.name)
            return read_trusted(path, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr("midwatch.outbox.store.read_trusted", counted)
        for _ in range(200):
            controller.poll()
        assert len(read) < 60  # each of 22 files about once, and again what the delivery process replaced meanwhile
        controller.leave()


COMPOSED = """\
midwatch: 1
id: composed
title: Composed
severity: SEV-2
comms: {channel: "#inc", update_every: 15 min, automatic_updates: true}
channels:
  incident: {kind: file, path: said.jsonl}
phases: [{title: Work, steps: [{id: look, title: Look}]}]
"""


def test_an_overdue_update_is_sent_without_a_person_only_where_the_runbook_says_so(tmp_path: Path) -> None:
    for case, text in {
        "automatic": COMPOSED,
        "by hand": COMPOSED.replace("automatic_updates: true", "automatic_updates: false"),
        "nobody takes it": COMPOSED.replace("  incident: {kind", "  press: {kind"),
    }.items():
        (tmp_path / case).mkdir()
        (tmp_path / case / "runbook.yaml").write_text(text, encoding="utf-8")
        clock = AheadClock()
        controller = IncidentController.declare(load(tmp_path / case / "runbook.yaml"), actor="ada", clock=clock)
        controller.poll()
        assert controller.updates_overdue == 0
        clock.ahead = timedelta(minutes=46)
        assert controller.updates_overdue == 3
        controller.poll()
        controller.poll()
        sent = [event for event in controller.events if event.kind == EventKind.UPDATE]
        assert (len(sent), controller.updates_overdue) == ((1, 0) if case == "automatic" else (0, 3)), case
        assert not sent or describe(sent[0], controller.runbook).startswith("Automatic status update to #inc: SEV-2")
        assert not sent or str(sent[0].body["message"]).endswith(AUTOMATIC)
        controller.leave()


def test_a_member_who_does_not_drive_sends_updates_through_the_driver_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "runbook.yaml").write_text(COMPOSED, encoding="utf-8")
    controller = IncidentController.declare(load(tmp_path / "runbook.yaml"), actor="ada")
    session = controller.session
    handlers = MessageRequests(session, Messages(session), Annotations(session)).handlers
    ben = dataclasses.replace(Identity.current(), uid=ALICE, login=None, name="ben")
    message = {"channel": "incident", "text": "The mount is back", "confirmed": True}
    with pytest.raises(Refused, match="only they send messages"):
        handlers["update"](ben, message)  # nobody else may enter the folder
    controller.folder.path.chmod(0o2770)
    handlers["update"](ben, message)
    with pytest.raises(Refused, match="only they send messages"):
        handlers["send-message"](ben, message)
    followed(controller, {DeliveryState.ACCEPTED})
    assert [line["text"] for line in lines(tmp_path / "said.jsonl")][1:] == ["The mount is back"]
    assert controller.incident.notes[-1].actor == "ben"
    assert "| Status update by ben to #inc: The mount is back |" in timeline(
        controller.runbook, controller.events, controller.folder
    )
    for _ in range(3):
        handlers["update"](ben, message)
    with pytest.raises(Refused, match="several status updates"):
        handlers["update"](ben, message)
    controller.leave()
