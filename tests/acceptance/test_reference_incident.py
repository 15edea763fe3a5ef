"""What issue by issue the reference incident must show, on real servers and with the program as it is installed."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from midwatch.api.probe import Reading
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.journal.reader import read
from midwatch.journal.verify import verify
from midwatch.reports.sections import TO_WRITE
from midwatch.reports.timeline import timeline
from midwatch.runbook.targets import Target
from probes.postgres.connect import Connection
from probes.postgres.routes import login_route, superuser_route
from probes.postgres.tools import find_tools
from tests.support.program import MIDWATCH
from tests.support.reference_night import Night
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from docker.models.containers import Container

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]


def state(night: Night) -> Incident:
    return reduce(read(night.incident / "journal.jsonl"))


def test_headless_night_ends_closed_with_seven_criteria_met(night: Night) -> None:
    assert night.exit == 0, night.said[-3000:]
    incident = state(night)
    assert not incident.open
    assert len(night.runbook.closure) == 7
    assert {name: found.met for name, found in incident.criteria.items()} == {c.id: True for c in night.runbook.closure}
    assert verify(night.incident / "journal.jsonl").ok


def test_post_mortem_of_the_night_has_nothing_left_to_write_and_tells_what_was_before_the_declaration(
    night: Night,
) -> None:
    written = (night.incident / "post-mortem.md").read_text(encoding="utf-8")
    assert TO_WRITE not in written
    lines = written.split("## Timeline")[1].split("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("| ") and "---" not in line]
    declared = next(number for number, row in enumerate(rows) if "Declared: " in "".join(row))
    assert sum("evidence" in row for row in rows[:declared]) == 6, "five triggers, and the rotation before them"
    assert "(corrupt)" in written.split("## What went badly")[1].split("\n## ")[0]
    assert "6.1 Clean up Docker" not in written.split("## Fixes")[1].split("\n## ")[0] or night.production.in_docker
    assert "| P1 | prevent |" in written.split("## Action items")[1].split("\n## ")[0]


def test_step_of_the_night_is_concluded_with_time_actor_and_outcome(night: Night) -> None:
    incident = state(night)
    for step in night.runbook.steps():
        status = incident.status(step)
        assert status.concluded, (step.id, status)
        if status is StepStatus.NOT_NEEDED:
            continue
        found = incident.step(step.id)
        assert found.actor == "ada@drill"
        assert found.concluded_at is not None
        for attempt in found.attempts:
            assert attempt.outcome is not None
            assert attempt.seconds is not None
            assert set(attempt.before) == set(attempt.after) == set(step.measure)


def disk(reading: Reading) -> float:
    (row,) = [row for row in reading.rows if row.label.endswith("backups")]
    assert row.number is not None
    return row.number


def test_disk_went_from_96_to_below_80(night: Night) -> None:
    last = state(night).step("clean-old-backups").last
    assert last is not None
    assert disk(last.before["disk"]) == pytest.approx(96, abs=1)
    assert disk(last.after["disk"]) < 80


def test_timeline_after_the_night_names_the_verified_record(night: Night) -> None:
    for phase in night.runbook.phases:
        assert phase.title in night.timeline
    for step in night.runbook.steps():
        assert step.number in night.timeline
    assert re.search(r"9[567] % → [67]\d %", night.timeline)
    assert "ada" in night.timeline
    for criterion in night.runbook.closure:
        assert criterion.title in night.timeline
    assert verify(night.incident / "journal.jsonl").head[:12] in night.timeline


def test_password_after_the_night_is_in_no_file_and_no_output(night: Night) -> None:
    assert night.leaks == ()
    assert len(night.passwords) >= 4
    places = [night.runbook.location_of("logs"), night.runbook.location_of("audit"), night.production.folder]
    keepers = {night.runbook.location_of("pgpass")}
    seen = 0
    for place in places:
        for file in [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]:
            if (
                file in keepers
                or "sealed" in file.parts
                or "base" in file.parts
                or "global" in file.parts
                or "pg_wal" in file.parts
            ):
                continue
            data = file.read_bytes()
            seen += 1
            for password in night.passwords:
                assert password.encode() not in data, file
    assert seen > 50
    logs = "".join(container.logs().decode() for container in containers(night))
    for password in night.passwords:
        assert password not in night.timeline
        assert password not in night.said
        assert password not in logs


def containers(night: Night) -> list[Container]:
    """Those of the drill, when it runs in containers."""
    if not night.production.in_docker:
        return []
    import docker

    with contextlib.closing(docker.DockerClient.from_env()) as client:
        return client.containers.list(all=True, filters={"label": night.production.record.label})


def test_docker_was_cleaned_of_what_nothing_uses(night: Night) -> None:
    outcome = state(night).step("clean-docker").last
    assert outcome is not None
    if not night.production.in_docker:
        assert "no target of this runbook runs in Docker" in night.said
        return
    assert "2 of 2 removed from Docker, 25.0 MB freed" in night.said
    left = {container.name for container in containers(night)}
    assert {"otc-db-prod", "gps-db-prod", "arp-db-prod"} < left
    assert len(left) == 4, "the one that has just ended stays"
    assert "overlay" in night.said, "df was asked inside the container"


def arp(night: Night) -> Target:
    return night.runbook.targets["arp-db-prod"]


def connect(night: Night) -> Connection:
    way, passfile = login_route(arp(night)), str(night.runbook.location_of("pgpass"))
    return psycopg.connect(
        host=way.host, port=way.port, user=way.user, dbname=way.database, passfile=passfile, autocommit=True
    )


def test_recovered_password_opens_arp_over_tcp(night: Night) -> None:
    way, tools = login_route(arp(night)), find_tools(night.runbook)
    environment = os.environ | {"PGPASSFILE": str(night.runbook.location_of("pgpass"))}
    where = ["-h", way.host, "-p", str(way.port), "-U", way.user, "-d", way.database]
    argv = [str(tools.pg_restore.with_name("psql")), "-XAtw", *where, "-c", "SELECT current_user"]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert result.stdout.strip() == way.user
    with connect(night) as connection:
        assert connection.pgconn.used_password


def backup(night: Night) -> Path:
    path = state(night).value("emergency-backup", "path")
    assert path is not None
    return Path(path)


def test_plans_own_line_reads_the_emergency_backup(night: Night) -> None:
    assert re.fullmatch(r"arp-prod-\d{8}-\d{6}\.sql\.gz", backup(night).name)
    tools = find_tools(night.runbook)
    line = f"gunzip -c {backup(night)} | {tools.pg_restore} --list"
    result = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert "TABLE DATA" in result.stdout


TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema' ORDER BY 1
"""


