"""A freeze that holds on a real server: pipelines stop, migration roles are read only, and later all is as before."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import yaml

from actions.checks.freeze_status import CheckFreeze
from actions.freeze import FreezeAction
from actions.restoring.restore_database import take_over
from actions.support import freeze_file
from midwatch.api.action import Context, Outcome
from midwatch.runbook.targets import Target
from midwatch.system.errors import Failed
from probes.postgres.routes import superuser_route
from tests.support.logins import PASSWORD, MakeContext
from tests.support.postgres import VERSIONS, Server, engine_of, server, short_folder
from tui.cli import main

pytestmark = pytest.mark.postgres
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SETTINGS = (
    "SELECT d.datname, r.rolname, s.setconfig FROM pg_db_role_setting s"
    " LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole ORDER BY 1, 2"
)
ROLES = ("mover", "mover-2 \"x\" 'y'", "reader")


@pytest.fixture(scope="module", params=VERSIONS)
def primary(request: pytest.FixtureRequest, primary: Server) -> Iterator[Server]:
    """The shared server, and one of an older PostgreSQL."""
    if request.param == "18":
        yield primary
        return
    with short_folder() as folder, server(folder / "p", engine_of(request.param, folder)) as made:
        made.sql(f"CREATE ROLE arp_app LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE arp OWNER arp_app")
        yield made


@pytest.fixture
def roles(primary: Server, one: Target) -> Iterator[Target]:
    """A target with three migration roles: nothing set, something set, and read only already."""
    names = [name.replace('"', '""') for name in ROLES]
    primary.sql(*(f'CREATE ROLE "{name}" LOGIN' for name in names))
    primary.sql(*(f'GRANT CREATE ON SCHEMA public TO "{name}"' for name in names), database=one.database)
    here = f"IN DATABASE {one.database} SET"
    primary.sql(
        f"ALTER ROLE \"{names[1]}\" {here} work_mem = '8MB'",
        f"ALTER ROLE \"{names[1]}\" {here} default_transaction_read_only = 'false'",
        f"ALTER ROLE \"{names[1]}\" {here} search_path = 'public'",
        f"ALTER ROLE reader {here} default_transaction_read_only = 'on'",
    )
    yield replace(one, migration_roles=ROLES)
    for name in names:
        primary.sql(f'DROP OWNED BY "{name}"', database=one.database)
        primary.sql(f'DROP OWNED BY "{name}"', f'DROP ROLE "{name}"')


@pytest.fixture
def frozen(make_context: MakeContext, roles: Target, tmp_path: Path) -> Context:
    context = make_context({"one": roles})
    locations = {**context.runbook.locations, "freeze": str(tmp_path / "security" / "freeze.json")}
    return replace(context, runbook=replace(context.runbook, locations=locations))


def run(action: FreezeAction, context: Context) -> Outcome:
    plan = action.plan(context)
    assert not plan.refusal, plan.refusal
    return action.apply(context, plan)


def may_create(primary: Server, role: str, database: str) -> bool:
    login = psycopg.connect(host="127.0.0.1", port=primary.port, user=role, dbname=database, autocommit=True)
    with login as connection:
        try:
            connection.execute("CREATE TABLE made (n int)")
            connection.execute("DROP TABLE made")
        except psycopg.errors.ReadOnlySqlTransaction:
            return False
    return True


def test_freeze_holds_migration_roles_and_its_end_restores_exactly_what_was_set(
    primary: Server, frozen: Context, roles: Target
) -> None:
    before = primary.sql(SETTINGS)
    plan = FreezeAction().plan(frozen)
    changed = [effect.object for effect in plan.effects if effect.identity.startswith("freeze on")]
    assert len(changed) == 3
    assert [may_create(primary, role, roles.database) for role in ROLES] == [True, True, False]
    with psycopg.connect(primary.conninfo.replace("postgres", "mover") + f" dbname={roles.database}"):
        assert "of mover began before" in dict(FreezeAction().plan(frozen).facts)["not held"]
    assert run(FreezeAction(), frozen).ok
    assert [may_create(primary, role, roles.database) for role in ROLES] == [False, False, False]
    assert may_create(primary, "arp_app", roles.database), "no role of an application is touched"
    assert CheckFreeze().evaluate(frozen).ok
    assert run(FreezeAction(until="9 h"), frozen).ok, "once more changes nothing but the end"
    freeze = freeze_file.read(frozen.location("freeze"))
    assert freeze is not None
    assert freeze.enforced_on == ("one",)
    undo = FreezeAction().undo({})
    assert isinstance(undo, FreezeAction)
    assert run(undo, frozen).ok
    assert primary.sql(SETTINGS) == before
    assert undo.verify(frozen, frozen.clock.now()).ok


def test_freeze_cut_off_at_any_point_is_completed_or_taken_back(
    primary: Server, frozen: Context, roles: Target
) -> None:
    """What a killed process leaves: the file alone, some roles, or roles without a file."""
    before, path = primary.sql(SETTINGS), frozen.location("freeze")
    run(FreezeAction(), frozen)
    kept = path.read_bytes()
    path.unlink()
    assert not CheckFreeze(expect="off").evaluate(frozen).ok, "roles without a file"
    assert not FreezeAction(mode="off").verify(frozen, frozen.clock.now()).ok
    assert run(FreezeAction(mode="off"), frozen).ok
    assert primary.sql(SETTINGS) == before
    path.write_bytes(kept)
    status = CheckFreeze().evaluate(frozen)
    assert not status.ok, "the file alone"
    assert "NOT read only: freeze again" in status.summary
    assert not FreezeAction().verify(frozen, frozen.clock.now()).ok
    run(FreezeAction(), frozen)
    primary.sql(f"ALTER ROLE mover IN DATABASE {roles.database} SET default_transaction_read_only = 'off'")
    run(FreezeAction(mode="off"), frozen)
    left = {role: config for _, role, config in primary.sql(SETTINGS)}
    assert left["mover"] == ["default_transaction_read_only=off"], "what somebody set meanwhile stays"
    primary.sql(f"ALTER ROLE mover IN DATABASE {roles.database} RESET default_transaction_read_only")
    assert primary.sql(SETTINGS) == before


def test_end_of_the_freeze_reaches_a_database_that_was_restored_during_it(
    primary: Server, frozen: Context, roles: Target
) -> None:
    before = {role: config for name, role, config in primary.sql(SETTINGS) if name == roles.database}
    run(FreezeAction(), frozen)
    other = f"{roles.database}_restored"
    primary.sql(f"CREATE DATABASE {other} TEMPLATE template0")
    take_over(superuser_route(frozen.runbook, roles), other, roles.database)
    assert not may_create(primary, "mover", other)
    run(FreezeAction(mode="off"), frozen)
    for database in (roles.database, other):
        assert {role: config for name, role, config in primary.sql(SETTINGS) if name == database} == before


def test_role_is_named_once_where_two_targets_are_databases_of_one_server(frozen: Context, roles: Target) -> None:
    other = replace(roles, name="aone", label="AONE", database="postgres", migration_roles=("reader",))
    context = replace(frozen, runbook=replace(frozen.runbook, targets={"aone": other, "one": roles}))
    run(FreezeAction(), context)
    plan = FreezeAction(mode="off").plan(context)
    named = [effect.object for effect in plan.effects if effect.identity.startswith("freeze off")]
    assert sorted(text.rpartition(" ")[2] for text in named) == ["AONE", "ONE", "ONE", "ONE"]
    assert run(FreezeAction(mode="off"), context).ok
    assert CheckFreeze(expect="off").evaluate(context).ok


def test_roles_of_applications_and_superusers_are_left_alone(frozen: Context, roles: Target, primary: Server) -> None:
    named = replace(roles, migration_roles=("arp_app", "postgres", "nobody"))
    context = replace(frozen, runbook=replace(frozen.runbook, targets={"one": named}))
    before, plan = primary.sql(SETTINGS), FreezeAction().plan(context)
    words = " ".join(text for name, text in plan.facts if name == "not held")
    assert "arp_app is a login of the applications" in words
    assert "postgres is a login of the applications or of Midwatch" in words
    assert "there is no role nobody" in words
    assert FreezeAction().apply(context, plan).ok
    assert primary.sql(SETTINGS) == before
    run(FreezeAction(mode="off"), context)


def test_server_that_is_gone_holds_up_no_freeze_but_its_end(frozen: Context, roles: Target, primary: Server) -> None:
    run(FreezeAction(), frozen)
    lost = replace(frozen, runbook=replace(frozen.runbook, targets={"one": replace(roles, port=1, socket="/gone")}))
    outcome = run(FreezeAction(until="5 h"), lost)
    assert outcome.ok
    assert "NOT held: ONE: its roles cannot be read" in outcome.summary
    off = FreezeAction(mode="off")
    assert "its migration roles may be read only" in off.plan(lost).refusal
    with pytest.raises(Failed, match="The freeze stays"):
        off.apply(lost, off.plan(lost))
    assert "STILL read only" in run(FreezeAction(mode="off", force=True), lost).summary
    assert not frozen.location("freeze").exists()
    assert run(off, frozen).ok
    assert CheckFreeze(expect="off").evaluate(frozen).ok


def pipelines() -> dict[str, list[str]]:
    """The commands of the examples, as the runners execute them: one after the other, ended by the first that fails."""
    github = yaml.safe_load((EXAMPLES / "github-migrate.yml").read_text())
    gitlab = yaml.safe_load((EXAMPLES / "gitlab-migrate.yml").read_text())
    steps = [step["run"] for step in github["jobs"]["migrate"]["steps"] if "run" in step]
    return {"github": steps, "gitlab": gitlab["migrate"]["script"]}


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["github", "gitlab"])
def test_pipeline_creates_no_table_while_frozen_and_does_so_after(
    primary: Server, frozen: Context, roles: Target, tmp_path: Path, runner: str
) -> None:
    site = tmp_path / "site.yaml"
    target = {"kind": "local", "host": "127.0.0.1", "port": roles.port, "socket": roles.socket}
    target |= {"database": roles.database, "label": "ONE", "user": "arp_app", "migration_roles": ["mover"]}
    locations = {name: text for name, text in frozen.runbook.locations.items() if text}
    data = {"midwatch-site": 1, "environment": "rehearsal", "targets": {"one": target}, "locations": locations}
    site.write_text(yaml.safe_dump(data))
    programs, migrations = tmp_path / "bin", tmp_path / "migrations"
    programs.mkdir()
    migrations.mkdir()
    login = f"host=127.0.0.1 port={roles.port} user=mover dbname={roles.database}"
    script = f"import psycopg; psycopg.connect('{login}', autocommit=True).execute('CREATE TABLE made (n int)')"
    for file, text in {
        programs / "midwatch": f'exec {sys.executable} -m midwatch "$@"',
        migrations / "run.sh": f'exec {sys.executable} -c "{script}"',
    }.items():
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def pipeline() -> tuple[int, str]:
        # no backup window at the hour of this test
        commands = "\n".join(pipelines()[runner]).replace("check migration-window", "check migration-window $WINDOW")
        commands = commands.replace("/srv/prod/runbook.yaml", str(frozen.runbook.file))
        hour = frozen.clock.now().hour
        window = f"--backup-window {(hour + 12) % 24:02}:00-{(hour + 13) % 24:02}:00"
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "WINDOW": window, "HOME": str(tmp_path)}
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", commands.replace("/srv/prod/site.yaml", str(site))],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    options = ["--runbook", str(frozen.runbook.file), "--site", str(site)]
    assert main(["freeze", "on", "--yes", *options]) == 0
    assert main(["freeze", "status", *options]) == 1
    code, said = pipeline()
    assert (code, "frozen by" in said) == (2, True), said
    bare = subprocess.run([migrations / "run.sh"], capture_output=True, text=True, timeout=100, check=False)
    assert "read-only transaction" in bare.stderr, "not even past the pipeline"
    assert primary.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'made'", database=roles.database) == [(0,)]
    assert main(["freeze", "off", "--yes", *options]) == 0
    assert main(["freeze", *options]) == 0
    code, said = pipeline()
    assert code == 0, said
    assert primary.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'made'", database=roles.database) == [(1,)]
