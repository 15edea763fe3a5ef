"""The largest consumers of a filling disk, searched for in the background from time to time and cached."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

from midwatch.system.units import size
from probes.storage.largest_entries import LargestEntries, largest_entries

EVERY = 300.0
"""Seconds before the same folder is searched again: a search reads every directory of it."""
LIMIT = 10.0
MOST = 5
GLANCES = 3
"""Readings before the first search."""
_asked: Counter[Path] = Counter()
_known: dict[Path, LargestEntries] = {}
_begun: dict[Path, float] = {}
_guard = threading.Lock()


def consumers(folder: Path) -> LargestEntries | None:
    """What was found last, at once; None while nothing was. Begins a new search when the last one is five minutes old.

    Only for who asks again and again, as a panel does: a check that looks once leaves no search behind, which would
    hold the file system busy after it.
    """
    now = time.monotonic()
    with _guard:
        _asked[folder] += 1
        due = _asked[folder] > GLANCES and now - _begun.get(folder, -EVERY) >= EVERY
        if due:
            _begun[folder] = now
        known = _known.get(folder)
    if due:
        threading.Thread(target=_search, args=(folder,), name=f"biggest {folder}", daemon=True).start()
    return known


def _search(folder: Path) -> None:
    found = largest_entries(folder, count=MOST, limit=LIMIT)
    with _guard:
        _known[folder] = found


def biggest_facts(found: LargestEntries | None, folder: Path) -> list[tuple[str, str]]:
    """The largest folders and files in words, below `folder`; nothing while nothing is known."""
    if found is None:
        return []
    rows = [(f"{_below(one.path, folder)}/", one.size) for one in found.folders[:MOST] if one.size]
    rows += [(_below(path, folder), held) for path, held in found.files[:MOST] if held]
    note = "" if found.complete else ", at least"
    facts = [("biggest", f"{size(found.total)} in all{note}")]
    facts += [("", f"{size(held)}  {name}") for name, held in rows]
    facts += [("", f"not looked at: {mount}") for mount in found.skipped]
    return facts + ([("", f"does not answer: {found.stuck}")] if found.stuck else [])


def _below(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
