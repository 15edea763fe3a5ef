"""The charts of an incident: what they draw, and the numbers below them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

from midwatch.api.probe import Level, Reading, Row
from midwatch.incident.events import Event
from midwatch.incident.paths import IncidentFolder
from midwatch.reports.charts import MOST, Chart, charts
from midwatch.reports.incident_facts import Facts
from midwatch.reports.timeline_entries import entries
from tests.reports import night

FOLDER = IncidentFolder(Path(night.ID))


def drawn(events: list[Event], word: str = "") -> dict[str, Chart]:
    facts = Facts.of(night.runbook(word), events, FOLDER)
    return {chart.title: chart for chart in charts(facts, entries(facts))}


def with_more(told: list[Event], *more: tuple[str, dict[str, object]]) -> list[Event]:
    """The events of an incident that is still open, and these behind them."""
    told = told[:-2]
    for kind, body in more:
        told.append(
            replace(told[-1], seq=told[-1].seq + 1, time=told[-1].time + timedelta(seconds=9), kind=kind, body=body)
        )
    return told


def reading(probe: str, after_s: float, *rows: Row) -> tuple[str, dict[str, object]]:
    found = Reading(probe, night.BEGIN + timedelta(seconds=after_s), rows)
    return "reading", {"step": "backup", "attempt": 1, "when": "after", "reading": found.to_json()}


def test_each_chart_has_its_numbers_as_a_table() -> None:
    found = drawn(night.events())
    assert list(found) == ["Steps over time", "Disk over the incident", "Severity over time"]
    steps = found["Steps over time"].rows
    assert ("3.3 Clean up", "2026-11-23 02:03:59 UTC", "4.8 s", "failed, exit 7") in steps
    assert ("3.4 Panic", "2026-11-23 02:06:36 UTC", "", "skipped") in steps
    assert {row[0] for row in found["Disk over the incident"].rows} == {"disk /backups", "disk /"}
    assert [row[:3] for row in found["Severity over time"].rows] == [
        ("SEV-1", "02:00:07", "3 min 59 s"),
        ("SEV-0", "02:04:06", "19 min 2 s"),
    ]


def test_failed_attempt_is_told_from_others_by_form_and_words() -> None:
    picture = drawn(night.events())["Steps over time"].picture
    assert picture.count('class="bar bad"') == 1
    assert "✗ failed, exit 7, ✓ done" in picture
    assert "✓ done after 1 min 20 s" in picture


def test_backup_is_one_bar_however_often_it_was_read_and_unknown_sizes_none() -> None:
    def arp(age: float, size: str) -> Row:
        return Row("ARP", f"{age:.0f} s old, {size}, depth 4", Level.OK, age, "s")

    none = Row("OTC", "no backup", Level.CRITICAL)
    told = with_more(
        night.events(),
        reading("backups", 100, arp(5000, "3.6 MB"), none),
        reading("backups", 160, arp(5060, "3.6 MB"), none),
        reading("backups", 200, arp(3, "1.2 GB"), none),
    )
    chart = drawn(told)["Sizes of backups"]
    assert [(row[0], row[2]) for row in chart.rows] == [("ARP", "3.6 MB"), ("ARP", "1.2 GB")]
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="14"', chart.picture)]
    assert widths[0] < widths[1] == 460


def test_picture_is_well_formed_whatever_the_words_are_and_bounded_however_many() -> None:
    hostile = '<b>&"\x1b[31m'
    more = [("step.skipped", {"step": f"gone-{n}", "reason": "x"}) for n in range(MOST * 4)]
    for chart in drawn(with_more(night.events(hostile), *more), hostile).values():
        root = ElementTree.fromstring(chart.picture)
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
            "svg",
            "text",
            "line",
            "rect",
            "path",
            "circle",
        }
        assert "\x1b" not in chart.picture
        assert len(chart.rows) <= MOST * 3
    assert f"{MOST * 4}" not in drawn(with_more(night.events(), *more))["Severity over time"].note


def test_incident_that_was_just_declared_has_charts_without_errors() -> None:
    assert list(drawn(night.events()[:1])) == ["Severity over time"]
    assert drawn([]) == {}
