"""Reports of pgBackRest, Barman and WAL-G as sources of the checks of backups and of the panel.

The samples in `reports/` are what pgBackRest 2.45 and Barman 3.4 printed; those of WAL-G have the fields of its sources
(`BackupTime` and the `BackupDetail` of PostgreSQL), as its issues show them.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.checks.backup_age import CheckBackupAge
from actions.checks.backup_redundancy import CheckBackupRedundancy
from midwatch.api.action import Context
from midwatch.api.probe import Level
from midwatch.runbook.loader import load
from midwatch.runbook.targets import ExternalCommand, Target, TargetKind
from midwatch.runbook.unasked_scripts import unasked_scripts
from midwatch.system.clock import SystemClock
from midwatch.system.errors import OutcomeUnknown
from probes.backup.backup_report import read_report
from probes.backups import BackupsProbe
from tests.support.backup_sets import write_set
from tests.support.clocks import AheadClock

REPORTS = Path(__file__).parent / "reports"
MakeContext = Callable[..., Context]


def report(name: str) -> str:
    return (REPORTS / f"{name}.json").read_text()


def moved(hours: float) -> str:
    """The report of pgBackRest as if its newest backup began so many hours ago."""
    data = json.loads(report("pgbackrest"))
    backups = data[0]["backup"]
    shift = SystemClock().now().timestamp() - hours * 3600 - backups[-1]["timestamp"]["start"]
    for backup in backups:
        backup["timestamp"] = {end: moment + shift for end, moment in backup["timestamp"].items()}
    return json.dumps(data)


@pytest.fixture
def context_of(make_context: MakeContext, tmp_path: Path) -> Callable[[str], Context]:
    """A context whose ARP has a report with this text."""

    def make(text: str, *, timeout: float = 30) -> Context:
        file = tmp_path / "report.json"
        file.write_text(text)
        command = ExternalCommand(f"cat {shlex.quote(str(file))}", timeout)
        return make_context(targets={"arp": Target("arp", TargetKind.LOCAL, "arp", "ARP", backup_report=command)})

    return make


def test_backups_of_pgbackrest_have_their_type_time_size_and_repository() -> None:
    found = read_report(report("pgbackrest"))
    assert [backup.kind for backup in found] == [
        "pgBackRest incr",
        "pgBackRest diff",
        "pgBackRest full",
        "pgBackRest full",
    ]
    oldest = found[-1]
    assert (oldest.name, oldest.started) == ("20261129-093522F", datetime(2026, 11, 29, 9, 35, 22, tzinfo=UTC))
    assert (oldest.took, oldest.size, oldest.place) == (3.0, 3043481, "pgBackRest repository 1")
    assert all(backup.is_good for backup in found)
    damaged = json.loads(report("pgbackrest"))
    damaged[0]["backup"][-1]["error"] = True  # invalid page checksums
    assert not read_report(json.dumps(damaged))[0].is_good


def test_backup_of_barman_without_its_wal_or_half_made_is_not_good() -> None:
    newest, oldest = read_report(report("barman"))
    assert (newest.is_good, oldest.is_good) == (False, True)  # WAITING_FOR_WALS and DONE
    assert (oldest.name, oldest.started) == ("20261129T093636", datetime(2026, 11, 29, 9, 36, 36, tzinfo=UTC))
    assert (oldest.took, oldest.size, oldest.kind) == (2.0, 40309275, "Barman")
    data = json.loads(report("barman"))
    there = {"end_time": "Sun Nov 29 13:15:12 2026", "end_time_timestamp": "1795943712", "size_bytes": 7}
    data["main"].append({"backup_id": "20261129T131402", "status": "DONE", **there})  # 4 h ahead of UTC
    data["main"].insert(0, {"backup_id": "20261129T100000", "status": "STARTED"})
    data["main"].insert(0, {"backup_id": "20261129T110000", "status": "FAILED"})
    found = read_report(json.dumps(data))
    assert [backup.is_good for backup in found if backup.name != "20261129T110000"] == [False, True, True]
    assert (len(found), found[-1].took) == (4, 70)
    assert found[-1].started == datetime(2026, 11, 29, 9, 14, 2, tzinfo=UTC)


def test_backups_of_wal_g_are_full_or_deltas() -> None:
    delta, full = read_report(report("wal-g"))
    assert (delta.kind, full.kind, full.size) == ("WAL-G delta", "WAL-G full", 3120044)
    assert full.took == pytest.approx(6.39)
    old, short = read_report(report("wal-g-short"))  # the newest first
    assert (short.took, short.size, short.place) == (None, 0, "WAL-G failover")
    assert (old.kind, old.started) == ("WAL-G delta", datetime(2026, 11, 29, 2, 0, 5, 123456, tzinfo=UTC))


def test_backup_of_wal_g_without_a_time_of_its_own_has_the_time_of_its_storage() -> None:
    """A backup whose metadata are gone is listed with the zero time of Go."""
    zero = {"start_time": "0001-01-01T00:00:00Z", "finish_time": "0001-01-01T00:00:00Z"}
    (backup,) = read_report(json.dumps([json.loads(report("wal-g"))[0] | zero]))
    assert (backup.started, backup.took) == (datetime(2026, 11, 29, 1, 0, 9, tzinfo=UTC), None)
    with pytest.raises(OutcomeUnknown, match="no list of backups"):
        read_report(json.dumps([{"backup_name": "base_1", **zero}]))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (report("pgbackrest-no-stanza"), "pgBackRest: main: missing stanza path"),
        (json.dumps(json.loads(report("pgbackrest-empty")) * 2).replace("main", "other", 1), "more than one stanza"),
        ('{"a": [], "b": []}', "more than one server of Barman: a, b"),
        (report("barman-check"), "no list of backups"),
        ("", "no list of backups"),
        ("[1]", "no list of backups"),
        ('[{"backup_name": "x", "time": "soon"}]', "no list of backups"),
        (report("pgbackrest")[:900], "no list of backups"),
    ],
)
def test_report_that_tells_nothing_is_unknown_and_never_an_empty_list(text: str, sentence: str) -> None:
    with pytest.raises(OutcomeUnknown, match=sentence):
        read_report(text)


def test_empty_report_has_no_backups() -> None:
    assert [read_report(text) for text in ("[]", '{"main": []}', report("pgbackrest-empty"))] == [[], [], []]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["backup_name", "name", "status", "code", "backup", "timestamp", "start", "time", "info"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_gives_backups_or_one_sentence(data: Any) -> None:
    with contextlib.suppress(OutcomeUnknown):
        assert all(backup.started.tzinfo is not None for backup in read_report(json.dumps(data)))


def test_checks_count_the_backups_of_another_tool(context_of: Callable[..., Context], tmp_path: Path) -> None:
    young, old = context_of(moved(2)), CheckBackupAge()
    assert old.evaluate(young).summary == "newest good backups: ARP 2 h old"
    assert old.evaluate(context_of(moved(30))).state is Level.WARN
    assert old.evaluate(context_of(moved(60))).state is Level.CRITICAL
    assert old.evaluate(context_of("[]")).summary == "ARP has no backup"
    write_set(tmp_path / "backups" / "prod", 5, b"dump")
    outcome = CheckBackupRedundancy(places=2).evaluate(context_of(moved(60)))
    assert (outcome.ok, outcome.summary) == (True, "ARP 5 good backups in 2 places")
    with pytest.raises(OutcomeUnknown, match="backups of ARP cannot be listed: This is no list of backups"):
        old.evaluate(context_of("no JSON"))  # though Midwatch's own backup is young: a newer one may be bad


def test_command_that_fails_or_hangs_is_unknown_with_its_own_words(make_context: MakeContext, tmp_path: Path) -> None:
    script = tmp_path / "report"
    says = "echo 'ERROR: [055]: \033[31mno config' >&2; exit 55"
    script.write_text(f"#!/bin/sh\n[ $1 = hang ] && exec sleep 77\n{says}\n")
    script.chmod(0o755)

    def evaluate(command: str, limit_s: float = 60) -> None:
        given = ExternalCommand(command, limit_s)
        CheckBackupAge().evaluate(
            make_context(targets={"arp": Target("arp", TargetKind.LOCAL, "arp", "ARP", backup_report=given)})
        )

    with pytest.raises(OutcomeUnknown, match=r"ended with 55: ERROR: \[055\]: no config"):
        evaluate(f"{script} fail")
    with pytest.raises(OutcomeUnknown, match=r"did not end within 0.3 s"):
        evaluate(f"{script} hang", 0.3)
    with pytest.raises(OutcomeUnknown, match="ARP cannot be listed"):
        evaluate("/no/such/program")
    words = "INFO: 2026/11/29 02:00:00.000000 No backups found"
    script.write_text(f"#!/bin/sh\necho '{words}' >&2\n")  # WAL-G prints no empty list
    context = make_context(
        targets={"arp": Target("arp", TargetKind.LOCAL, "arp", "ARP", backup_report=ExternalCommand(str(script), 60))}
    )
    assert CheckBackupAge().evaluate(context).summary == "ARP has no backup"


def test_panel_has_a_row_for_the_backups_of_another_tool(context_of: Callable[..., Context], tmp_path: Path) -> None:
    def rows(text: str) -> list[tuple[str, str, Level]]:
        reading = BackupsProbe().read(context_of(text).runbook, SystemClock())
        return [(row.label, row.text, row.level) for row in reading.rows]

    assert rows(moved(2)) == [("ARP, cat", "2 h old, 431 B, pgBackRest incr", Level.OK)]
    assert [level for _, _, level in rows(moved(30))] == [Level.CRITICAL]
    assert [level for _, _, level in rows("x")] == [Level.CRITICAL, Level.UNKNOWN]
    write_set(tmp_path / "backups" / "prod", 5, b"dump")
    assert [label for label, _, _ in rows(moved(2))] == ["ARP", "ARP, cat"]


def test_panel_keeps_the_answer_of_another_tool_for_two_minutes_and_says_of_when(
    context_of: Callable[..., Context], tmp_path: Path
) -> None:
    clock, probe, runbook = AheadClock(), BackupsProbe(), context_of(moved(2)).runbook

    def text(seconds: float) -> str:
        clock.ahead += timedelta(seconds=seconds)
        return probe.read(runbook, clock).rows[-1].text

    assert "as of" not in text(0)
    (tmp_path / "report.json").write_text("no list")
    assert "431 B, pgBackRest incr, as of " in text(60)
    assert text(61).endswith("can read")
    (tmp_path / "report.json").write_text(moved(2))
    assert "can read, as of " in text(90)
    assert text(31).endswith("431 B, pgBackRest incr")


def test_runbook_names_the_report_of_a_target_and_lint_lists_its_command(tmp_path: Path) -> None:
    file = tmp_path / "runbook.yaml"
    file.write_text(
        "midwatch: 1\nid: b\ntitle: B\nseverity: SEV-3\n"
        "targets: {arp: {kind: local, host: h, database: arp, label: ARP, user: u,"
        " backup_report: {command: pgbackrest --stanza=main info --output=json, timeout: 5 s}}}\n"
        "phases: [{title: P, steps: [{title: Look, instructions: x}]}]\n"
    )
    runbook = load(file, environment={})
    command = "pgbackrest --stanza=main info --output=json"
    assert runbook.targets["arp"].backup_report == ExternalCommand(command, 5.0)
    assert ("backups of ARP", command) in list(unasked_scripts(runbook))
