"""The check `migration-window`: no freeze and no backup window stands against a migration that starts now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from actions.support import freeze_file
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.findings import Findings
from midwatch.api.parameters import param
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput, MidwatchError, in_words
from midwatch.system.units import Seconds, duration
from probes.backup.backup_catalog import being_written

_HALF_HOUR = Seconds(1800)
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class CheckMigrationWindow(Check):
    """Holds while a migration that starts now and takes `takes` meets no freeze and no backup window, and no backup is
    being written: one line at the beginning of a CI job.

    A window is a time of day, `01:45-04:00`, in `timezone`; a window over midnight is `23:00-02:00`. Critical when it
    does not hold, and unknown when the folder of the freeze file is not there or the file cannot be understood: each
    ends the job.
    """

    name: ClassVar[str] = "migration-window"
    summary: ClassVar[str] = "A migration may start now: no freeze, no backup window, no running backup"
    outputs: ClassVar[tuple[str, ...] | None] = ("level", "free_at")

    backup_window: tuple[str, ...] = param("times of day without migrations", default=("01:45-04:00",))
    timezone: str = param("the time zone of the windows, such as Europe/Berlin", default="UTC")
    takes: Seconds = param("how long the migration may take", default=_HALF_HOUR)

    def __post_init__(self) -> None:
        for text in self.backup_window:
            _times(text)
        _zone(self.timezone)

    def evaluate(self, context: Context) -> Outcome:
        """Compare the time with the windows, and read the freeze file."""
        now = context.clock.now()
        findings = Findings("no freeze, no backup window and no running backup")
        earliest = self._freeze(context, now, findings)
        for text in self.backup_window:
            for begin, end in _around(text, now.astimezone(_zone(self.timezone))):
                if begin < now + timedelta(seconds=self.takes) and now < end:
                    when = "is open" if begin <= now else f"begins in {duration((begin - now).total_seconds())}"
                    findings.fail(f"the backup window {text} {self.timezone} {when}")
        for target in context.runbook.targets.values():
            try:
                file = being_written(context.runbook, target)
            except (OSError, MidwatchError) as error:
                findings.unknown(f"whether a backup of {target.label} is running: {in_words(error)}")
                continue
            if file is not None:
                findings.fail(f"a backup of {target.label} is being written")
        free_at = self._free_at(earliest)
        if findings.problems and free_at is not None and free_at > now:
            findings.values["free_at"] = to_rfc3339(free_at)
            findings.about = f"free from {free_at.astimezone(_zone(self.timezone)):%Y-%m-%d %H:%M} {self.timezone} on"
        return findings.outcome()

    def _freeze(self, context: Context, now: datetime, findings: Findings) -> datetime:
        """Add a freeze that stands to the findings. Its end, else now."""
        try:
            file = context.location("freeze")
            if not file.parent.is_dir():
                findings.unknown(f"{file.parent} is not there, so nothing says whether deployments are frozen")
            freeze = freeze_file.read(file)
        except MidwatchError as error:
            findings.unknown(str(error))
            return now
        if freeze is None or not freeze.stands(now):
            return now
        findings.fail(str(freeze))
        return freeze.until

    def _free_at(self, earliest: datetime) -> datetime | None:
        """The first time from `earliest` on with room for the migration between the windows; None when there is
        none."""
        takes = timedelta(seconds=self.takes)
        for begin, end in self._windows(earliest):
            if begin < earliest + takes and earliest < end:
                earliest = end
        late = any(begin < earliest + takes and earliest < end for begin, end in self._windows(earliest))
        return None if late else earliest

    def _windows(self, around: datetime) -> list[tuple[datetime, datetime]]:
        local = around.astimezone(_zone(self.timezone))
        return sorted(window for text in self.backup_window for window in _around(text, local))


def _times(text: str) -> tuple[time, time]:
    match = _WINDOW.fullmatch(text.strip())
    if match is None:
        raise BadInput(f"{text!r} is no window of a day", hint="Write it like 01:45-04:00")
    begin, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if begin == end:
        raise BadInput(f"The window {text!r} has no length", hint="Write it like 01:45-04:00")
    return begin, end


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise BadInput(f"There is no time zone {name!r}", hint="Write it like Europe/Berlin") from None


def _around(text: str, now: datetime) -> list[tuple[datetime, datetime]]:
    """The windows of yesterday, today and tomorrow, by the wall clock of their time zone."""
    begin, end = _times(text)
    found = []
    for days in (-1, 0, 1):
        date = now.date() + timedelta(days=days)
        last = date + timedelta(days=1 if end < begin else 0)
        found.append((datetime.combine(date, begin, now.tzinfo), datetime.combine(last, end, now.tzinfo)))
    return found
