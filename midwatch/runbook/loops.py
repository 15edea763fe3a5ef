"""Loops: a step with `for_each` is done once for each item of a list. This module says what an item may be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.runbook.value_sources import Reference
from midwatch.system.errors import BadInput
from midwatch.system.sanitize import safe_text

if TYPE_CHECKING:
    from midwatch.runbook.model import Step

MOST_ITEMS, LONGEST_ITEM = 1000, 200
LONGEST_LIST_BYTES = 40_000
"""Of all items of a list that comes from a value, as JSON: one event of the journal holds them."""
MOST_PARALLEL = 16
TARGETS = "targets"
"""The word of `for_each` for the names of all targets."""
_BETWEEN = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class Item:
    """The item for which a step is done."""

    loop: str
    """The id of the step with `for_each`."""
    text: str


@dataclass(frozen=True, slots=True)
class Loop:
    """What `for_each` and its companions say."""

    items: tuple[str, ...] | None
    """None while the value that holds them is not known."""
    source: Reference | None = None
    """The value that holds the items; None when the runbook lists them."""
    parallel: int = 1
    """How many items run at the same time."""
    stop_on_failure: bool = True
    """Whether no further item starts once one of them has failed."""
    steps: tuple[Step, ...] = ()
    """The step of each item."""


def item_id(loop: str, item: str) -> str:
    """The id of the step for one item: `renew[web1]`."""
    return f"{loop}[{item}]"


def loop_of(step_id: str) -> tuple[str, str]:
    """The loop and the item that the id of an item's step names; of any other id, the id and nothing."""
    loop, bracket, item = step_id.partition("[")
    return (loop, item.removesuffix("]")) if bracket else (step_id, "")


def item_fault(text: str) -> str:
    """Why this text is no item of a loop; empty when it is one."""
    if not text:
        return "An item is empty"
    if len(text) > LONGEST_ITEM:
        return f"An item has {len(text):,} characters; {LONGEST_ITEM} are the most"
    if "\n" in text or safe_text(text) != text:
        return "An item takes one line without control characters"
    return ""


def items_in(value: str) -> tuple[str, ...]:
    """The items that a value holds: its words, between blanks, commas and line breaks, each once.

    Raises `BadInput` for too many of them, and for a word that is no item.
    """
    items = tuple(dict.fromkeys(filter(None, _BETWEEN.split(value))))
    require_items(items)
    return items


def require_items(items: Iterable[str]) -> None:
    """Raise `BadInput` for too many items, and for a text that is none."""
    listed = list(items)
    if (length := len(json.dumps(listed))) > LONGEST_LIST_BYTES:
        raise BadInput(f"The items take {length:,} bytes; {LONGEST_LIST_BYTES:,} are the most")
    if len(listed) > MOST_ITEMS:
        raise BadInput(f"There are {len(listed):,} items; {MOST_ITEMS:,} are the most")
    for fault in filter(None, map(item_fault, listed)):
        raise BadInput(fault)
