"""Exports for readers outside: no name of a user, host or address is left in any format, and each has one word."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.incident.events import Event, EventKind
from midwatch.reports.audience import Outsiders
from midwatch.reports.export import Document, Export, Format
from midwatch.runbook.targets import Target, TargetKind
from tests.reports import night

NOTE = (
    "Ada called bob.smith@corp.example.org from 10.20.0.40 and fe80::1ff:fe23:4567:890a at 02:03:59; "
    'db7.prod.internal refused user "svc_rotation", see https://wiki.example/x and /home/carol/.pgpass, runbook.yaml '
    "1.2 root 127.0.0.1 mallory@vault canada"
)
NAMES = ["ada", "bob", "smith", "corp", "10.20.0.40", "fe80", "db7", "svc_rotation", "wiki.example", "carol", "mallory",
         "vault", "bastion"]  # fmt: skip


@pytest.fixture
def export(tmp_path: Path) -> Export:
    events = night.events()
    note = next(event for event in events if event.kind == EventKind.NOTE)
    events[note.seq - 1] = replace(note, body={**note.body, "text": NOTE})
    folder = night.journal(tmp_path, events)
    return Export(night.runbook(), events, folder, outsiders=Outsiders(night.runbook(), events, folder))


@pytest.mark.parametrize("document", [Document.TIMELINE, Document.FULL, Document.POST_MORTEM])
@pytest.mark.parametrize("kind", [Format.MARKDOWN, Format.HTML, Format.JSON, Format.CSV])
def test_no_name_is_left_in_any_format(kind: Format, document: Document, export: Export) -> None:
    if (kind, document) == (Format.CSV, Document.POST_MORTEM):
        return
    found = replace(export, document=document).made(kind).decode()
    lowered = found.lower().replace("canada", "")
    assert [name for name in NAMES if name in lowered] == []
    for kept in ("02:03:59", "runbook.yaml", "root", "127.0.0.1", "canada"):
        assert kept in found
    if kind is Format.JSON:
        team = replace(export, outsiders=None, document=document)
        assert json.loads(found).keys() == json.loads(team.made(kind)).keys()


def test_each_name_has_one_word_and_the_report_counts_it(export: Export, tmp_path: Path) -> None:
    assert export.outsiders is not None
    text = export.outsiders.text("ada@bastion; Ada on BASTION, bastion.example.org; 10.20.0.40 10.20.0.41 10.20.0.40")
    words = text.replace(";", "").replace(",", "").split()
    user, _, host = words[0].partition("@")
    assert words == [f"{user}@{host}", user, "on", host, host, "address-1", "address-2", "address-1"]
    assert f"ada → {user}, 2 times" in export.outsiders.report()
    assert "10.20.0.40 → address-1, 2 times" in export.outsiders.report()
    folder = export.folder
    more = Outsiders(night.runbook(), export.events, folder, ["Blue Whale"])
    assert more.text("the blue whale project") == "the name-1 project"
    arp = Target("arp-db-prod", TargetKind.LOCAL, "arp", label="ARP")
    orders = Target("orders", TargetKind.LOCAL, "orders", label="Orders")
    known = replace(night.runbook(), targets={target.name: target for target in (arp, orders)})
    told = Outsiders(known, export.events, folder).text("ARP: arp-db-prod refuses arp_dump; orders")
    assert "arp-db-prod" not in told
    assert told.startswith("ARP: host-")
    assert told.endswith(" refuses arp_dump; orders")
    nobody = Outsiders(night.runbook(), _of_root(export.events), folder)
    assert nobody.text("the root cause") == "the root cause"


def _of_root(events: object) -> list[Event]:
    assert isinstance(events, list)
    return [replace(event, actor="root@bastion") for event in events]
