"""The probe `alerts`: the newest log lines that match a trigger of the runbook or one of the plan's markers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from midwatch.api.parameters import param
from midwatch.api.probe import Level, Probe, Reading, Row
from midwatch.runbook.locations import LOCATIONS
from midwatch.runbook.model import Runbook
from midwatch.runbook.triggers import Trigger
from midwatch.system.clock import Clock
from midwatch.system.errors import MidwatchError, OutcomeUnknown
from midwatch.system.expressions import TOO_SLOW, LineSearch
from probes.logs.log_tail import LogLine
from probes.logs.rotated_log import Coverage, find_lines

MARKS = re.compile(r"\[(ERROR|FAILURE|ALERT|CRITICAL|EMERGENCY|WARNING)\]")
"""The plan's own marks. A trigger's pattern comes first, so that its title is shown."""
TAIL = 262_144
"""Bytes at the end of each log that are read."""
FADES_S, FADED_S = 6 * 3600.0, 24 * 3600.0
"""Seconds after which an alert is one level milder, and after which its line is only shown."""
_TIME = re.compile(r"^\W{0,2}(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|\s?UTC)?")


@dataclass(frozen=True)
class AlertsProbe(Probe):
    """The newest alarming lines of the runbook's logs, newest first, each with its file and line number.

    An alert fades with its age: after 6 hours it is one level milder, and after 24 hours its line is only shown, with
    its day and without a level. A line without a time never fades. A time without a zone is one of this machine.

    Without `logs`, the logs of the triggers and the plan's own (`backup.log`, `emergency-backup.log`). Each reading
    starts afresh from the end of the file, so rotation and truncation need no care. A log that is not there is a row
    of level unknown, unless it is one of the plan's own, which appear with the first backup.
    """

    name: ClassVar[str] = "alerts"
    title: ClassVar[str] = "Alerts"
    every: ClassVar[float] = 2.0

    logs: tuple[Path, ...] = param("log files; those of the triggers when left out", default=())
    last: int = param("how many lines at most", default=5, least=1)

    def read(self, runbook: Runbook, clock: Clock) -> Reading:
        """Count the occurrences of each alert trigger in its log."""
        triggers = _triggers_by_log(runbook)
        expected = self.logs or tuple(triggers)
        rows: list[tuple[str, Row]] = []
        coverage = Coverage()
        missing: list[Row] = []
        for path in dict.fromkeys((*expected, *_own_logs(runbook))):
            try:
                found, too_slow = _alerts(path, triggers.get(path, ()), self.last, coverage, clock.now())
                rows, missing = rows + found, missing + too_slow
            except MidwatchError as error:
                if path in expected or isinstance(error, OutcomeUnknown):
                    missing.append(Row(path.name, error.sentence, Level.UNKNOWN, detail=error.hint))
        rows.sort(key=lambda item: item[0], reverse=True)  # stable: lines without a time stay in their file's order
        shown = tuple(row for _, row in rows[: self.last])
        if not shown and not missing:
            shown = (Row("logs", "no alert", Level.OK, facts=(("looked at", str(coverage)),)),)
        return Reading(self.name, clock.now(), (*shown, *missing))


def _triggers_by_log(runbook: Runbook) -> dict[Path, tuple[Trigger, ...]]:
    found: dict[Path, tuple[Trigger, ...]] = {}
    for trigger in runbook.triggers:
        if trigger.log:
            path = runbook.resolve(trigger.log)
            found[path] = (*found.get(path, ()), trigger)
    return found


def _own_logs(runbook: Runbook) -> list[Path]:
    places: Mapping[str, str] = runbook.locations or LOCATIONS
    folder = runbook.resolve(places.get("logs", LOCATIONS["logs"]))
    return [folder / "backup.log", folder / "emergency-backup.log"]


def _alerts(
    path: Path, triggers: tuple[Trigger, ...], newest: int, coverage: Coverage, now: datetime
) -> tuple[list[tuple[str, Row]], list[Row]]:
    """The newest lines, each with its time, and a row for each trigger whose expression takes too long."""
    searches = [_search(path, trigger.match) for trigger in triggers]
    lines = find_lines(path, [*searches, MARKS], limit=TAIL, newest=newest, coverage=coverage, unpack=False)
    titles = [trigger.title for trigger in triggers]
    rows = [_row(line, titles[line.match] if line.match < len(titles) else "", now) for line in reversed(lines)]
    too_slow = [title for title, search in zip(titles, searches, strict=True) if search.gave_up]
    return rows, [Row(path.name, f"not searched for: {title}", Level.UNKNOWN, detail=TOO_SLOW) for title in too_slow]


@lru_cache(maxsize=256)
def _search(path: Path, pattern: str) -> LineSearch:
    """The search in this log, which remembers the lines that it has seen."""
    return LineSearch(pattern)


def _row(line: LogLine, title: str, now: datetime) -> tuple[str, Row]:
    time = _TIME.match(line.text)
    mark = MARKS.search(line.text)
    mild = mark is not None and mark[1] in ("EMERGENCY", "WARNING") and not title
    text = line.text[time.end() :].lstrip(" .,0123456789Z:+-") if time else line.text
    age_s = _age_s(time, now) if time else 0.0
    row = Row(
        (f"{time[1][5:]} {time[2][:5]}" if age_s >= FADED_S else time[2]) if time else line.place,
        text or line.text,
        _faded(Level.WARN if mild else Level.CRITICAL, age_s),
        detail=title or line.place,
        facts=((("means", title),) if title else ()) + (("where", line.place),),
        data={"file": str(line.file), "line": line.number, "text": line.text},
    )
    return (f"{time[1]} {time[2]}" if time else ""), row


def _age_s(time: re.Match[str], now: datetime) -> float:
    """Seconds since the time of a line; 0 for a time that is none, or lies in the future."""
    try:
        at = datetime.fromisoformat(f"{time[1]} {time[2]}")
    except ValueError:
        return 0.0
    at = at.replace(tzinfo=UTC) if time[3] else at.astimezone()
    return max((now - at).total_seconds(), 0.0)


def _faded(level: Level, age_s: float) -> Level:
    if age_s >= FADED_S or (age_s >= FADES_S and level is Level.WARN):
        return Level.OK
    return Level.WARN if age_s >= FADES_S else level
