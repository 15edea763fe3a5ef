"""The check `access-anomaly`: the logins and changes of access of the last day are like those of the weeks before."""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

from actions.support.access_logs import (
    AUTH_LOGS,
    file_lines,
    incident_times,
    journal_lines,
    server_lines,
    unmet_prerequisites,
)
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.figures import Figure
from midwatch.api.findings import Findings
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from midwatch.system.errors import BadInput, MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.units import Seconds, duration
from probes.logs.access_events import audit_events, server_events
from probes.logs.access_findings import AccessFindings
from probes.logs.access_profile import DAY_S, AccessProfile
from probes.logs.fast_time import Moments
from probes.logs.rotated_log import Coverage
from probes.postgres.connect import APPLICATION

_DAY, _MONTH = Seconds(DAY_S), Seconds(30 * DAY_S)
_SAID = 50
"""Findings that are listed."""
_BASTION = "the bastion"
_JOURNAL = "the journal of this machine"


@dataclass(frozen=True)
class CheckAccessAnomaly(Check):
    """Holds while nobody logged in within `window` in a way that the `history` before does not know, and nobody changed
    roles, settings or `pg_hba.conf` while no incident was open.

    Reads the access audit log, the logs of the machine's own logins and each server's log with their rotations, in one
    pass. A superuser over a new network and a login after failed ones are critical, all else is a warning. What a
    server does not log is unknown, and so is what a history of less than a week cannot tell.
    """

    name: ClassVar[str] = "access-anomaly"
    summary: ClassVar[str] = "Logins and changes of access are like those of the last 30 days"
    outputs: ClassVar[tuple[str, ...] | None] = ("level", "findings")

    targets: tuple[Target, ...] = param("which servers' logs (default: all)", default=())
    logs: tuple[Path, ...] = param("further logs of logins (default: /var/log/auth.log or secure)", default=())
    journal: bool | None = param("this machine's journal as well (default: where it has no auth.log)", default=None)
    window: Seconds = param("the time that is judged", default=_DAY)
    history: Seconds = param("the time that it is compared with", default=_MONTH)
    allowed: tuple[str, ...] = param("networks that superusers may come from, such as 10.0.0.0/24", default=())

    def __post_init__(self) -> None:
        for network in self.allowed:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as error:
                raise BadInput(f"{network!r} is not a network", hint="Write it like 10.0.0.0/24") from error

    def evaluate(self, context: Context) -> Outcome:
        """Check the prerequisites, read all logs once, and compare the last day with the history."""
        findings, missing = Findings(), list[str]()
        profile = self._profile(context)
        targets = self.targets or tuple(context.runbook.targets.values())
        for target in targets:
            missing += _unmet(context, target)
        missing += self._read_audit(context, profile)
        for target in targets:
            missing += _read_server(context, target, profile)
        judged = AccessFindings(profile)
        anomalies = judged.all()
        for anomaly in anomalies[:_SAID]:
            context.console.say(safe_text(f"{anomaly.kind}: {anomaly}"))
        for anomaly in anomalies:
            (findings.fail if anomaly.is_critical else findings.warn)(safe_text(str(anomaly)))
        for where, days in judged.short_histories().items():
            span = duration(days * DAY_S)
            missing.append(
                safe_text(f"the history of {where} is {span} long, and a week is needed to know what is new")
            )
        if profile.left_out:
            missing.append(f"{profile.left_out} logins in more ways than are kept")
        if anomalies:  # which an unknown part must not hide
            findings.about = f"not known: {'; '.join(missing)}" if missing else ""
        for text in missing if not anomalies else ():
            findings.unknown(text)
        findings.figures.append(Figure("findings", len(anomalies), low=0))
        findings.figures.append(Figure("entries", profile.entries, low=0))
        findings.values["findings"] = str(len(anomalies))
        findings.summary = f"nothing out of the ordinary in {profile.entries} logins and changes"
        return findings.outcome()

    def _profile(self, context: Context) -> AccessProfile:
        runbook, times = context.runbook, incident_times(context)
        superusers = {name: {target.superuser or "postgres"} for name, target in runbook.targets.items()}
        listed = {
            name: {APPLICATION, *(dependent.name.lower() for dependent in target.dependents)}
            | {dependent.tcp.rpartition(":")[0].strip("[]") for dependent in target.dependents}
            for name, target in runbook.targets.items()
        }

        def is_listed(where: str, application: str, source: str) -> bool:
            names = listed.get(where, {APPLICATION}) - {""}
            return source in names or any(name == application or f"{name} " in f"{application} " for name in names)

        return AccessProfile(
            context.clock.now().timestamp(),
            self.window,
            self.history + self.window,
            lambda where, name: name in superusers.get(where, {"root"}),
            is_listed,
            lambda moment: any(begin <= moment <= end for begin, end in times),
            self._is_allowed,
        )

    def _is_allowed(self, source: str) -> bool:
        return _is_within(source, self.allowed)

    def _read_audit(self, context: Context, profile: AccessProfile) -> list[str]:
        """The audit log first: it has the password changes that logins are compared with. Returns what was not read."""
        places = {key: target.name for target in context.runbook.targets.values() for key in _names(target)}

        def place(target: str) -> str:
            return places.get(target, target or _BASTION)

        unknown: list[str] = []
        since, missing = profile.now - profile.history_s, list[str]()
        paths = [context.runbook.location_of("audit"), *self._auth_logs(context)]
        sources = [(str(path), partial(file_lines, path, since)) for path in paths]
        if self._reads_journal():
            sources.append((_JOURNAL, partial(journal_lines, since)))
        for name, read in sources:
            coverage = Coverage()
            moments = Moments(context.clock.now())
            try:
                for lines in read(coverage):
                    profile.add_all(audit_events(lines, moments, unknown), place)
            except MidwatchError as error:
                coverage.passed_over.append(error.sentence)
            if name == _JOURNAL and self.journal and not (coverage.lines or coverage.passed_over):
                coverage.passed_over.append("it has no entry about logins")
            missing += _account(context, name, coverage)
        if unknown:
            context.console.say(f"Not understood, among others: {safe_text(unknown[-1])}")
        return missing

    def _reads_journal(self) -> bool:
        if self.journal is not None:
            return self.journal
        return not self.logs and not any(Path(path).exists() for path in AUTH_LOGS) and bool(shutil.which("journalctl"))

    def _auth_logs(self, context: Context) -> Iterator[Path]:
        if self.logs:
            yield from (context.runbook.resolve(str(path)) for path in self.logs)
        else:
            yield from (Path(path) for path in AUTH_LOGS if Path(path).exists())


def _unmet(context: Context, target: Target) -> list[str]:
    try:
        return [f"{target.label} {text}" for text in unmet_prerequisites(context.runbook, target)]
    except MidwatchError as error:
        return [f"what {target.label} logs: {error.sentence}"]


def _read_server(context: Context, target: Target, profile: AccessProfile) -> list[str]:
    """Take in the server's log. Returns what was not read."""
    coverage, moments = Coverage(), Moments(context.clock.now())
    try:
        for lines in server_lines(context, target, profile.now - profile.history_s, coverage):
            profile.add_all(server_events(lines, moments), lambda _: target.name)
    except MidwatchError as error:
        coverage.passed_over.append(error.sentence)
    return _account(context, f"the log of {target.label}", coverage)


def _names(target: Target) -> tuple[str, ...]:
    return target.name, target.label, target.database


def _account(context: Context, log: str, coverage: Coverage) -> list[str]:
    """Say what was read, and return what was not."""
    context.console.say(f"Read of {safe_text(log)}: {safe_text(str(coverage))}")
    return [safe_text(f"{log} was not read to its end: {text}") for text in coverage.passed_over]


@lru_cache(maxsize=10_000)
def _is_within(source: str, networks: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network, strict=False) for network in networks)
