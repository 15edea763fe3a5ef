"""The formats of an export: what each holds, and that nothing foreign in it can act."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
import random
import re
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from midwatch.incident.events import Event
from midwatch.incident.paths import IncidentFolder
from midwatch.reports.export import Document, Export, Format
from midwatch.reports.incident_facts import Facts
from midwatch.reports.record_section import Record, read_record
from midwatch.reports.timeline_entries import entries
from midwatch.system.errors import BadInput, Failed
from tests.redaction.formats import PLACES, TOKENS, made, passwords
from tests.reports import night
from tests.support.json_schema import faults

FOLDER = IncidentFolder(Path(night.ID))
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "incident-export.schema.json").read_text(encoding="utf-8"))
HOSTILE = "<b>x</b> | [a](http://a.b/c) ![p](http://p.q/i.png) `c` **d** # e <script>f()</script> &lt; \x1b[31m"


def exported(
    format: Format, document: Document = Document.TIMELINE, events: list[Event] | None = None, **more: Any
) -> str:
    told = night.events() if events is None else events
    return Export(night.runbook(), told, FOLDER, document, **more).made(format).decode()


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.found for key, value in attributes.items() if key == name]


@pytest.mark.parametrize("document", Document)
def test_page_is_one_file_without_script_or_outside_resource(document: Document) -> None:
    page = exported(Format.HTML, document)
    elements = Elements(page)
    tags = Counter(tag for tag, _ in elements.found)
    assert not tags.keys() & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    assert elements.attributes("style") == elements.attributes("src") == []
    assert all(link.startswith("#") for link in elements.attributes("href"))
    assert {link.removeprefix("#") for link in elements.attributes("href")} <= set(elements.attributes("id"))
    assert len(elements.attributes("id")) == len(set(elements.attributes("id")))
    style = re.findall("<style>(.*?)</style>", page, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [attributes["content"] or "" for _, attributes in elements.found if "http-equiv" in attributes]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "url(#" in style
    assert "http" not in style
    assert tags["svg"] == tags["figure"] + 1  # and the pattern that they share
    assert tags["details"] == tags["figure"] >= 3  # each with its numbers as a table


def test_rows_of_the_page_are_filtered_by_who_made_them_happen() -> None:
    page = exported(Format.HTML)
    classes = Counter(re.findall(r'<tr class="(\w+)">', page))
    found = Counter(entry.source.value for entry in entries(Facts.of(night.runbook(), night.events(), FOLDER)))
    assert (classes["person"], classes["automatic"]) == (found["person"], found["automatic"])
    for source in ("person", "automatic", "outside"):
        assert f'id="show-{source}"' in page
        assert f"#show-{source}:not(:checked)" in page
    assert '<span class="detail">reading: disk /backups 96 % → 71 %</span>' in page


@pytest.mark.parametrize("document", Document)
def test_foreign_words_stay_words_in_the_page(document: Document) -> None:
    loud = Elements(Export(night.runbook(HOSTILE), night.events(HOSTILE), FOLDER, document).made(Format.HTML).decode())
    quiet = Elements(Export(night.runbook(" x"), night.events(" x"), FOLDER, document).made(Format.HTML).decode())
    dull = {"code", "pre", "p", "path", "br", "title"}  # what is between backticks is code, by design
    assert Counter(tag for tag, _ in loud.found if tag not in dull) == Counter(
        tag for tag, _ in quiet.found if tag not in dull
    )
    assert "<script>f()</script>" in loud.text
    assert "\x1b" not in loud.text


@pytest.mark.parametrize("document", Document)
def test_json_is_as_its_schema_says(document: Document) -> None:
    nights = [night.events(), night.events()[:20], night.events(HOSTILE)]
    gone = replace(nights[0][2], kind="incident.abandoned", body={"reason": "a test alert", "events": 3})
    nights.append([*nights[0][:2], gone])
    for told in nights:
        data = json.loads(exported(Format.JSON, document, told))
        assert list(faults(data, SCHEMA)) == []
        assert len(data.get("events", told)) == len(told)
    states = [json.loads(exported(Format.JSON, document, told))["incident"]["state"] for told in nights]
    assert states == ["closed", "open", "closed", "abandoned"]


def test_cell_of_a_spreadsheet_is_never_a_formula() -> None:
    told = night.events()
    for number, start in enumerate(("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "＝1", "\n=1")):
        body = {"text": start, "source": start, "by": start}
        told.insert(len(told) - 2, replace(told[-3], seq=100 + number, kind="note", actor=start, body=body))
    told = [replace(event, seq=number) for number, event in enumerate(told, start=1)]
    for document in (Document.TIMELINE, Document.FULL):
        rows = list(csv.reader(io.StringIO(exported(Format.CSV, document, told))))
        assert not [cell for row in rows for cell in row if re.match(r"\s*[=+\-@＝]", cell)]
        assert {len(row) for row in rows} == {len(rows[0])}
    facts = Facts.of(night.runbook(), told, FOLDER)
    rows = list(csv.DictReader(io.StringIO(exported(Format.CSV, events=told))))  # type: ignore[assignment]
    assert len(rows) == len(entries(facts))
    with pytest.raises(BadInput, match="CSV holds the timeline"):
        exported(Format.CSV, Document.POST_MORTEM)


def test_no_secret_of_the_corpora_is_left_in_any_format() -> None:
    """Also of a journal whose writer did not know a shape: the export masks once more."""
    chosen, told, secrets = random.Random(7), night.events()[:-2], []
    for place in chosen.sample([*PLACES.values(), *TOKENS.values()], 60):
        said, found = made(chosen, place, passwords(chosen))
        secrets += found
        body = {"text": said, "pasted_output": said}
        told.append(replace(told[-1], seq=told[-1].seq + 1, kind="note", body=body))
    assert len(secrets) > 50
    for kind in (Format.MARKDOWN, Format.HTML, Format.JSON, Format.CSV):
        for document in (Document.FULL, Document.POST_MORTEM)[: 1 if kind is Format.CSV else 2]:
            content = html.unescape(exported(kind, document, told)).replace("\\", "")
            assert not [secret for secret in secrets if secret in content], (kind, document)


def test_secret_that_somebody_wrote_into_the_post_mortem_is_masked(tmp_path: Path) -> None:
    told = night.events()
    folder = night.journal(tmp_path, told)
    export = Export(night.runbook(), told, folder, Document.POST_MORTEM)
    folder.post_mortem.write_text(export.markdown() + "\nWe used PGPASSWORD=hunter2secret that night.\n")
    (folder.path / ".post-mortem.generated").write_text(export.markdown())
    content = export.made(Format.HTML).decode()
    assert "that night." in content
    assert "hunter2secret" not in content


@pytest.mark.parametrize("kind", [Format.MARKDOWN, Format.HTML, Format.JSON])
def test_record_of_the_journal_is_read_back_from_each_format(kind: Format) -> None:
    facts = Facts.of(night.runbook(), night.events(), FOLDER)
    assert read_record(exported(kind)) == Record(night.ID, len(night.events()), facts.head)


def test_page_with_a_second_record_and_json_without_one_are_not_believed() -> None:
    page = exported(Format.HTML)
    with pytest.raises(ValueError, match="more than one record"):
        read_record(page.replace("</main>", '<h2 id="the-record-2">The record</h2></main>'))
    for wrong in ("{", "{}", '{"incident": 1}', '{"incident": {"id": "x", "journal": []}}'):
        with pytest.raises(ValueError, match="does not say which journal"):
            read_record(wrong)


def test_template_frames_the_page_and_a_wrong_one_is_a_sentence() -> None:
    page = exported(Format.HTML, template="<title>$title</title><style>$style</style>$$5<div>$content</div>")
    assert page.startswith("<title>Timeline: Backup failure</title>")
    assert "$5<div>" in page
    with pytest.raises(BadInput, match="template cannot be filled: 'titel'"):
        exported(Format.HTML, template="$titel")


def test_pdf_without_a_browser_that_prints_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "chromium"
    for program, said in (
        ("", "No Chromium is installed"),
        ("#!/bin/sh\necho 'no display' >&2; exit 1\n", "did not print the PDF: no display"),
    ):
        if program:
            browser.write_text(program)
            browser.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/nowhere")
        with pytest.raises(Failed, match=said):
            Export(night.runbook(), night.events(), FOLDER).made(Format.PDF)


@pytest.mark.slow
def test_pdf_of_the_night_has_pages() -> None:
    if shutil.which("chromium"):
        assert Export(night.runbook(), night.events(), FOLDER).made(Format.PDF).startswith(b"%PDF-")
