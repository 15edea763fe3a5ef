"""Writes a schedule as units of systemd or as a table of cron."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from midwatch.runbook.model import Runbook
from tui.schedule_jobs import Job
from tui.watch_unit import SYSUSERS, command_line, quoted, watch_unit, watch_unit_name

SYSTEMD, CRON = "systemd", "cron"
FOLDERS = {SYSTEMD: "/etc/systemd/system", CRON: "/etc/cron.d"}
"""Where each is read."""
SYSUSERS_FILE = "sysusers.d/midwatch-watch.conf"
"""Below /etc, or below a folder that the user names."""
_SERVICE = """\
[Unit]
Description=Midwatch {name} of {id}
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={command}
User={user}
TimeoutStartSec={limit}
UMask=0027
NoNewPrivileges=yes
ProtectSystem=full
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictRealtime=yes
LockPersonality=yes
{gentle}"""
_GENTLE = "Nice=15\nIOSchedulingClass=idle\n"
_TIMER = """\
[Unit]
Description=Midwatch {name} of {id}, {words}

[Timer]
OnCalendar={calendar}
RandomizedDelaySec={delay}
FixedRandomDelay=yes
Persistent=yes

[Install]
WantedBy=timers.target
"""
_TABLE = """\
# Midwatch for {id}: written by `midwatch schedule print --format cron`. As {folder}/{name}
# A job waits a random time, does not start while it still runs, and prints only what failed: cron mails that to MAILTO.
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
"""


def files_of(runbook: Runbook, jobs: Sequence[Job], form: str, user: str) -> dict[str, str]:
    """The files by name."""
    return dict(_units(runbook, jobs, user)) if form == SYSTEMD else dict([_table(runbook, jobs, user)])


def _units(runbook: Runbook, jobs: Sequence[Job], user: str) -> Iterator[tuple[str, str]]:
    for job in jobs:
        unit, about = f"midwatch-{runbook.id}-{job.name}", {"name": job.name, "id": runbook.id}
        words = " ".join(map(quoted, job.words))
        gentle = _GENTLE if job.is_gentle else ""
        limit = f"{job.limit:.0f}"
        yield f"{unit}.service", _SERVICE.format(**about, command=words, user=user, limit=limit, gentle=gentle)
        cadence = job.cadence
        yield (
            f"{unit}.timer",
            _TIMER.format(**about, words=cadence.words, calendar=cadence.calendar, delay=cadence.delay_s),
        )
    if runbook.triggers:
        yield watch_unit_name(runbook), watch_unit(runbook, declares=False)
        yield SYSUSERS_FILE, SYSUSERS


def _table(runbook: Runbook, jobs: Sequence[Job], user: str) -> tuple[str, str]:
    name = f"midwatch-{runbook.id}"
    lines = [
        _line(runbook, job.name, job.words, job.cadence.cron, job.cadence.delay_s, job.limit, user) for job in jobs
    ]
    if runbook.triggers:
        words = command_line(runbook, "watch", str(runbook.file.absolute()), "--once")
        lines.append(_line(runbook, "watch", words, "* * * * *", 0, 600.0, user))
    return name, _TABLE.format(id=runbook.id, folder=FOLDERS[CRON], name=name) + "\n".join(lines) + "\n"


def _line(runbook: Runbook, job: str, words: Sequence[str], fields: str, delay_s: int, limit: float, user: str) -> str:
    lock = runbook.location_of("logs") / f"schedule-{job}.lock"
    run = f"timeout {limit:.0f} flock -n -E 0 {shlex.quote(str(lock))} {shlex.join(words)}"
    wait = f'sleep "$(shuf -i 0-{delay_s} -n 1)"; ' if delay_s else ""
    shell = f'{wait}said="$({run} 2>&1)" || printf "%s\\n" "$said"'
    return f"{fields} {user} {shell}".replace("%", "\\%")
