"""A small night in full: its runbook and the events of its journal, every byte of them fixed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from midwatch.api.plan import Effect, Plan, Verb
from midwatch.api.probe import Level, Reading, Row
from midwatch.incident.events import Event
from midwatch.incident.paths import IncidentFolder
from midwatch.journal.codec import NO_LINE, digest, encode
from midwatch.runbook.condition_forms import Outcome, OutcomeIs
from midwatch.runbook.contacts import Comms, Role
from midwatch.runbook.model import CheckSpec, Phase, Risk, Runbook, Step, StepKind, Trigger
from midwatch.runbook.severity import Severity
from midwatch.runbook.value_sources import Question
from midwatch.system.errors import SourceLocation

BEGIN = datetime(2026, 11, 23, 2, 0, 7, tzinfo=UTC)
HERE = SourceLocation("runbook.yaml", 1)
ID = "INC-20261123-0200-backup-failure"


def runbook(word: str = "") -> Runbook:
    """The runbook of the night; `word` is put into each title, to see what it does there."""

    def step(step_id: str, number: str, title: str, kind: StepKind, **more: Any) -> Step:
        return Step(step_id, number, title + word, kind, more.pop("risk", Risk.OBSERVE), HERE, **more)

    asks = tuple(Question(f"why_{n}", f"Why {n}?{word}") for n in range(1, 6))
    texts = tuple(Question(name, name, "text") for name in ("impact", "fixes", "controls", "follow_ups"))
    look = step("seen", "2.1", "Look", StepKind.USES, uses="trigger", with_={"id": "stopped"})
    phases = (
        Phase("see", "Detection" + word, "2", (look,)),
        Phase(
            "get-well",
            "Recovery" + word,
            "3",
            (
                step("own", "3.1", "Take ownership", StepKind.MANUAL, marks="acknowledged"),
                step("backup", "3.2", "Emergency backup", StepKind.USES, uses="emergency-backup", risk=Risk.CHANGE),
                step("clean", "3.3", "Clean up", StepKind.RUN, run="rm -r old", risk=Risk.DESTROY,
                    original_command="rm -rf "
                "old/",
                     deviation=f"It follows links{word}."),
                step("panic", "3.4", "Panic", StepKind.MANUAL, when=OutcomeIs(Outcome.FAILED, ("clean",))),
                step("rest", "3.5", "Rest", StepKind.MANUAL, marks="mitigated"),
            ),
        ),
        Phase("learn", "Afterwards" + word, "4", (
            step("why", "4.1", "Write it down", StepKind.MANUAL, questions=(*asks, *texts, Question("down", "Downtime?",
                "yes-no"))),
            step("policy", "4.2", "Review the policy", StepKind.MANUAL, questions=(Question("policy", "What changes?",
                "text"),)),
            step("later", "4.3", "Much later", StepKind.MANUAL),
        )),
    )  # fmt: skip
    return Runbook(
        id="backup-failure",
        title="Backup failure" + word,
        severity=Severity.SEV1,
        file=Path("runbook.yaml"),
        site=None,
        base=Path("/base"),
        sha256="ab" * 32,
        roles={"boss": Role("boss", "Head of Engineering" + word), "law": Role("law", "Compliance" + word)},
        comms=Comms("#inc" + word, 900.0),
        triggers=(Trigger("stopped", "The backup stopped" + word, HERE),),
        phases=phases,
        closure=(
            CheckSpec("disk", "Disk below 80 %" + word, "disk", {}, HERE),
            CheckSpec("rca", "Post-mortem published" + word, "post-mortem", {}, HERE),
        ),
        inputs=(Question("ticket", f"Which ticket{word} or page is it?", required=False),),
    )


def reading(percent: float, word: str = "", error: str = "") -> dict[str, Any]:
    rows = (
        Row("/backups" + word, f"{percent:.0f} % full", Level.OK, percent, "%"),
        Row("/" + word, "23 % full", Level.OK, 23.0, "%"),
    )
    return Reading("disk", BEGIN, () if error else rows, error).to_json()


def events(word: str = "") -> list[Event]:
    """What happened; `word` is put into every text that comes from outside."""
    found: list[Event] = []
    now: dict[str, Any] = {"at": BEGIN, "mono": 5000.0}

    def tell(after: float, kind: str, body: Mapping[str, Any], actor: str = "ada@bastion") -> None:
        now["at"] += timedelta(seconds=after)
        now["mono"] += after
        found.append(Event(len(found) + 1, now["at"], now["mono"], "boot-1", actor + word, kind, dict(body)))

    def finished(
        after: float, step: str, attempt: int, outcome: str, seconds: float, summary: str, **values: str
    ) -> None:
        ended = (now["at"] + timedelta(seconds=after)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        output = {"bytes": 12_345, "dropped": 0, "sha256": "cd" * 32, "masked": 2}
        body = {
            "step": step,
            "attempt": attempt,
            "outcome": outcome,
            "seconds": seconds,
            "ended": ended,
            "output": output,
        }
        body |= {
            "exit": 0 if outcome == "done" else 7,
            "summary": summary + word,
            "notify": ["law"] if outcome == "failed" else [],
        }
        tell(after, "step.finished", body | {"values": {key: value + word for key, value in values.items()}})

    def confirmed(after: float, step: str, attempt: int, reason: str = "") -> None:
        plan = Plan("x", {}, (Effect(Verb.CREATE, "a file" + word), Effect(Verb.KEEP, "another")))
        tell(after, "step.confirmed", {"step": step, "attempt": attempt, "plan": plan.to_json(), "digest": plan.digest,
             "reason": reason})  # fmt: skip
        command = "set -e\nrm -r old || exit 7\necho done" if step == "clean" else "midwatch action it"
        tell(
            0.5, "step.started", {"step": step, "attempt": attempt, "command": command + word, "supervisor": {"pid": 7}}
        )

    def read(step: str, attempt: int, when: str, data: dict[str, Any]) -> None:
        tell(0.1, "reading", {"step": step, "attempt": attempt, "when": when, "reading": data})

    tell(0, "incident.declared", {"id": ID, "title": "Backup failure" + word, "severity": "SEV-1",
        "runbook": "runbook.yaml",
         "runbook_sha256": "ab" * 32, "base": "/base", "host": "bastion" + word,
         "inputs": {"ticket": "OPS-4711" + word, "seen": f"a red line{word}\nand more"}})  # fmt: skip
    tell(0.2, "driver.joined", {"host": "bastion" + word, "pid": 4711, "terminal": "/dev/pts/1"})
    confirmed(20, "seen", 1)
    finished(1, "seen", 1, "done", 0.5, "The backup stopped: detected", detected="yes",
             evidence="backup.log:9: 2026-11-23T01:50:07Z [FAILURE] stopped")  # fmt: skip
    tell(30, "step.marked_done", {"step": "own", "note": "It is mine" + word, "values": {}, "marks": "acknowledged"})
    confirmed(60, "backup", 1)
    read("backup", 1, "before", reading(96.4, word))
    finished(80, "backup", 1, "done", 79.5, "Backup saved", backup="/mnt/arp.sql.gz")
    read("backup", 1, "after", reading(96.4, word))
    confirmed(40, "clean", 1)
    read("clean", 1, "before", reading(96.4, word))
    finished(5, "clean", 1, "failed", 4.8, "rm: permission denied")
    read("clean", 1, "after", reading(0, word, error="no answer within 15 s" + word))
    tell(1, "incident.severity", {"from": "SEV-1", "to": "SEV-0", "reason": "3.3 failed" + word})
    tell(10, "note", {"text": "The mount was read-only" + word, "at": "2026-11-23T02:04:00.000000Z"})
    confirmed(30, "clean", 2, "remounted" + word)
    read("clean", 2, "before", reading(96.4, word))
    finished(95, "clean", 2, "done", 94.6, "exit 0")
    read("clean", 2, "after", reading(71.2, word))
    tell(12, "notification.recorded", {"role": "boss", "message": "ARP is safe" + word})
    tell(3, "step.skipped", {"step": "panic", "reason": "No need" + word})
    tell(1, "step.marked_failed", {"step": "rest", "reason": "Too loud" + word, "notify": []})
    tell(2, "step.marked_done", {"step": "rest", "note": "Earplugs" + word, "values": {}, "marks": "mitigated"})
    values = {f"why_{n}": f"Because {n}{word}" for n in range(1, 6)} | {
        "impact": "None\nat all" + word,
        "fixes": "Mounted" + word,
    }
    values |= {
        "controls": "Watch mounts" + word,
        "follow_ups": f"Watch mounts{word}; ada; 2026-12-01\n\nRest; bob; 2026-12-02",
    }
    tell(
        960,
        "update.sent",
        {"message": "Recovered" + word, "channel": "#inc" + word, "events": 0, "head": ""},
        "bob@bastion",
    )
    tell(10, "step.marked_done", {"step": "why", "note": "", "values": values | {"down": "no"}})
    tell(10, "step.marked_done", {"step": "policy", "note": "", "values": {"policy": "Twice a night" + word}})
    tell(5, "criterion.evaluated", {"criterion": "disk", "met": True, "detail": "71 %" + word})
    tell(0, "criterion.evaluated", {"criterion": "rca", "met": False, "detail": "Not published" + word})
    tell(1, "criterion.evaluated", {"criterion": "disk", "met": True, "detail": "71 %" + word})
    tell(1, "from.the.future", {"step": "seen", "what": "unknown" + word})
    tell(1, "incident.closed", {"reason": "It will be, tomorrow" + word, "unmet": ["rca"], "events": len(found) + 1})
    tell(0, "driver.left", {"reason": "closed"})
    return found


def journal(folder: Path, told: list[Event]) -> IncidentFolder:
    """These events as a journal on disk."""
    incident = IncidentFolder(folder / ID)
    incident.path.mkdir()
    head, data = NO_LINE, b""
    for event in told:
        if event.kind == "update.sent":
            event = Event(event.seq, event.time, event.mono, event.boot, event.actor, event.kind,
                          {**event.body, "events": event.seq - 1, "head": head})  # fmt: skip
            told[event.seq - 1] = event
        line = encode(event, head)
        head, data = digest(line), data + line + b"\n"
    incident.journal.write_bytes(data)
    return incident
