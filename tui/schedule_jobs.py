"""What runs by itself, how often: the checks that fit a runbook, the weekly proof, the end of a freeze, the watcher."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from midwatch.api.registry import action_names
from midwatch.runbook.model import Runbook
from midwatch.system.units import Seconds
from tui.watch_unit import command_line


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a job runs."""

    words: str
    calendar: str
    """As `OnCalendar` of systemd takes it."""
    cron: str
    """The five fields of cron."""
    delay_s: int
    """A random delay of at most this long, so that not every machine asks the same server at once."""


FREQUENT = Cadence("every 5 minutes", "*:0/5", "*/5 * * * *", 60)
QUARTERLY = Cadence("every 15 minutes", "*:0/15", "*/15 * * * *", 180)
HOURLY = Cadence("every hour", "*:10", "10 * * * *", 600)
DAILY = Cadence("every day at 06:30", "*-*-* 06:30", "30 6 * * *", 1800)
WEEKLY = Cadence("every Sunday at 09:00", "Sun *-*-* 09:00", "0 9 * * 0", 3600)
_CHECKS = {
    "services": FREQUENT,
    "db-health": FREQUENT,
    "backup-age": QUARTERLY,
    "docker": QUARTERLY,
    "access-anomaly": HOURLY,
    "backup-size": DAILY,
    "backup-duration": DAILY,
    "backup-redundancy": DAILY,
    "backup-valid": DAILY,
    "retention": DAILY,
    "secret-rotation": DAILY,
    "schema-visibility": WEEKLY,
}
_CHECK_LIMIT, _PROOF_LIMIT = Seconds(300), Seconds(12 * 3600)


@dataclass(frozen=True, slots=True)
class Job:
    """One command that runs again and again."""

    name: str
    """Part of the name of its unit and of its lock."""
    words: tuple[str, ...]
    """The command line, program and all."""
    cadence: Cadence
    limit: Seconds
    """It is ended when it takes longer."""
    is_gentle: bool = False
    """Whether it gives way to everything else on the machine."""


def schedule_of(runbook: Runbook, textfiles: Path | None = None) -> list[Job]:
    """The jobs of a runbook. With `textfiles`, each check also leaves its metrics there, for Prometheus."""
    jobs = [_check(runbook, textfiles, *one) for one in _checks(runbook)]
    if runbook.targets:
        jobs.append(Job("proof", _command(runbook, "proof", "run"), WEEKLY, _PROOF_LIMIT, is_gentle=True))
    if any(target.migration_roles for target in runbook.targets.values()):
        jobs.append(Job("freeze-end", _command(runbook, "freeze", "off", "--ended"), FREQUENT, _CHECK_LIMIT))
    return jobs


def _command(runbook: Runbook, *words: str) -> tuple[str, ...]:
    return tuple(command_line(runbook, *words, "--runbook", str(runbook.file.absolute())))


def _check(runbook: Runbook, textfiles: Path | None, name: str, job: str, cadence: Cadence, options: list[str]) -> Job:
    words = [*_command(runbook, "check", name), *options, "--time-limit", str(_CHECK_LIMIT)]
    if textfiles is not None:
        words += ["--textfile", str(textfiles / f"midwatch-{job}.prom")]
    return Job(f"check-{job}", tuple(words), cadence, Seconds(2 * _CHECK_LIMIT))


def _checks(runbook: Runbook) -> Iterator[tuple[str, str, Cadence, list[str]]]:
    """Name of the check, name of the job, how often, options."""
    paths = [str(path) for panel in runbook.panels if panel.probe == "disk" for path in panel.with_.get("paths", ())]
    slugs = dict[str, int]()
    for path in dict.fromkeys(str(runbook.resolve(path)) for path in paths or [runbook.locations["backups"]]):
        slug = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")[-60:] or "root"
        slugs[slug] = slugs.get(slug, 0) + 1  # two paths may differ in what is left out
        job = f"disk-{slug}" + (f"-{slugs[slug]}" if slugs[slug] > 1 else "")
        yield "disk", job, FREQUENT, ["--path", path]
    has_docker = any(panel.probe == "docker" for panel in runbook.panels)
    has_docker = has_docker or any(target.container for target in runbook.targets.values())
    for name, cadence in _CHECKS.items():
        if name in action_names() and (has_docker if name == "docker" else runbook.targets):
            yield name, name, cadence, []
