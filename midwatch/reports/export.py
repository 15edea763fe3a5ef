"""One document of an incident in one format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from functools import cached_property
from itertools import groupby
from pathlib import Path

from midwatch.incident.event_errors import event_errors
from midwatch.incident.events import Event
from midwatch.incident.paths import IncidentFolder
from midwatch.redaction import mask
from midwatch.reports.audience import Outsiders
from midwatch.reports.charts import Chart, charts
from midwatch.reports.export_data import csv_export, json_export
from midwatch.reports.incident_facts import Facts
from midwatch.reports.post_mortem import post_mortem
from midwatch.reports.post_mortem_file import PostMortemFile
from midwatch.reports.sections import Section
from midwatch.reports.summary_timeline import HEADING, summary_timeline
from midwatch.reports.timeline import timeline
from midwatch.reports.timeline_entries import entries
from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput


class Format(StrEnum):
    """The formats of an export; also the suffixes of their files."""

    MARKDOWN = "md"
    HTML = "html"
    PDF = "pdf"
    JSON = "json"
    CSV = "csv"


def format_of(path: Path) -> Format:
    """The format by the suffix of a file; Markdown for any other suffix."""
    suffix = path.suffix.removeprefix(".").lower()
    return Format(suffix) if suffix in frozenset(Format) else Format.MARKDOWN


class Document(StrEnum):
    """What is exported."""

    TIMELINE = "timeline"
    FULL = "full timeline"
    POST_MORTEM = "post-mortem"


@dataclass(frozen=True)
class Export:
    """What to export of which incident."""

    runbook: Runbook
    events: Sequence[Event]
    folder: IncidentFolder
    document: Document = Document.TIMELINE
    zone: tzinfo | None = None
    template: str = ""
    """Of the HTML page; empty for our own."""
    outsiders: Outsiders | None = None
    """What readers outside see instead of names; None for readers of the team."""

    def made(self, format: Format) -> bytes:
        """The document in this format. Raises `BadInput` and `Failed`."""
        with event_errors(self.folder.id):
            return self._pdf() if format is Format.PDF else self._text(format).encode("utf-8", "replace")

    def _text(self, format: Format) -> str:
        full = self.document is Document.FULL
        match format:
            case Format.JSON:
                written = self._markdown() if self.document is Document.POST_MORTEM else ""
                found = json_export(self._facts, full=full, post_mortem=written)
                return self.outsiders.json(found) if self.outsiders else found
            case Format.CSV if self.document is Document.POST_MORTEM:
                raise BadInput("CSV holds the timeline, not the post-mortem", hint="Leave out --post-mortem")
            case Format.CSV:
                found = csv_export(self._facts, full=full)
                return self.outsiders.table(found) if self.outsiders else found
            case Format.HTML:
                return self._page()
            case _:
                return self.markdown()

    @cached_property
    def _facts(self) -> Facts:
        return Facts.of(self.runbook, self.events, self.folder, self.zone)

    def markdown(self) -> str:
        """The document as Markdown, for its readers; a post-mortem with what people wrote in it."""
        return self.outsiders.document(self._markdown()) if self.outsiders else self._markdown()

    def _markdown(self) -> str:
        match self.document:
            case Document.FULL:
                return timeline(self.runbook, self.events, self.folder)
            case Document.POST_MORTEM:
                file = PostMortemFile(self.folder)
                zone = file.zone(self.zone) if file.was_edited() else self.zone
                generated = post_mortem(self.runbook, self.events, self.folder, zone)
                return _with_words_masked(file.merged(generated), generated)
            case _:
                return summary_timeline(self._facts)

    def _page(self) -> str:
        from midwatch.reports.html_page import html_page

        before = Section.TIMELINE.value if self.document is Document.POST_MORTEM else HEADING
        try:
            return html_page(self.markdown(), self._charts(), template=self.template, before=before)
        except (KeyError, ValueError) as error:
            if not self.template:
                raise
            raise BadInput(
                f"The template cannot be filled: {error}",
                hint="Its placeholders are $title, $style, $policy and $content; a dollar is $$",
            ) from error

    def _charts(self) -> list[Chart]:
        found = charts(self._facts, entries(self._facts))
        return [self.outsiders.chart(chart) for chart in found] if self.outsiders else found

    def _pdf(self) -> bytes:
        from midwatch.reports.pdf import pdf_of

        return pdf_of(self._page())


def _with_words_masked(document: str, generated: str) -> str:
    """The document without secrets in what people wrote into it; what was generated is masked already."""
    known = frozenset(generated.splitlines())
    blocks = groupby(document.splitlines(), key=known.__contains__)
    texts = ("\n".join(block) if is_known else mask("\n".join(block), {}) for is_known, block in blocks)
    return "\n".join(texts) + "\n"