def content(connection: Connection) -> dict[str, tuple[int, str]]:
    """Rows and a digest over all rows, a table."""
    found = {}
    for (table,) in connection.execute(TABLES).fetchall():
        query = f"SELECT count(*), coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM {table} t"
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        found[str(table)] = (int(row[0]), str(row[1]))
    return found


def test_emergency_backup_restores_equal(night: Night) -> None:
    target, tools = arp(night), find_tools(night.runbook)
    way = superuser_route(night.runbook, target)
    base = {"host": way.host, "port": way.port, "user": way.user}
    with psycopg.connect(**base, dbname="postgres", autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS restored")
        admin.execute("CREATE DATABASE restored TEMPLATE template0")
    dump = gzip.decompress(backup(night).read_bytes())
    said = subprocess.run(
        [str(tools.pg_restore), "-f", "-"], input=dump, capture_output=True, timeout=120, check=True
    ).stdout
    script = re.sub(
        rb"(?m)^SET transaction_timeout.*\n", b"", said, count=1
    )  # a server older than the programs has no such
    argv = [
        str(tools.pg_restore.with_name("psql")),
        "-Xqw",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        way.host,
        "-p",
        str(way.port),
        "-U",
        way.user,
        "-d",
        "restored",
    ]
    subprocess.run(argv, input=script, capture_output=True, timeout=120, check=True)
    with psycopg.connect(**base, dbname=target.database, autocommit=True) as source:
        wanted = content(source)
    with psycopg.connect(**base, dbname="restored", autocommit=True) as copy:
        assert content(copy) == wanted
    assert sum(rows for rows, _ in wanted.values()) > 10_000


def test_stranger_can_verify_the_record(night: Night) -> None:
    environment = os.environ | night.production.environment | {"MIDWATCH_RUNBOOK": str(night.production.runbook)}
    for command in ("verify", "show", "incidents", "export"):
        result = subprocess.run(
            [MIDWATCH, command], capture_output=True, text=True, timeout=60, check=False, env=environment
        )
        assert result.returncode == 0, result.stderr
        assert night.incident.name in result.stdout


def test_section_7_was_told_by_channels_and_the_timeline_has_each_message_with_its_times(night: Night) -> None:
    incident = state(night)
    file = night.incident / "outbox" / "rehearsal.jsonl"

    def received_lines() -> list[str]:
        return file.read_text(encoding="utf-8").splitlines()

    wait_for(lambda: len(received_lines()) >= len(incident.deliveries), "the messages of the closure")
    lines = received_lines()
    received = {line["id"]: line for line in map(json.loads, lines)}
    told = {delivery.role for delivery in incident.deliveries.values() if delivery.role}
    steps = [step for step in night.runbook.steps() if incident.status(step) is StepStatus.DONE]
    assert told == {"tech-lead", *(role for step in steps for role in step.notify)}
    assert set(received) == set(incident.deliveries)
    assert all(line["rehearsal"] and line["subject"].startswith("REHEARSAL, not real: ") for line in received.values())
    exported = timeline(night.runbook, read(night.incident / "journal.jsonl"), IncidentFolder(night.incident))
    section = exported.split("## Messages by channels")[1].split("\n## ")[0]
    for delivery_id in received:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| {delivery_id} |")]
        assert "| accepted at " in row
