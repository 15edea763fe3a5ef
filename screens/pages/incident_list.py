"""Every incident of this place, newest first: how bad, how far, who drives, and how to open it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.content import Content

from midwatch.engine.repository import Summary, incidents, summary
from screens.widgets.styles import CHOSEN, FAINT, SOON, STRONG, WRONG, TextStyles
from screens.widgets.text_layout import edges, paragraph


def summaries(logs: Path) -> list[Summary]:
    """A line for each incident below this place; reads their journals. Raises `Failed`."""
    return [summary(folder) for folder in incidents(logs)]


def incident_lines(found: Sequence[Summary], here: str, width: int, text_styles: TextStyles) -> list[Content]:
    """Two lines an incident; a damaged one says why."""
    lines: list[Content] = []
    for one in found:
        state = "damaged" if one.problem else one.state
        style = {"damaged": WRONG, "open": SOON}.get(state, FAINT)
        name = Content.assemble(
            text_styles.ink(f"{text_styles.signs.next} " if one.id == here else "  ", CHOSEN),
            text_styles.ink(one.id, STRONG),
        )
        lines.append(edges(name, text_styles.ink(f"{one.severity} {state}".strip(), style), width))
        if one.problem:
            lines += paragraph(one.problem, width, text_styles, style=FAINT, indent=4)
            continue
        steps = f"steps {one.steps.short_words}" if one.steps is not None else "its runbook cannot be read"
        when = f"{one.opened:%Y-%m-%d %H:%M} UTC" if one.opened else "unknown when"
        driver = f", {one.driver} drives" if one.driver else ""
        lines += paragraph(f"{one.title}: declared {when}, {steps}{driver}", width, text_styles, style=FAINT, indent=4)
    lines.append(Content(""))
    lines += paragraph(
        "To open one of them: midwatch --incident ID, or with --observe to follow along.", width, text_styles
    )
    return lines
