"""runbook.yaml: the whole plan of the reference incident, complete, in order, and careful."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from midwatch.api.registry import find_action
from midwatch.runbook.condition_forms import AnswerIs, Outcome, OutcomeIs
from midwatch.runbook.loader import load
from midwatch.runbook.model import Risk, Runbook, StepKind
from midwatch.runbook.severity import Severity
from midwatch.runbook.targets import TargetKind
from midwatch.runbook.value_sources import Reference

ROOT = Path(__file__).parents[2]
PHASES = {
    "2 Detection": "trigger-backup-log trigger-disk trigger-arp-auth trigger-ci trigger-monitoring",
    "3 Immediate response": "alert-received open-channel take-ownership freeze-deployments block-migrations pause-ci "
    "halt-workflows emergency-backup validate-emergency-backup",
    "4 ARP recovery": "expect-auth-failure recover-arp prove-logins",
    "5 Root cause isolation": "diagnose-disk container-disk read-backup-log read-emergency-log diagnose-access "
    "verify-checksums",
    "6 Full recovery": "clean-docker clean-old-backups restart-nightly validate-nightly migration-checks unfreeze "
    "resume-writes",
    "7 Communication": "tell-tech-lead channel-updates assess-impact tell-head-of-engineering tell-compliance "
    "tell-security "
    "tell-audit-liaison",
    "8 Post-incident actions": "write-post-mortem backup-policy ci-safeguards assign-follow-ups export-post-mortem "
    "publish-post-mortem",
}
LINES = {
    "[ERROR] Unable to connect to arp-db-prod: authentication failed": "arp-auth-failure",
    "[ERROR] Disk usage at 96% – unsafe for backup": "disk-above-95",
    "[ERROR] Disk usage at 96% - unsafe for backup": "disk-above-95",
    "[ERROR] Disk usage at 100% – unsafe for backup": "disk-above-95",
    "[FAILURE] PROD nightly backup stopped": "backup-log-failure",
}
HARMLESS = (
    "[INFO] PROD nightly backup started",
    "[OK] PROD nightly backup finished: 3 databases",
    "[INFO] Disk usage at 71%",
    "[ERROR] Disk usage at 80% – unsafe for backup",
    "[ERROR] Unable to connect to gps-db-prod: timeout",
)


@pytest.fixture(scope="module")
def book() -> Runbook:
    return load(ROOT / "runbook.yaml", environment={"MIDWATCH_SITE": ""})


def fired(book: Runbook, line: str) -> list[str]:
    """Ids of the triggers that a line of the backup log fires."""
    return [
        trigger.id for trigger in book.triggers if trigger.log == "logs/backup.log" and re.search(trigger.match, line)
    ]


def test_reference_runbook_has_the_phases_and_steps_of_the_plan_in_order(book: Runbook) -> None:
    assert [f"{phase.section} {phase.title}" for phase in book.phases] == list(PHASES)
    for phase, expected in zip(book.phases, PHASES.values(), strict=True):
        assert [step.id for step in book.entries(phase)] == expected.split()
    assert (book.id, book.severity, book.comms.update_every) == ("backup-failure", Severity.SEV1, 15 * 60)


def test_reference_runbook_has_its_targets_roles_and_panels(book: Runbook) -> None:
    assert {name: (target.kind, target.container, target.label) for name, target in book.targets.items()} == {
        f"{label.lower()}-db-prod": (TargetKind.DOCKER, f"{label.lower()}-db-prod", label)
        for label in ("OTC", "GPS", "ARP")
    }
    assert set(book.roles) == {
        "on-call",
        "tech-lead",
        "head-of-engineering",
        "compliance",
        "security-officer",
        "audit-liaison",
    }
    assert [panel.probe for panel in book.panels] == ["disk", "docker", "backups", "databases", "alerts"]


def test_reference_runbook_has_its_closure_criteria(book: Runbook) -> None:
    assert [criterion.id for criterion in book.closure] == [
        "emergency-backup-validated",
        "disk-below-80",
        "nightly-passes",
        "arp-password-recovered",
        "services-operational",
        "post-mortem-published",
        "follow-ups-assigned",
    ]


def test_steps_8_2_and_8_3_evaluate_all_preventive_controls(book: Runbook) -> None:
    steps = [step for step in book.steps() if step.uses == "review-controls"]
    assert [step.number for step in steps] == ["8.2", "8.3"]
    assert [name for step in steps for name in step.with_["controls"]] == [control.id for control in book.controls]
    assert len(book.controls) == 8


@pytest.mark.parametrize(("line", "trigger"), LINES.items())
def test_trigger_fires_on_the_lines_of_the_plan(book: Runbook, line: str, trigger: str) -> None:
    for text in (line, f"2026-11-23 02:00:06 {line}"):
        assert [
            found.id for found in book.triggers if found.log == "logs/backup.log" and re.search(found.match, text)
        ] == [trigger]


@pytest.mark.parametrize("line", HARMLESS)
def test_ordinary_line_fires_no_trigger(book: Runbook, line: str) -> None:
    assert fired(book, line) == []


def test_detection_step_checks_a_trigger_of_its_own(book: Runbook) -> None:
    looked_at = [step.with_["id"] for step in book.phases[0].steps]
    assert looked_at == [trigger.id for trigger in book.triggers]
    assert len(looked_at) == 5


def test_step_of_the_reference_runbook_says_what_a_tired_person_needs(book: Runbook) -> None:
    for step in book.steps():
        assert step.why, step.id
        assert step.expect, step.id
        if step.kind is StepKind.MANUAL:
            assert step.instructions or step.questions, step.id
        else:
            assert step.on_failure.advice, step.id
            assert 0 < step.timeout <= 2 * 3600, step.id
        if step.deviation:
            assert step.original_command or (step.item and step.item.loop == "prove-logins"), step.id


def test_dangerous_command_of_the_plan_is_named_and_replaced(book: Runbook) -> None:
    for step_id, dangerous in {
        "emergency-backup": "emergency-backup.sh arp-db-prod",
        "validate-emergency-backup": "pg_restore --list",
        "recover-arp": "secrets-management.sh recover-arp",
        "diagnose-disk": "docker system df",
        "container-disk": "docker exec arp-db-prod df -h",
        "verify-checksums": "sha256sum -c",
        "clean-docker": "docker system prune -a",
        "clean-old-backups": "backups/prod/old",
    }.items():
        step = book.step(step_id)
        assert dangerous in step.original_command
        assert step.deviation, step_id
        assert step.kind is StepKind.USES


def test_removal_depends_on_the_validated_emergency_backup(book: Runbook) -> None:
    for step in book.steps():
        if step.risk is Risk.DESTROY:
            assert "validate-emergency-backup" in step.depends_on, step.id
    (verified,) = book.step("clean-old-backups").verify
    assert (verified.check, dict(verified.with_)) == ("disk", {"path": "backups", "below": "80 %"})
    validate = book.step("validate-emergency-backup")
    assert validate.depends_on == ("emergency-backup",)
    assert validate.on_failure.raise_severity is Severity.SEV0
    assert "head-of-engineering" in validate.on_failure.notify
    assert "head-of-engineering" in book.step("emergency-backup").on_failure.notify


def test_role_is_notified_when_its_condition_holds(book: Runbook) -> None:
    head = book.step("tell-head-of-engineering").when
    assert head == OutcomeIs(Outcome.FAILED, ("emergency-backup", "validate-emergency-backup"))
    asked = {ask.name: ask.kind for ask in book.step("assess-impact").questions}
    times = {"impact_began": "line", "impact_ended": "line"}
    assert asked == {"downtime": "yes-no", "data_risk": "yes-no", "audit_scope": "yes-no", **times}
    hurt = (Reference("assess-impact", "downtime"), Reference("assess-impact", "data_risk"))
    for step_id, answers in {
        "tell-compliance": hurt,
        "tell-security": hurt,
        "tell-audit-liaison": (Reference("assess-impact", "audit_scope"),),
    }.items():
        assert book.step(step_id).when == AnswerIs(answers, ("yes",))


def test_post_mortem_asks_for_all_that_it_exports(book: Runbook) -> None:
    names = [ask.name for ask in book.step("write-post-mortem").questions]
    assert names == [
        *(f"why_{number}" for number in range(1, 6)),
        *("impact", "fixes", "controls", "lucky", "surprised", "open_questions"),
    ]
    assert [ask.name for ask in book.step("assign-follow-ups").questions] == ["follow_ups"]
    assert [ask.name for ask in book.step("publish-post-mortem").questions] == ["url"]


def test_step_risk_is_at_least_that_of_its_action(book: Runbook) -> None:
    order = list(Risk)
    for step in book.steps():
        if step.uses:
            assert order.index(step.risk) >= order.index(find_action(step.uses).risk), step.id


def test_drills_answers_fit_its_manual_steps(book: Runbook) -> None:
    from midwatch.runbook.yaml_loader import plain, read_yaml

    answers = plain(read_yaml(ROOT / "drill" / "answers.yaml"))
    manual = {step.id: step for step in book.steps() if step.kind is StepKind.MANUAL}
    assert set(answers["manual"]) <= set(manual)
    for step_id, answer in answers["manual"].items():
        asked = {ask.name: ask.required for ask in manual[step_id].questions}
        assert {name for name, required in asked.items() if required} <= set(answer.get("values", {})) <= set(asked)
