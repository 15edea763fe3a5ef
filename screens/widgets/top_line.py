"""The header: which incident, how bad, how long, who drives, when the next update is due."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content

from midwatch.incident.state import Incident
from midwatch.runbook.model import Severity
from screens.widgets.ages import elapsed, span
from screens.widgets.pen import CHOSEN, FAINT, SOON, STRONG, WRONG, Pen
from screens.widgets.rows import edges, fit

_STYLES = {Severity.SEV0: f"bold {WRONG}", Severity.SEV1: f"bold {WRONG}", Severity.SEV2: f"bold {SOON}", Severity.SEV3: STRONG}


def top_line(
    incident: Incident, due: datetime | None, now: datetime, width: int, pen: Pen, *, driving: bool, drill: bool = False
) -> Content:
    """What fits, most important first; the clock stands beside it on its own."""
    right = [part for part in (_elapsed(incident, now, pen), _driver(incident, driving, pen), _due(due, now, pen)) if part]
    severity = pen.ink(incident.severity.value, _STYLES[incident.severity])
    title = pen.clean(incident.title)
    while len(right) > 1 and width - severity.cell_length - 4 - sum(len(part) + 2 for part in right) < min(len(title), 14):
        right.pop(1 if len(right) == 3 else 0)  # the next update matters longest
    tail = Content("  ").join(right)
    room = width - severity.cell_length - 3 - tail.cell_length - 2
    left = Content.assemble(severity, "  ", pen.ink(fit(title, max(room, 8), pen), STRONG))
    if room - len(title) > len(incident.id) + 3:
        left = Content.assemble(severity, pen.ink(f"  {incident.id}", FAINT), "  ", pen.ink(title, STRONG))
    return edges(left, tail, width)


def _elapsed(incident: Incident, now: datetime, pen: Pen) -> Content | None:
    if incident.declared_at is None:
        return None
    if incident.closed_at is not None:
        return pen.ink(f"closed after {elapsed((incident.closed_at - incident.declared_at).total_seconds())}", CHOSEN)
    return pen.ink(f"{elapsed((now - incident.declared_at).total_seconds())} in")


def _driver(incident: Incident, driving: bool, pen: Pen) -> Content | None:
    if not incident.open:
        return None
    who = incident.driver.partition("@")[0]
    if driving:
        return pen.ink(f"driver {who}", FAINT)
    return pen.ink(f"observing, {who} drives" if who else "observing, nobody drives", CHOSEN)


def _due(due: datetime | None, now: datetime, pen: Pen) -> Content | None:
    if due is None:
        return None
    left = (due - now).total_seconds()
    if left < 0:
        return pen.ink(f"{pen.signs.person} update due since {int(-left // 60)} min", WRONG)
    if left < 120:
        return pen.ink(f"update in {span(left)}", SOON)
    return pen.ink(f"update in {int(left // 60)} min", FAINT)
