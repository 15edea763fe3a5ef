"""The status page: one HTML file without scripts, for the team or for people outside, from the journal alone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from midwatch.incident.events import Event, EventKind
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus
from midwatch.redaction import mask
from midwatch.reports.event_text import SILENT, author_of, describe
from midwatch.reports.known_names import known_names
from midwatch.reports.message_text import delivery_words
from midwatch.reports.status_page_style import CSS
from midwatch.reports.time_format import day_and_time, happened, time_of_day
from midwatch.runbook.model import Environment, Phase, Runbook
from midwatch.runbook.severity import Severity
from midwatch.system.actor import login
from midwatch.system.sanitize import safe_text
from midwatch.system.units import duration

_EVENTS_AT_MOST, _UPDATES_AT_MOST, _REFRESH_S = 60, 20, 30
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_WITHHELD = "[withheld]"
_ADDRESS = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}(?![\w:])|\b[\w.+-]+@[\w.-]+\w"
)
"""IPv4, IPv6 (a time of day has two colons), and `login@host`."""
_PUBLIC_NAMES = frozenset({"root", "localhost", "postgres"})
"""They say nothing about a site."""
_PLAIN_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST_NAME = 3
_BROKEN = (StepStatus.FAILED, StepStatus.UNKNOWN)


class Audience(StrEnum):
    """Who reads the page."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    """Without hosts, users, steps and output: what a person confirmed for people outside the team."""

    @property
    def readers(self) -> str:
        """The audience in words."""
        return "the team" if self is Audience.INTERNAL else "people outside the team"

    @property
    def mark(self) -> str:
        """The element that says in a page who made the page, and for whom."""
        return f'<meta name="generator" content="Midwatch, for {self.readers}">'


@dataclass(frozen=True, slots=True)
class PageSource:
    """What the page is made of: one moment of an incident."""

    runbook: Runbook
    incident: Incident
    events: Sequence[Event]
    secrets: Mapping[str, str]
    next_update_due: datetime | None = None


def status_page(source: PageSource, audience: Audience) -> str:
    """The page as HTML. Foreign text in it is escaped, harmless and masked."""
    return _Page(source, audience).whole()


class _Page:
    def __init__(self, source: PageSource, audience: Audience) -> None:
        self._source, self._audience = source, audience
        self._is_internal = audience is Audience.INTERNAL
        names = frozenset[str]() if self._is_internal else _names(source)
        self._names = _words(names)
        self._technical_names = _words(name for name in names if not _PLAIN_WORD.fullmatch(name))

    def whole(self) -> str:
        incident = self._source.incident
        title = self._text(self._names.sub(_WITHHELD, incident.title))
        refresh = f'<meta http-equiv="refresh" content="{_REFRESH_S}">\n' if incident.open else ""
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{self._audience.mark}\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n{refresh}'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="robots" content="noindex">\n<meta name="referrer" content="no-referrer">\n'
            f"<title>{incident.severity}: {title}</title>\n<style>\n{CSS}</style>\n</head>\n<body>\n"
            f"{self._header(title)}<main>\n{''.join(self._sections())}</main>\n{self._footer()}</body>\n</html>\n"
        )

    def _header(self, title: str) -> str:
        incident, environment = self._source.incident, self._source.runbook.environment
        grade = {Severity.SEV0: "bad", Severity.SEV1: "bad", Severity.SEV2: "warn"}.get(incident.severity, "faint")
        badges = [(grade, incident.severity.value), ("bad" if incident.open else "good", self._state())]
        badges += [("faint", environment.word)] if self._is_internal else []
        shown = "".join(f'<span class="{style}">{self._text(words)}</span>' for style, words in badges)
        is_rehearsal = environment is Environment.REHEARSAL
        rehearsal = '<p class="rehearsal">REHEARSAL, not real</p>\n' if is_rehearsal else ""
        return f'<header>\n{rehearsal}<p class="badges">{shown}</p>\n<h1>{title}</h1>\n</header>\n'

    def _state(self) -> str:
        """How far the incident is, in words for everybody."""
        incident = self._source.incident
        if incident.abandoned:
            return "No incident"
        if not incident.open or "resolved" in incident.marks:
            return "Resolved" if not incident.open else "Resolved, being verified"
        if "mitigated" in incident.marks:
            return "Mitigated"
        is_begun = "acknowledged" in incident.marks or bool(incident.steps)
        return "Being worked on" if is_begun else "Under investigation"

    def _sections(self) -> Iterable[str]:
        yield self._section("Now", self._facts(), wide=not self._is_internal)
        if self._is_internal:
            yield self._section("Phases", f"<ol>\n{''.join(map(self._phase, self._source.runbook.phases))}</ol>\n")
        yield self._section("Updates", self._updates(), wide=True)
        if self._is_internal:
            if undelivered := self._source.incident.undelivered:
                yield self._section("Not delivered", self._items(map(delivery_words, undelivered)), wide=True)
            yield self._section("Timeline, newest first (UTC)", self._timeline(), wide=True)

    def _section(self, heading: str, content: str, *, wide: bool = False) -> str:
        return f"<section{' class=wide' if wide else ''}>\n<h2>{heading}</h2>\n{content}</section>\n"

    def _facts(self) -> str:
        source, incident = self._source, self._source.incident
        facts: list[tuple[str, str]] = []
        if incident.declared_at:
            facts.append(("Began" if not self._is_internal else "Declared", day_and_time(incident.declared_at)))
        if self._is_internal:
            facts += self._work()
        if incident.closed_at:
            facts.append(("Ended", f"{day_and_time(incident.closed_at)}, after {duration(incident.lasted)}"))
        if source.next_update_due is not None:
            facts.append(("Next update by", f"{source.next_update_due.astimezone(UTC):%H:%M} UTC"))
        rows = "".join(f"<dt>{name}</dt><dd>{self._text(words)}</dd>\n" for name, words in facts)
        return f"<dl>\n{rows}</dl>\n"

    def _work(self) -> Iterable[tuple[str, str]]:
        """What is done, for the team."""
        runbook, incident = self._source.runbook, self._source.incident
        yield "Incident", incident.id
        yield "Driver", incident.driver or "nobody"
        running = [runbook.step(state.id).title for state in incident.running()]
        yield "Running", "; ".join(running) or "nothing"
        if broken := [step.title for step in runbook.steps() if incident.status(step) in _BROKEN]:
            yield "Not working", "; ".join(broken)
        if incident.open:
            ahead = incident.next_step(runbook)
            yield "Next", f"{ahead.number} {ahead.title}" if ahead else "closing"
        yield "Steps", incident.tally(runbook.steps()).words

    def _phase(self, phase: Phase) -> str:
        incident = self._source.incident
        statuses = [incident.status(step) for step in phase.steps]
        counted = [status for status in statuses if status is not StepStatus.NOT_NEEDED]
        over = sum(status.concluded for status in counted)
        count = f"{over} of {len(counted)}" if counted else "not needed"
        bar = f'<progress value="{over}" max="{len(counted)}">{count}</progress>' if counted else ""
        style = " bad" if any(status in _BROKEN for status in counted) else ""
        title = self._text(f"{phase.section} {phase.title}")
        return f'<li class="phase{style}"><span>{title}</span><span class="faint">{count}</span>{bar}</li>\n'

    def _updates(self) -> str:
        """For the team the status updates, for others what a person confirmed for people outside."""
        found: dict[str, str] = {}
        for event in self._source.events:
            body = event.body
            if event.kind == EventKind.MESSAGE_QUEUED and body.get("audience") == "outside":
                found[str(body["message"])] = f"{day_and_time(event.time)}{', to people outside' * self._is_internal}"
            elif self._is_internal and event.kind == EventKind.UPDATE:
                correction = self._source.incident.corrections.get(event.seq)
                text = correction.text if correction else str(body["message"])
                found[text] = f"{day_and_time(event.time)}, {event.actor}"
        items = [f"<li><time>{self._text(when)}</time><p>{self._text(text)}</p></li>\n" for text, when in found.items()]
        return f"<ol>\n{''.join(items[: -_UPDATES_AT_MOST - 1 : -1])}</ol>\n" if items else "<p>None yet.</p>\n"

    def _timeline(self) -> str:
        runbook = self._source.runbook
        events = [event for event in self._source.events if event.kind not in SILENT][-_EVENTS_AT_MOST:]
        rows = [
            f"<li><time>{time_of_day(happened(event))}</time> "
            f'<span class="faint">{self._text(login(author_of(event)))}</span> '
            f"{self._text(describe(event, runbook))}</li>\n"
            for event in reversed(events)
        ]
        return f"<ol>\n{''.join(rows)}</ol>\n"

    def _items(self, texts: Iterable[str]) -> str:
        return f"<ul>\n{''.join(f'<li>{self._text(text)}</li>' for text in texts)}</ul>\n"

    def _footer(self) -> str:
        last = self._source.incident.last
        if last is None:
            return ""
        which = f" (event {last.seq})" if self._is_internal else ""
        return f"<footer>Last change: {day_and_time(last.time)}{which}. Times in UTC.</footer>\n"

    def _text(self, foreign: str) -> str:
        """HTML of a foreign text. For people outside without addresses, hosts and logins. A login or host that could be
        an ordinary word, such as `backup`, stays: a person confirmed the text."""
        text = mask(safe_text(foreign, newlines=True), self._source.secrets) if foreign else ""
        if not self._is_internal:
            text = self._technical_names.sub(_WITHHELD, _ADDRESS.sub(_WITHHELD, text))
        return html.escape(text.encode("utf-8", "replace").decode("utf-8"))


def _names(source: PageSource) -> frozenset[str]:
    """The hosts and logins that the incident knows."""
    names = {name for _, name in known_names(source.runbook, source.events)}
    for target in source.runbook.targets.values():
        names |= {target.socket, target.superuser}
    names |= {name.partition(".")[0] for name in names}
    return frozenset(name for name in names if len(name) >= _SHORTEST_NAME) - _PUBLIC_NAMES


def _words(names: Iterable[str]) -> re.Pattern[str]:
    """Finds each of these names where it stands as a whole word."""
    words = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)" if words else r"(?!)")
