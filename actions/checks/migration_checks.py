"""The check `migration-checks`: all conditions for a migration hold."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import build, param
from midwatch.api.plan import Plan, Verb
from midwatch.api.registry import find_action
from midwatch.system.errors import MidwatchError
from midwatch.system.external_command import run_external
from midwatch.system.sanitize import safe_text
from midwatch.system.units import Percent, Seconds, first_few
from probes.containers.client import engine
from probes.containers.command import Said, run_in
from probes.containers.compose import compose_file, compose_program, exec_line, run_in_service
from probes.postgres.migration_readiness import Finding, readiness

EIGHTY = Percent(80)
TEN_MINUTES = Seconds(600)
COMMAND_LIMIT = 120.0
"""Seconds for a command of somebody else's."""


@dataclass(frozen=True)
class MigrationChecks(Check):
    """Looks at everything that a migration needs, and says of each whether it holds: passes only if all do.

    The disk of the backups is less full than `below`; the newest nightly set is validated; every target answers over
    TCP with its own password, runs the version and has the extensions that the runbook expects, takes writes, has no
    long or prepared transaction, nobody who waits for a lock, no invalid index, no outdated extension, and nothing that
    its user cannot dump or that a restore would not load. With `pending`, that command must exit 0. With `container`,
    the checks inside that container run as well; with `compose`, inside that service. What cannot be told counts as not
    passed. The freeze is told, and counts for nothing.
    """

    name: ClassVar[str] = "migration-checks"
    summary: ClassVar[str] = "The migration pre-checks: databases, disk and backups"
    outputs: ClassVar[tuple[str, ...] | None] = ("passed", "failed")

    below: Percent = param("the disk of the backups must be less full", default=EIGHTY)
    longest: Seconds = param("a transaction older than this stands in the way", default=TEN_MINUTES)
    pending: str = param("a command that exits 0 when no migration is pending or half done", default="")
    container: str = param("a container or compose service with checks of its own, such as bastion", default="")
    compose: Path | None = param("the compose file, or its folder, whose service 'container' names", default=None)
    command: str = param("what to run in that container", default="./validate.sh")

    def plan(self, context: Context) -> Plan:
        """List what the checks read."""
        draft = self.draft()
        draft.add(Verb.READ, f"the disk of {context.location('backups')}, and the newest nightly set there")
        for target in context.runbook.targets.values():
            draft.add(Verb.READ, f"activity, locks, indexes and extensions of {target.label}")
        if self.pending:
            draft.fact("runs", self.pending)
        if self.container:
            where = f"the service {self.container} of {self.compose}" if self.compose else self.container
            draft.fact(f"runs in {where}", self.command)
        return draft.plan()

    def evaluate(self, context: Context) -> Outcome:
        """Run all checks and report each result."""
        findings = []
        for finding in self._findings(context):
            context.console.say(safe_text(str(finding)))
            findings.append(finding)
        failed = [finding for finding in findings if not finding.ok]
        values = {"passed": str(len(findings) - len(failed)), "failed": "; ".join(finding.name for finding in failed)}
        summary = f"{len(findings) - len(failed)} of {len(findings)} pre-checks pass"
        if failed:
            summary += (
                f"; not: {first_few((safe_text(f'{finding.name} ({finding.text})') for finding in failed), 5, '; ')}"
            )
        return Outcome(not failed, summary, values)

    def _findings(self, context: Context) -> Iterator[Finding]:
        backups = context.location("backups")
        yield self._by_check(
            "disk of the backups", "disk", {"path": str(backups), "below": f"{self.below:g} %"}, context
        )
        yield self._by_check("nightly backup", "nightly-set", {}, context)
        for target in context.runbook.targets.values():
            yield from readiness(context.runbook, target, self.longest)
        if self.pending:
            yield self._pending(context)
        if self.container:
            yield self._inside()
        freeze = self._by_check("freeze", "freeze-status", {"expect": "off"}, context)
        yield Finding("freeze, for information", True, freeze.text)

    def _by_check(self, title: str, name: str, given: dict[str, str], context: Context) -> Finding:
        try:
            check = build(find_action(name), given, context.runbook)
            assert isinstance(check, Check)
            outcome = check.evaluate(context)
        except MidwatchError as error:
            return Finding(title, False, str(error))
        return Finding(title, outcome.ok, outcome.summary)

    def _pending(self, context: Context) -> Finding:
        try:
            ended = run_external(self.pending, context.runbook.base, limit=COMMAND_LIMIT)
        except MidwatchError as error:
            return Finding("migrations", False, f"cannot be told: {error}")
        return Finding("migrations", ended.exit == 0, ended.last_line)

    def _inside(self) -> Finding:
        title = f"{self.command} in {self.container}"
        try:
            if self.compose is not None:
                return self._in_service(title, compose_file(self.compose))
            with engine(COMMAND_LIMIT) as client:
                said = run_in(client, self.container, *shlex.split(self.command))
        except MidwatchError as error:
            return Finding(title, False, str(error))
        return _said(title, said)

    def _in_service(self, title: str, file: Path) -> Finding:
        program = compose_program()
        if not program:
            return _said(title, run_in_service(file, self.container, self.command, COMMAND_LIMIT))
        ended = run_external(exec_line(program, file, self.container, self.command), file.parent, limit=COMMAND_LIMIT)
        return Finding(title, ended.exit == 0, ended.last_line)


def _said(title: str, said: Said) -> Finding:
    lines = (said.out + said.err).strip().splitlines()
    return Finding(title, said.exit == 0, lines[-1] if lines else f"exit {said.exit}")
