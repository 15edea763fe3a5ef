"""The last section of an export: the journal that it was made from, written for a person and read back by `midwatch
verify`.

Nothing else in an export can stand for it: foreign text makes no heading of its own, and a block of code that holds
this heading is indented (`midwatch.reports.markdown`). So a genuine export has the heading once, and the export ends
with it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from midwatch.reports.incident_facts import Facts
from midwatch.reports.markdown import RECORD_HEADING, cell_code, table, text

_HASH = r"`([0-9a-f]{64})`"
_SECTION = re.compile(
    r"\n"
    r"\| Events \| (?P<events>\d{1,9}) \|\n"
    r"\| --- \| --- \|\n"
    rf"\| Head \| `(?P<head>[0-9a-f]{{64}})` \|\n"
    r"\| Chain \| [^\n]* \|\n"
    rf"\| Runbook, SHA-256 \| {_HASH} \|\n"
    r"\| Check it \| `midwatch verify (?P<incident>\S{1,255}) --count (?P<count>\d{1,9}) --head "
    r"(?P<told>[0-9a-f]{64})` \|\n"
    r"\s*"
)
_PAGE_HEADING = '<h2 id="the-record'
_PAGE_CHECK = re.compile(r"<code>midwatch verify (\S{1,255}) --count (\d{1,9}) --head ([0-9a-f]{64})</code>")


@dataclass(frozen=True, slots=True)
class Record:
    """What an export says of the journal that it was made from."""

    incident: str
    events: int
    head: str


def record_section(facts: Facts) -> list[str]:
    """The heading and the table, as the last parts of a document."""
    count = len(facts.events)
    check = f"midwatch verify {facts.incident.id} --count {count} --head {facts.head}"
    rows = [
        ("Head", cell_code(facts.head)),
        ("Chain", text(facts.chain())),
        ("Runbook, SHA-256", cell_code(facts.runbook.sha256)),
        ("Check it", cell_code(check)),
    ]
    return [RECORD_HEADING, table(("Events", f"{count}"), rows)]


def read_record(export: str) -> Record:
    """The record of an export as Markdown, HTML or JSON. Raises `ValueError` that says why there is none to be
    believed."""
    if export.startswith("{"):
        return _of_json(export)
    return _of_page(export) if _PAGE_HEADING in export else _of_markdown(export)


def _of_json(export: str) -> Record:
    try:
        incident = json.loads(export)["incident"]
        return Record(str(incident["id"]), int(incident["journal"]["events"]), str(incident["journal"]["head"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("it is JSON, and does not say which journal it was made from") from None


def _of_page(export: str) -> Record:
    before, _, section = export.rpartition(_PAGE_HEADING)
    found = _PAGE_CHECK.findall(section)
    if _PAGE_HEADING in before or len(found) != 1:
        raise ValueError("it has more than one record of a journal, so one of them was put there by somebody")
    incident, count, head = found[0]
    return Record(incident, int(count), head)


def _of_markdown(export: str) -> Record:
    before, heading, section = export.rpartition(f"\n{RECORD_HEADING}\n")
    if not heading:
        raise ValueError("it does not say which journal it was made from")
    if re.search(rf"^{RECORD_HEADING}[ \t]*$", before, re.MULTILINE):
        raise ValueError(
            f"it has the section '{RECORD_HEADING}' more than once, so one of them was put there by somebody"
        )
    found = _SECTION.fullmatch(section)
    if found is None:
        raise ValueError("its last section is not the record of a journal, or something was written behind the record")
    if (found["events"], found["head"]) != (found["count"], found["told"]):
        raise ValueError("its record contradicts itself")
    return Record(found["incident"], int(found["count"]), found["head"])
