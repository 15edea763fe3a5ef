"""The keys of a step that make it a loop: their types, and the loop made of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from midwatch.runbook.argument_types import StepValue
from midwatch.runbook.field_types import Flag, Text, Whole
from midwatch.runbook.fields import Fields, Problems
from midwatch.runbook.loops import MOST_ITEMS, MOST_PARALLEL, TARGETS, Loop, item_fault
from midwatch.runbook.shapes import FieldType, Key, Schema, described
from midwatch.runbook.value_sources import Reference
from midwatch.runbook.yaml_loader import Listing, Node, Scalar, Table
from midwatch.system.shortened import shortened


@dataclass(frozen=True)
class Items(FieldType):
    """What a step is done for: a list, the word `targets`, or `{from: STEP.KEY}`."""

    def read(self, node: Node, problems: Problems) -> tuple[str, ...] | str | Reference | None:
        """Return the items, the word or the reference, or report a problem and return None."""
        match node:
            case Listing():
                return self._list(node, problems)
            case Table() if list(node.entries) == ["from"]:
                return StepValue().read(node.entries["from"].node, problems)
            case Scalar(text=text) if text == TARGETS:
                return TARGETS
        hint = f"Such as [web1, web2], {TARGETS} or {{from: read-hosts.hosts}}"
        problems.add(f"This takes a list of items, not {described(node)}", node.place, hint)
        return None

    def schema(self) -> Schema:
        """Return the JSON Schema of the items."""
        from_step = {
            "type": "object",
            "additionalProperties": False,
            "properties": {"from": {**StepValue().schema(), "description": "The value whose words are the items."}},
            "required": ["from"],
        }
        listed = {
            "type": "array",
            "items": Text(single=True).schema(),
            "minItems": 1,
            "maxItems": MOST_ITEMS,
            "uniqueItems": True,
        }
        return {"anyOf": [listed, {"const": TARGETS}, from_step]}

    def _list(self, node: Listing, problems: Problems) -> tuple[str, ...] | None:
        before = len(problems.found) + problems.more
        if not node.items or len(node.items) > MOST_ITEMS:
            problems.add(f"This list has {len(node.items):,} items; 1 to {MOST_ITEMS:,} can stand here", node.place)
        items: dict[str, int] = {}
        for item in node.items[:MOST_ITEMS]:
            text = Text(single=True).read(item, problems)
            if text is None:
                continue
            if text in items:
                problems.add(f"The item {shortened(text)!r} stands in line {items[text]} already", item.place)
            elif fault := item_fault(text):
                problems.add(fault, item.place)
            items.setdefault(text, item.place.line)
        return tuple(items) if len(problems.found) + problems.more == before else None


LOOP_KEYS = (
    Key(
        "for_each",
        Items(),
        "Items, each of which the step is done for: a list, 'targets', or {from: STEP.KEY} for the words of a value",
    ),
    Key("parallel", Whole(1, MOST_PARALLEL), "With 'for_each': how many items run at a time; default 1"),
    Key(
        "stop_on_failure",
        Flag(),
        "With 'for_each': whether no further item starts once one has failed; default true",
    ),
)


def build_loop(fields: Fields, targets: Collection[str]) -> Loop | None:
    """The loop of a step; None where it has no `for_each`."""
    given = fields.get("for_each")
    if given is None:
        return None
    source = given if isinstance(given, Reference) else None
    items = tuple(targets) if given == TARGETS else given
    together = (fields.get("parallel", 1), fields.get("stop_on_failure", True))
    return Loop(None if source else items, source, *together)
