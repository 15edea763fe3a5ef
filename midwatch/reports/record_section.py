"""The last section of an export: the journal that it was made from, written for a person and read back by `midwatch
verify`.

Nothing else in an export can stand for it: foreign text makes no heading of its own, and a block of code that holds
this heading is indented (`midwatch.reports.markdown`). So a genuine export has the heading once, and the export ends
with it.
"""

from __future__ import annotations

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
    """The record at the end of an export. Raises `ValueError` that says why there is none to be believed."""
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
