"""A recovery taken back: the very verifier, the very lines, and nothing from a file that others could have written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actions.checks.password import CheckPassword
from actions.credentials.credential_backup import CredentialBackup, alone
from actions.credentials.password_candidates import login_of, works
from actions.credentials.pgpass_replacement import Replacement
from actions.reset_password import ResetPassword
from actions.undo_password_reset import UndoPasswordReset
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.errors import Refused
from probes.postgres.role import identifier, literal, read_role, run_quietly, set_verifier, verifier
from probes.postgres.routes import login_route, superuser_route
from tests.support.listening_server import Listening

pytestmark = pytest.mark.postgres
FORMER = "what the applications still have"


@pytest.fixture
def arp(context: Context) -> Target:
    """ARP, whose applications know a password that the bastion does not."""
    target = context.runbook.targets["arp-db-prod"]
    alter(context, f"LOGIN VALID UNTIL 'infinity' CONNECTION LIMIT -1 PASSWORD {literal(verifier(FORMER))}")
    return target


def alter(context: Context, what: str) -> None:
    way = superuser_route(context.runbook, context.runbook.targets["arp-db-prod"])
    run_quietly(way, f"ALTER ROLE {identifier('arp_app')} {what}")


def kept(context: Context, target: Target) -> str:
    role = read_role(superuser_route(context.runbook, target), "arp_app")
    assert role is not None
    return role.verifier


def recover(context: Context, target: Target) -> UndoPasswordReset:
    action = ResetPassword(target)
    outcome = action.apply(context, action.plan(context))
    undo = action.undo(outcome.values)
    assert isinstance(undo, UndoPasswordReset)
    return undo


def test_former_verifier_and_line_come_back_exactly(context: Context, arp: Target, console: Listening) -> None:
    file = context.location("pgpass")
    before, line = kept(context, arp), file.read_bytes()
    undo = recover(context, arp)
    new = console.secrets["new password of ARP"]
    assert console.values["credential_backup"] == str(undo.credential_backup)
    assert not undo.verify(context, datetime.now(UTC)).ok
    plan = undo.plan(context)
    assert plan.refusal == ""
    assert (
        next(effect.object for effect in plan.effects if effect.verb.value == "change") == "password of arp_app on ARP"
    )
    outcome = undo.apply(context, plan)
    assert kept(context, arp) == before
    assert file.read_bytes() == line
    route = login_route(arp)
    assert works(route, FORMER)
    assert not works(route, new)
    assert undo.verify(context, datetime.now(UTC)).ok
    assert "password.restored user=arp_app target=arp-db-prod" in context.location("audit").read_text()
    assert before not in context.location("audit").read_text() + "".join(console.said)
    again = undo.undo(outcome.values)
    assert isinstance(again, UndoPasswordReset)
    again.apply(context, again.plan(context))
    assert works(route, new)
    assert CheckPassword(arp).evaluate(context).ok


@pytest.mark.parametrize("former", ["md5" + "0" * 32, ""])
def test_md5_hash_and_no_password_at_all_come_back_too(context: Context, arp: Target, former: str) -> None:
    set_verifier(superuser_route(context.runbook, arp), "arp_app", former)
    undo = recover(context, arp)
    undo.apply(context, undo.plan(context))
    assert kept(context, arp) == former


def test_undo_of_a_changed_file_alone_restores_the_file_alone(context: Context, arp: Target, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(FORMER + "\n")
    target = replace(arp, password_file=str(tmp_path / "secret"))
    before, line = kept(context, arp), context.location("pgpass").read_bytes()
    undo = recover(context, target)
    assert CheckPassword(target).evaluate(context).ok
    assert not any("password of" in effect.object for effect in undo.plan(context).effects)
    undo.apply(context, undo.plan(context))
    assert context.location("pgpass").read_bytes() == line
    assert kept(context, arp) == before


def test_undo_without_a_change_is_refused(context: Context, arp: Target) -> None:
    recover(context, arp)
    action = ResetPassword(arp)
    outcome = action.apply(context, action.plan(context))
    assert (outcome.values["method"], outcome.values["source"]) == ("found", ".pgpass")
    assert action.undo(outcome.values) is None


def _by_second_name(file: Path) -> None:
    file.with_name("elsewhere").hardlink_to(file)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.chmod(0o644), "can be read by other users"),
        (lambda file: file.write_text("SCRAM-SHA-256$"), "not what a recovery keeps"),
        (
            lambda file: file.write_text(file.read_text().replace("arp-db-prod", "otc-db-prod")),
            "belongs to arp_app of otc",
        ),
        (lambda file: file.unlink(), "cannot be read"),
        (_by_second_name, "has 2 names"),
    ],
)
def test_file_that_is_not_ours_is_refused(
    context: Context, arp: Target, spoil: Callable[[Path], object], said: str
) -> None:
    undo = recover(context, arp)
    now, line = kept(context, arp), context.location("pgpass").read_bytes()
    spoil(undo.credential_backup)
    assert said in undo.plan(context).refusal
    with pytest.raises(Refused, match=said):
        undo.apply(context, undo.plan(context))
    assert (kept(context, arp), context.location("pgpass").read_bytes()) == (now, line)


def test_run_that_was_killed_before_its_last_move_is_finished_by_the_next(context: Context, arp: Target) -> None:
    left = Replacement.with_password(context.location("pgpass"), login_of(login_route(arp)), "not-yet-published")
    before, line = kept(context, arp), context.location("pgpass").read_bytes()
    CredentialBackup(arp.name, "arp_app", before, left.former).keep(context.location("credential_backups"))
    set_verifier(superuser_route(context.runbook, arp), "arp_app", verifier("not-yet-published"))
    action = ResetPassword(arp)
    assert not action.verify(context, datetime.now(UTC)).ok
    outcome = action.apply(context, action.plan(context))
    assert outcome.values["method"] == "found"
    assert action.verify(context, datetime.now(UTC)).ok
    undo = action.undo(outcome.values)
    assert undo is not None
    undo.apply(context, undo.plan(context))
    assert (kept(context, arp), context.location("pgpass").read_bytes()) == (before, line), "of the run that was killed"


def test_two_recoveries_never_run_at_once(context: Context, arp: Target) -> None:
    with alone(context.location("credential_backups")), pytest.raises(Refused, match="Another recovery"):
        ResetPassword(arp).apply(context, ResetPassword(arp).plan(context))
