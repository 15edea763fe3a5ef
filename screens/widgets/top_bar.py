"""The header: which incident, how bad, how long, who drives, when the next update is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from midwatch.incident.state import Incident, StepStatus
from midwatch.reports.message_text import undelivered_words
from midwatch.runbook.model import Environment, Severity
from screens.widgets.environments import environment_text
from screens.widgets.styles import CHOSEN, FAINT, SOON, STRONG, WRONG, TextStyles
from screens.widgets.text_layout import edges, fit
from screens.widgets.time_labels import elapsed, span

_STYLES = {
    Severity.SEV0: f"bold {WRONG}",
    Severity.SEV1: f"bold {WRONG}",
    Severity.SEV2: f"bold {SOON}",
    Severity.SEV3: STRONG,
}


def top_bar(
    incident: Incident,
    environment: Environment,
    due: datetime | None,
    now: datetime,
    width: int,
    text_styles: TextStyles,
    *,
    steady: float,
    driving: bool,
    journal: str = "",
    watching: int = 0,
    silent: float | None = None,
) -> Content:
    """What fits, most important first; the clock stands beside it on its own.

    `steady`: seconds since the declaration (`Incident.elapsed_now`). `journal`: what is wrong with it, if anything.

    `watching`: how many follow along. `silent`: seconds for which the driver has been unresponsive, once that is too
    long.
    """
    journal = "journal" if journal else "journal elsewhere" if incident.journal_away else ""
    since = (3, _elapsed(incident, steady, text_styles))
    driver = (4, _driver(incident, text_styles, width, driving=driving, watching=watching, silent=silent))
    parts = [  # the most important first, each with its place from left to right
        (0, text_styles.ink(f"{text_styles.signs.person} {journal}", WRONG) if journal else None),
        (6, _undelivered(incident, now, text_styles)),
        (5, _due(due, now, text_styles)),
        *([since, driver] if driving else [driver, since]),  # who observes has to see that before anything else
        (2, _running(incident, text_styles)),
    ]
    right = [(place, part) for place, part in parts if part]
    well = (1, text_styles.ink("journal ok", FAINT))
    severity, title = (
        text_styles.ink(incident.severity.value, _STYLES[incident.severity]),
        text_styles.clean(incident.title),
    )
    severity = Content.assemble(severity, "  ", environment_text(environment, text_styles))
    room = width - severity.cell_length - 2
    while len(right) > 1 and room - _length(right) < min(len(title), 14):
        right.pop()
    left = Content.assemble(
        severity, "  ", text_styles.ink(fit(title, max(room - _length(right), 8), text_styles), STRONG)
    )
    if room - len(title) - len(incident.id) - 3 > _length(right):
        right += [] if journal or room - len(title) - len(incident.id) - 3 <= _length([*right, well]) else [well]
        left = Content.assemble(
            severity, text_styles.ink(f"  {incident.id}", FAINT), "  ", text_styles.ink(title, STRONG)
        )
    return edges(left, Content("  ").join(part for _, part in sorted(right, key=lambda item: item[0])), width)


def _length(parts: Sequence[tuple[int, Content]]) -> int:
    return sum(part.cell_length + 2 for _, part in parts)


def _undelivered(incident: Incident, now: datetime, text_styles: TextStyles) -> Content | None:
    late = sum(delivery.is_late(now) for delivery in incident.deliveries.values())
    return text_styles.ink(f"{text_styles.signs.person} {undelivered_words(late)}", WRONG) if late else None


def _running(incident: Incident, text_styles: TextStyles) -> Content | None:
    count = len(incident.running())
    return text_styles.ink(f"{text_styles.signs.states[StepStatus.RUNNING]} {count} running", CHOSEN) if count else None


def _elapsed(incident: Incident, steady: float, text_styles: TextStyles) -> Content | None:
    if incident.declared_at is None:
        return None
    if incident.closed_at is not None:
        return text_styles.ink(f"{incident.word} after {elapsed(incident.lasted)}", CHOSEN)
    return text_styles.ink(f"{elapsed(steady)} in")


def _driver(
    incident: Incident, text_styles: TextStyles, width: int, *, driving: bool, watching: int, silent: float | None
) -> Content | None:
    if not incident.open:
        return None
    who, narrow = incident.driver.partition("@")[0], width < 100
    if driving:
        others = f", {watching} watching" if watching else ""
        return text_styles.ink(f"{who}{others}" if narrow and others else f"driver {who}{others}", FAINT)
    if who and silent is not None:
        quiet = span(silent // 10 * 10)
        return text_styles.ink(f"{who} silent {quiet}" if narrow else f"observing, {who} silent for {quiet}", SOON)
    if narrow:
        return text_styles.ink(f"observing {who}" if who else "no driver", CHOSEN)
    others = f", {watching} watching" if watching > 1 else ""
    return text_styles.ink(f"observing, {who} drives{others}" if who else "observing, nobody drives", CHOSEN)


def _due(due: datetime | None, now: datetime, text_styles: TextStyles) -> Content | None:
    if due is None:
        return None
    left = (due - now).total_seconds()
    if left < 0:
        late = f"since {int(-left // 60)} min" if left <= -60 else "now"
        return text_styles.ink(f"{text_styles.signs.person} update due {late}", WRONG)
    if left < 120:
        return text_styles.ink(f"update in {span(left)}", SOON)
    return text_styles.ink(f"update in {int(left // 60)} min", FAINT)
