"""The timeline and the post-mortem of a small night, to the byte, and against whatever the night may say."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from midwatch.api.plan import Plan
from midwatch.api.probe import Level, Reading, Row
from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.step_state import Attempt
from midwatch.reports.markdown import sentence
from midwatch.reports.metric_changes import metric_changes
from midwatch.reports.post_mortem import missing_sections, post_mortem
from midwatch.reports.sections import REQUIRED, TO_WRITE
from midwatch.reports.timeline import timeline
from midwatch.runbook.contacts import Comms
from midwatch.runbook.model import Phase, Risk, Step, StepKind
from tests.reports import night
from tests.support.examples import examples
from tests.support.markdown_shape import WORDS, shape

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent / "golden"
DRAWS = settings(max_examples=examples(25))


@pytest.fixture
def told() -> list[Event]:
    return night.events()


@pytest.fixture
def folder(tmp_path: Path, told: list[Event]) -> IncidentFolder:
    return night.journal(tmp_path, told)


@pytest.mark.parametrize(("name", "export"), [("timeline.md", timeline), ("post-mortem.md", post_mortem)])
def test_export_of_the_night_is_the_golden_to_the_byte(
    name: str, export: object, told: list[Event], folder: IncidentFolder
) -> None:
    assert callable(export)
    found = export(night.runbook(), told, folder)
    if os.environ.get("WRITE_GOLDEN"):
        (GOLDEN / name).write_text(found, encoding="utf-8")
    assert found == (GOLDEN / name).read_text(encoding="utf-8")
    assert export(night.runbook(), list(told), folder) == found


def test_export_says_each_thing_once_and_as_it_was_meant(told: list[Event], folder: IncidentFolder) -> None:
    runbook = night.runbook()
    steps = [step for phase in runbook.phases for step in phase.steps]
    scripts = [step for step in steps if step.kind is StepKind.RUN or step.kind is StepKind.USES]
    role = next(iter(runbook.roles))
    own = next(step for step in steps if step.kind is StepKind.MANUAL)

    def changed(step: Step) -> Step:
        if step is scripts[0]:
            return replace(step, deviation="`df` follows links.", original_command="")
        if step is scripts[1]:
            return replace(step, deviation="Not so.", original_command="cat <<-'EOF'\n\tone\n\tEOF\n")
        return replace(step, notify=(role,)) if step is own else step

    phases = tuple(replace(phase, steps=tuple(map(changed, phase.steps))) for phase in runbook.phases)
    said, note = [], "asked `ops`\nto look"
    for event in told:
        body = dict(event.body)
        if event.kind == EventKind.FINISHED and body["outcome"] == "failed":
            body |= {"outcome": "timed out", "exit": -2}
        if event.kind == EventKind.MARKED_DONE and body["step"] == own.id:
            body |= {"note": note}
        if event.kind == EventKind.NOTIFICATION_RECORDED:
            body |= {"role": role, "message": note}
        said.append(replace(event, body=body))
    done = next(event.seq for event in said if event.body.get("note") == note)
    found = timeline(replace(runbook, phases=phases), said, folder)
    assert "⏎" not in found
    assert "exit -2" not in found
    assert "**timed out**" in found
    assert "- `df` follows links." in found
    assert "    The plan's own command is" not in found
    assert "  cat <<-'EOF'\n  \tone\n  \tEOF\n" in found
    assert found.partition("## Step by step")[0].count("asked `ops` to look") == 1
    assert f"in the words of event {done}" in found


def test_timeline_has_what_a_post_mortem_asks_for(told: list[Event], folder: IncidentFolder) -> None:
    found = timeline(night.runbook(), told, folder)
    for part in (
        "SEV-1; then SEV-0 at 02:04:06",
        "Attempt 1, 2026-11-23 02:03:59 to 02:04:05 UTC, 4.8 s, ada@bastion: **failed**, exit 7. rm: permission denied",
        "Attempt 2, 2026-11-23 02:04:46 to 02:06:21 UTC, 1 min 35 s, ada@bastion: **done**",
        "disk /backups 96 % → 71 %",
        "disk /backups 96 % → unknown (no answer within 15 s)",
        "**skipped**. No need",
        "02:04:00 (written 02:04:16)",
        "| Time to detect | began | detected | 10 min |",
        "| Which ticket or page is it | OPS-4711 |",
        "| seen | a red line and more |",
        "| Events | 36 |",
        "| Chain | whole |",
    ):
        assert part in found


@pytest.mark.parametrize(
    ("time", "timezone", "detect"),
    [
        ("2026-11-23T01:50:07Z", "Europe/Berlin", "10 min"),
        ("2026-11-23 01:50:07 UTC", "", "10 min"),
        ("2026-11-23 02:50:07", "Europe/Berlin", "10 min"),
        ("2026-11-23 02:50:07,123", "Europe/Berlin", "10 min"),
        ("2026-11-22T20:50:07", "America/New_York", "10 min"),
        ("2026-11-23 01:50:07", "", "not known: no evidence of a trigger tells its time with a time zone"),
        ("2026-13-99 01:50:07", "UTC", "not known: no evidence of a trigger tells its time with a time zone"),
    ],
)
def test_time_to_detect_takes_the_zone_of_the_line_or_else_of_its_trigger(
    time: str, timezone: str, detect: str, told: list[Event], folder: IncidentFolder
) -> None:
    book = night.runbook()
    book = replace(book, triggers=(replace(book.triggers[0], timezone=timezone),))
    told = [
        replace(
            event,
            body={**event.body, "values": {**event.body["values"], "evidence": f"backup.log:9: {time} [FAILURE]"}},
        )
        if "evidence" in event.body.get("values", {})
        else event
        for event in told
    ]
    assert f"| Time to detect | began | detected | {detect} |" in timeline(book, told, folder)


@DRAWS
@given(word=WORDS.filter(lambda word: word.strip() != ""))
def test_foreign_text_never_changes_the_shape_of_an_export(word: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    word = " ".join(word.replace(";", ",").split())  # the follow-ups are a line each, by design
    assume("code_inline" not in shape(sentence(f"{word} {word}")))  # nor is code between the backticks of a person
    shapes = []
    for texts in (" y", f" {word}"):
        events = night.events(texts)
        folder = night.journal(tmp_path_factory.mktemp("night"), events)
        shapes.append(
            (
                shape(timeline(night.runbook(texts), events, folder)),
                shape(post_mortem(night.runbook(texts), events, folder)),
            )
        )
    assert shapes[0] == shapes[1]


@DRAWS
@given(count=st.integers(1, 36))
def test_export_is_possible_at_every_moment(count: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    events = night.events()[:count]
    folder = night.journal(tmp_path_factory.mktemp("night"), events)
    assert f"| Events | {count} |" in timeline(night.runbook(), events, folder)
    assert "| Chain | whole |" in timeline(night.runbook(), events, folder)
    assert missing_sections(post_mortem(night.runbook(), events, folder)) == (
        [] if count >= 29 else _missing_before_the_answers()
    )


def _missing_before_the_answers() -> list[str]:
    return ["Impact", "Root cause: 5 Whys", "Fixes", "Preventive controls", "Action items"]


def test_driver_that_was_killed_is_told_from_one_that_left(tmp_path: Path) -> None:
    events = night.events()
    joined = events[1]
    for seq, actor in ((25, "bob@bastion"), (34, "carol@bastion")):
        old = events[seq - 1]
        events[seq - 1] = Event(seq, old.time, old.mono, old.boot, actor, EventKind.DRIVER_JOINED, joined.body)
    found = timeline(night.runbook(), events[:-1], night.journal(tmp_path, events[:-1]))
    assert (
        "ada@bastion from 02:00:07 and was lost; bob@bastion from 02:06:36 and was lost; carol@bastion from 02:23:06 on"
        in found
    )


def test_journal_that_was_changed_is_said_to_be(told: list[Event], folder: IncidentFolder) -> None:
    folder.journal.write_bytes(folder.journal.read_bytes().replace(b"permission denied", b"permission granted"))
    assert "NOT whole: event 15 was changed" in timeline(night.runbook(), told, folder)
    folder.journal.unlink()
    assert "| Chain | could not be checked: There is no journal" in timeline(night.runbook(), told, folder)


def test_durations_come_from_the_boot_clock(tmp_path: Path) -> None:
    """The clock is set forward by an hour in the middle; nothing took longer for that."""
    events = night.events()
    late = [
        Event(e.seq, e.time.replace(hour=3) if e.seq > 20 else e.time, e.mono, e.boot, e.actor, e.kind, e.body)
        for e in events
    ]
    found = timeline(night.runbook(), late, night.journal(tmp_path, late))
    assert "| Duration | 23 min 1 s |" in found
    rebooted = [_booted_again(e) if e.seq > 20 else e for e in events]
    (tmp_path / "2").mkdir()
    assert "| Duration | 23 min 1 s |" in timeline(night.runbook(), rebooted, night.journal(tmp_path / "2", rebooted))


def _booted_again(event: Event) -> Event:
    return Event(event.seq, event.time, event.mono - 4000, "boot-2", event.actor, event.kind, event.body)


def test_complete_draft_misses_nothing_and_each_empty_section_is_named(
    told: list[Event], folder: IncidentFolder
) -> None:
    found = post_mortem(night.runbook(), told, folder)
    assert missing_sections(found) == []
    for section in REQUIRED:
        begin = found.index(f"## {section}\n")
        end = found.index("\n## ", begin)
        head = f"## {section}\n"
        assert missing_sections(found[:begin] + found[end + 1 :]) == [section]
        assert missing_sections(found[:begin] + head + "\n<!-- later -->\n" + found[end:]) == [section]
        assert missing_sections(found[:begin] + head + f"\nSomething\n\n{TO_WRITE}\n" + found[end:]) == [section]
        assert missing_sections(found[:begin] + head.upper() + "\nSomething\n" + found[end:]) == []
    assert missing_sections("") == list(REQUIRED)


def test_draft_names_who_judged_a_plan_and_boasts_of_nothing(tmp_path: Path) -> None:
    """Who approved took part; a draft is no fix of its own; updates that nobody sent were not in time."""
    told = night.events()
    runbook = replace(night.runbook(), comms=Comms("#inc", 86400.0))
    draft = Step("draft", "4.4", "Write the draft", StepKind.USES, Risk.CHANGE, night.HERE, uses="write-post-mortem")
    last = replace(runbook.phases[-1], steps=(*runbook.phases[-1].steps, draft))
    runbook = replace(runbook, phases=(*runbook.phases[:-1], last))
    bob = {"name": "bob", "uid": 1002, "login": 1002, "pid": 9, "seen": True}
    plan = Plan("x", {}, ())
    more: list[tuple[str, dict[str, Any]]] = [
        ("approval.given", {"step": "clean", "asked": 1, "digest": "ab" * 32, "by": bob}),
        (
            "step.confirmed",
            {"step": "draft", "attempt": 1, "plan": plan.to_json(), "digest": plan.digest, "reason": ""},
        ),
        (
            "step.started",
            {"step": "draft", "attempt": 1, "command": "midwatch action write-post-mortem", "supervisor": {"pid": 7}},
        ),
        (
            "step.finished",
            {**told[4].body, "step": "draft", "attempt": 1, "summary": "Drafted", "notify": [], "values": {}},
        ),
    ]
    del told[-2:]
    for kind, body in more:
        told.append(replace(told[-1], seq=len(told) + 1, kind=kind, body=body))
    folder = night.journal(tmp_path, told)
    found = post_mortem(runbook, told, folder)
    assert "- bob, approved 3.3 Clean up" in found
    assert "4.4 Write the draft:" not in found.split("## Fixes")[1].split("##")[0]
    assert "No status update was later than" in found
    silent = [event for event in told if event.kind != EventKind.UPDATE]
    assert "No status update was later" not in post_mortem(runbook, silent, folder)


def test_draft_takes_what_is_abnormal_for_a_factor_and_asks_for_an_action_on_a_damaged_set(tmp_path: Path) -> None:
    """A clean-up with nothing to do is no fix; ordinary figures, and what two steps found, are no factors."""
    told, begun = night.events()[:-2], night.events()
    kinds: list[tuple[str, str, Risk, dict[str, str]]] = [
        ("sums", "verify-checksums", Risk.OBSERVE, {"sets": "2", "invalid": "20261120"}),
        ("logs", "diagnose-logs", Risk.OBSERVE, {"failures": "0"}),
        ("disk", "diagnose-disk", Risk.OBSERVE, {"percent": "96.0", "deleted_open": "0"}),
        ("inner", "diagnose-disk", Risk.OBSERVE, {"percent": "96.0"}),
        ("docker", "clean-docker", Risk.DESTROY, {"freed": "0"}),
    ]
    steps = tuple(
        Step(name, f"5.{n}", name, StepKind.USES, risk, night.HERE, uses=uses)
        for n, (name, uses, risk, _) in enumerate(kinds, start=1)
    )
    runbook = replace(night.runbook(), phases=(*night.runbook().phases, Phase("more", "More", "5", steps)))
    plan = Plan("x", {}, ())
    for name, _, _, values in kinds:
        summary = "the disk is full" if name == "inner" else f"the {name} is full"
        bodies: list[tuple[str, dict[str, Any]]] = [
            ("step.confirmed", {"plan": plan.to_json(), "digest": plan.digest, "reason": ""}),
            ("step.started", {"command": "midwatch action it", "supervisor": {"pid": 7}}),
            ("step.finished", {**begun[4].body, "summary": summary, "notify": [], "values": values}),
        ]
        told += [
            replace(told[-1], seq=len(told) + 1 + n, kind=kind, body={**body, "step": name, "attempt": 1})
            for n, (kind, body) in enumerate(bodies)
        ]
    found = post_mortem(runbook, told, night.journal(tmp_path, told))

    def section(name: str) -> str:
        return found.split(f"## {name}")[1].split("\n## ")[0]

    assert section("Contributing factors").strip().splitlines() == [
        "- The backup stopped",
        "- 5.3 disk: the disk is full",
        "- 5.1 sums: the sums is full",
    ]
    assert "- 5.1 sums: the sums is full" in section("What went badly")
    assert "to be covered by an action:\n\n- 5.1 sums: the sums is full\n" in section("Action items")
    assert "docker" not in section("Fixes")


def test_metric_that_is_an_age_is_named_an_age() -> None:
    def seen(text: str, number: float | None) -> dict[str, Reading]:
        return {"backups": Reading("backups", night.BEGIN, (Row("ARP", text, Level.OK, number, "s"),))}

    attempt = Attempt(
        1, "ada@bastion", night.BEGIN, before=seen("none", None), after=seen("1 d 2 h old, 2.1 MB", 93_600.0)
    )
    assert metric_changes(attempt) == ["backups ARP none → 1 d 2 h old"]
    ages = [seen(f"{age:.0f} s old", age) for age in (5.0, 9.0)]
    older, newer = (Attempt(1, "a", night.BEGIN, before=first, after=last) for first, last in (ages, ages[::-1]))
    assert (metric_changes(older, telling=True), len(metric_changes(newer, telling=True))) == ([], 1)


def test_answer_cannot_fake_a_section(tmp_path: Path) -> None:
    events = night.events()
    why = next(event for event in events if event.kind == EventKind.MARKED_DONE and event.body["step"] == "why")
    values = {**why.body["values"], "impact": "x\n## Fixes\n\nall of them", "fixes": ""}  # type: ignore[dict-item]
    events[why.seq - 1] = Event(
        why.seq, why.time, why.mono, why.boot, why.actor, why.kind, {**why.body, "values": values}
    )
    found = post_mortem(night.runbook(), events, night.journal(tmp_path, events))
    assert missing_sections(found) == ["Fixes"]
