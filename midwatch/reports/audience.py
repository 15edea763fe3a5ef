"""Exports for readers outside: users, hosts and addresses are replaced, each by the same word wherever it stands."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from midwatch.incident.events import Event
from midwatch.incident.follow_ups import follow_ups_of
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.reducer import reduce
from midwatch.reports.charts import Chart
from midwatch.reports.known_names import known_names, names_of_person
from midwatch.reports.markdown import text as markdown_text
from midwatch.runbook.model import Runbook
from midwatch.system.units import counted

_KEPT = frozenset(("root", "postgres", "nobody", "midwatch", "localhost", "system", "nobody yet"))
"""Names that every machine has."""
_SHORTEST = 2
_MAIL = r"[A-Za-z0-9][\w.+-]*(?:@|&#64;)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}"
_IPV4 = r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)"
_IPV6 = r"(?<![\w:.])[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F.:]*[0-9a-fA-F:](?![\w:])"
_SUFFIXES = (
    "com net org io dev cloud app info local localdomain internal intern lan corp home test example invalid "
    "eu de at ch uk us ca fr nl be it es pt pl cz se no dk fi ie au nz jp in br"
)
_NAME = rf"(?<![\w.-])(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+(?:{'|'.join(_SUFFIXES.split())})(?![\w-])"
_URL = r"(?<=://)[A-Za-z0-9][\w.-]*"
_USERS = re.compile(r"""/home/([\w-]+)|\b(?:user|role)[ =:]\s?["'`]([\w.-]+)["'`]|\buser=([\w.-]+)""")
_LOGINS = re.compile(r"(?<![\w.])([A-Za-z_][\w.-]*)@([A-Za-z0-9][A-Za-z0-9-]*)(?!\.?[\w-])")
_TEXT_NODE = re.compile(r">([^<]+)<")


class Outsiders:
    """What readers outside see instead of the names of an incident."""

    def __init__(
        self, runbook: Runbook, events: Sequence[Event], folder: IncidentFolder, more: Iterable[str] = ()
    ) -> None:
        self._words: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._given: dict[str, list[str]] = {}
        for kind, name in self._known(runbook, events, folder, more):
            if len(name) >= _SHORTEST and name.lower() not in _KEPT and not _is_number_or_address(name):
                self._word(kind, name)
        forms = {form: name for name in self._words for form in (name, markdown_text(name), escape(name))}
        self._forms = {form.lower(): name for form, name in forms.items()}
        literals = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        known = rf"(?<!\w)(?P<known>{literals})(?!\w)|" if literals else ""
        self._all = re.compile(f"(?P<mail>{_MAIL})|(?P<host>{_URL}|{_NAME})|{known}(?P<ip>{_IPV4}|{_IPV6})", re.I)

    @staticmethod
    def _known(
        runbook: Runbook, events: Sequence[Event], folder: IncidentFolder, more: Iterable[str]
    ) -> Iterator[tuple[str, str]]:
        yield from (("name", name) for name in more)
        yield from known_names(runbook, events)
        for item in follow_ups_of(reduce(events), folder):
            yield from names_of_person(item.owner)
        for event in events:
            body = json.dumps(event.body, ensure_ascii=False).replace('\\"', '"')
            for found in _USERS.finditer(body):
                yield "user", next(filter(None, found.groups()))
            for found in _LOGINS.finditer(body):
                yield "user", found[1]
                yield "host", found[2]

    def _word(self, kind: str, name: str) -> str:
        """The word for this name; a host is the same with and without its domain."""
        key = name.lower().replace("&#64;", "@")
        short = key.partition(".")[0] if kind == "host" else key
        if short in self._words and kind == "host":
            self._words[key] = self._words[short]
        if key not in self._words:
            known = self._given.setdefault(kind, [])
            known.append(key)
            self._words[key] = f"{kind}-{len(known)}"
        return self._words[key]

    def text(self, text: str) -> str:
        """The text as readers outside get it."""
        return self._all.sub(self._replaced, text)

    def _replaced(self, found: re.Match[str]) -> str:
        kind, whole = str(found.lastgroup), found[0]
        if kind == "known":
            name = self._forms[whole.lower()]
            word = self._words[name.lower()]
        elif whole.lower() in _KEPT or (not _is_address(whole) and (kind == "ip" or _is_number_or_address(whole))):
            return whole
        else:
            name = whole.replace("&#64;", "@")
            word = self._word("address" if _is_address(whole) else kind, name)
        self._counts[name.lower()] = self._counts.get(name.lower(), 0) + 1
        return word

    def document(self, markdown: str) -> str:
        """A document, with a sentence below its title."""
        title, _, rest = self.text(markdown).partition("\n")
        note = "For readers outside: the names of users and hosts and all addresses are replaced, each by one word."
        return f"{title}\n\n{note}\n{rest}"

    def json(self, document: str) -> str:
        """A JSON document; its keys stay."""
        return json.dumps(self._value(json.loads(document)), indent=1, ensure_ascii=True) + "\n"

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self._value(item) for key, item in value.items()}
        return [self._value(item) for item in value] if isinstance(value, list) else value

    def table(self, csv: str) -> str:
        """A CSV document; its head stays."""
        head, line, rest = csv.partition("\n")
        return head + line + self.text(rest)

    def chart(self, chart: Chart) -> Chart:
        """A chart, its picture too."""
        picture = _TEXT_NODE.sub(lambda found: f">{self.text(found[1])}<", chart.picture)
        rows = tuple(tuple(map(self.text, row)) for row in chart.rows)
        head = tuple(map(self.text, chart.head))
        return replace(
            chart, title=self.text(chart.title), note=self.text(chart.note), picture=picture, head=head, rows=rows
        )

    def report(self) -> list[str]:
        """A line for each name that was replaced: `ada → user-1, 17 times`."""
        found = sorted(self._counts.items(), key=lambda item: (_order(self._words[item[0]]), item[0]))
        return [f"{name} → {self._words[name]}, {counted(count, 'time')}" for name, count in found]


def _order(word: str) -> tuple[str, int]:
    kind, _, number = word.rpartition("-")
    return kind, int(number)


def _is_number_or_address(text: str) -> bool:
    """Whether the patterns find it, or nothing is to be found."""
    return not text.strip("0123456789.:")


def _is_address(text: str) -> bool:
    """Whether it is an address that says something of a network."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)
