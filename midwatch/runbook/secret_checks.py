"""Refuses secrets in runbooks and site files, because both are copied into each incident and arguments are visible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from midwatch.redaction.ordinary import is_ordinary
from midwatch.redaction.pattern_matcher import PatternMatcher
from midwatch.runbook.channel_keys import SOURCES
from midwatch.runbook.fields import Problems
from midwatch.runbook.secret_keys import SECRETS
from midwatch.runbook.secret_sources import names_secret
from midwatch.runbook.yaml_loader import Listing, Node, Scalar, Table
from midwatch.system.errors import SourceLocation

_URI_HINT = "Take it out: ~/.pgpass, a target's password_file or a variable of the environment can hold it"
_HINT = "Take it out: a file, or a variable of the environment from which Midwatch is started, can hold it"


def check_document(text: str, node: Node, path: Path, problems: Problems) -> None:
    """Say where this file holds what looks like a secret."""
    _check_text(_without_secret_names(text, node), path, problems)
    _check_defaults(node, problems)


def _check_text(text: str, path: Path, problems: Problems) -> None:
    """Say where this text holds what looks like a secret."""
    raw = text.encode("utf-8", "surrogatepass")
    hits, _ = PatternMatcher().search(raw, final=True, idle=False)
    number, line, at = 1, 0, 0
    for start in sorted({hit.start for hit in hits if hit.start >= 0}):
        if problems.full:
            problems.more += 1
            continue
        number += raw.count(b"\n", at, start)
        line, at = max(line, raw.rfind(b"\n", at, start) + 1), start
        before = raw[line:start].decode("utf-8", "replace")
        place = SourceLocation(str(path), number, len(before) + 1)
        if "://" in before[before.rfind(" ") + 1 :]:
            problems.add("This URI has a password in it, which everybody may read here", place, _URI_HINT)
        else:
            problems.add("This looks like a secret, which everybody may read here", place, _HINT)


def _without_secret_names(text: str, node: Node) -> str:
    """The text with other letters for the names under `secrets`: what follows such a name says where a secret is."""
    lines = text.split("\n")
    for name, place in _secret_names(node):
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        start = place.column - 1
        if line.startswith(name, start):
            lines[place.line - 1] = f"{line[:start]}{'x' * len(name)}{line[start + len(name) :]}"
    return "\n".join(lines)


def _secret_names(node: Node) -> Iterator[tuple[str, SourceLocation]]:
    """The names of tables that say where a secret stands: the key `secrets`, those below it, those of a channel."""
    if isinstance(node, Listing):
        for item in node.items:
            yield from _secret_names(item)
    if not isinstance(node, Table):
        return
    for name, entry in node.entries.items():
        yield from _secret_names(entry.node)
        if name in SOURCES and isinstance(entry.node, Table):
            yield name, entry.place
        if name == SECRETS.name and isinstance(entry.node, Table):
            yield name, entry.place
            yield from (
                (inner, found.place) for inner, found in entry.node.entries.items() if isinstance(found.node, Table)
            )


def _check_defaults(node: Node, problems: Problems) -> None:
    """Say which inputs and variables that are named like a secret have a value in this file."""
    if isinstance(node, Listing):
        for item in node.items:
            _check_defaults(item, problems)
    if not isinstance(node, Table):
        return
    _check_default(node, problems)
    for entry in node.entries.values():
        _check_defaults(entry.node, problems)


def _check_default(table: Table, problems: Problems) -> None:
    name, default = (table.entries.get(key) for key in ("name", "default"))
    if name is None or default is None or not isinstance(name.node, Scalar) or not isinstance(default.node, Scalar):
        return
    if names_secret(name.node.text) and not is_ordinary(default.node.text.encode(), of_password=True):
        sentence = f"{name.node.text} is named like a secret, and its value stands here"
        problems.add(sentence, default.node.place, _HINT)
