"""The header: which incident, how bad, how long, who drives, when the next update is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.reports.message_text import undelivered_words
from midwatch.runbook.model import Environment
from midwatch.runbook.severity import Severity
from midwatch.system.units import first_few
from screens.widgets.environments import environment_text
from screens.widgets.styles import CHOSEN, FAINT, SOON, STRONG, WRONG, TextStyles
from screens.widgets.text_layout import edges, fit
from screens.widgets.time_labels import elapsed, span

_NAMED = 2
_JOURNAL_OK = "journal ok"
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
    observers: Sequence[str] = (),
    silent: float | None = None,
    gone: bool = False,
) -> Content:
    """What fits, most important first; the clock stands beside it on its own. The role is always there.

    What comes and goes stands left of the role, so that the role, the time and the next update keep their places.

    `steady`: seconds since the declaration (`Incident.elapsed_now`). `journal`: what is wrong with it, if anything.

    `observers`: who else observes, one name for each screen. `silent`: seconds for which the driver has been
    unresponsive, once that is too long. `gone`: the driver's screen has ended, whatever the journal says.
    """
    journal = "journal" if journal else "journal elsewhere" if incident.journal_away else ""
    parts = [  # the most important first, each with its place from left to right
        (3, _role(incident, text_styles, width, driving=driving, observers=observers, silent=silent, gone=gone)),
        (2, _wrong(journal.ljust(len(_JOURNAL_OK) - 2), text_styles) if journal else None),
        (0, _undelivered(incident, now, text_styles)),
        (5, _due(due, now, text_styles)),
        (4, _elapsed(incident, steady, text_styles)),
        (1, _running(incident, text_styles)),
    ]
    right = [(place, part) for place, part in parts if part]
    well = (2, text_styles.ink(_JOURNAL_OK, FAINT))
    severity, title = (
        text_styles.ink(incident.severity.value, _STYLES[incident.severity]),
        text_styles.clean(incident.title),
    )
    severity = Content.assemble(severity, "  ", environment_text(environment, text_styles))
    room = width - severity.cell_length - 2
    is_overdue = due is not None and due < now
    least = 0 if is_overdue or journal else min(len(title), 14)  # what is wrong matters more than the title
    while len(right) > 1 and room - _length(right) < least:
        right.pop()
    shown = fit(title, max(room - _length(right), min(least, 8)), text_styles)
    left = Content.assemble(severity, "  ", text_styles.ink(shown if len(shown) > 2 else "", STRONG))
    if room - len(title) - len(incident.id) - 3 > _length(right):
        right += [] if journal or room - len(title) - len(incident.id) - 3 <= _length([*right, well]) else [well]
        left = Content.assemble(
            severity, text_styles.ink(f"  {incident.id}", FAINT), "  ", text_styles.ink(title, STRONG)
        )
    return edges(left, Content("  ").join(part for _, part in sorted(right, key=lambda item: item[0])), width)


def _length(parts: Sequence[tuple[int, Content]]) -> int:
    return sum(part.cell_length + 2 for _, part in parts)


def _wrong(text: str, text_styles: TextStyles) -> Content:
    return text_styles.ink(f"{text_styles.signs.wrong} {text}", WRONG)


def _undelivered(incident: Incident, now: datetime, text_styles: TextStyles) -> Content | None:
    late = sum(delivery.is_late(now) for delivery in incident.deliveries.values())
    return _wrong(undelivered_words(late), text_styles) if late else None


def _running(incident: Incident, text_styles: TextStyles) -> Content | None:
    count = len(incident.running())
    return text_styles.ink(f"{text_styles.signs.states[StepStatus.RUNNING]} {count} running", CHOSEN) if count else None


def _elapsed(incident: Incident, steady: float, text_styles: TextStyles) -> Content | None:
    if incident.declared_at is None:
        return None
    if incident.closed_at is not None:
        return text_styles.ink(f"after {elapsed(incident.lasted)}", CHOSEN)
    return text_styles.ink(f"{elapsed(steady)} in")


def _role(
    incident: Incident,
    text_styles: TextStyles,
    width: int,
    *,
    driving: bool,
    observers: Sequence[str],
    silent: float | None,
    gone: bool,
) -> Content:
    """Whether who sits here drives or observes, whom, and with whom; after the end of the incident, its end."""
    if not incident.open:
        return text_styles.ink(incident.word.upper(), f"bold {CHOSEN}")
    who, is_wide = incident.driver.partition("@")[0], width >= 100
    others = f" with {first_few(observers, _NAMED)}" if observers else ""
    if driving:
        return text_styles.ink(f"DRIVING{f' as {who}' if is_wide else ''}{others}", f"bold {CHOSEN}")
    if gone or not who:
        return text_styles.ink(f"OBSERVING, nobody drives{others if is_wide else ''}", f"bold {SOON}")
    if silent is not None:
        since = f" for {span(silent // 10 * 10)}" if is_wide else ""
        return text_styles.ink(f"OBSERVING, {who} is silent{since}", f"bold {SOON}")
    return text_styles.ink(f"OBSERVING {who}{others}", f"bold {SOON}")


def _due(due: datetime | None, now: datetime, text_styles: TextStyles) -> Content | None:
    """As wide at each time, so that nothing moves while the time runs."""
    if due is None:
        return None
    left = (due - now).total_seconds()
    if left < 0:
        return text_styles.ink(f"{text_styles.signs.person} update {'overdue' if left <= -60 else 'due now'}", WRONG)
    if left < 120:
        return text_styles.ink(f"update in {span(left):>6}", SOON)
    return text_styles.ink(f"update in {int(left // 60):>2} min", FAINT)
