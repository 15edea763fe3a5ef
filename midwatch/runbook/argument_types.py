"""The types of parameters in a runbook, and of the references to values of steps that stand in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from midwatch.runbook.field_types import ID, VARIABLE
from midwatch.runbook.fields import Problems
from midwatch.runbook.shapes import FieldType, Schema, TableOf, described
from midwatch.runbook.value_sources import ITEM, Reference
from midwatch.runbook.yaml_loader import Listing, Node, Scalar, Table

_STEP_VALUE = rf"({ID.pattern}(?:\[.+\])?)\.([A-Za-z_][A-Za-z0-9_.-]*)"


@dataclass(frozen=True)
class StepValue(FieldType):
    """`step.key`: a value that a step reports or asks for; `loop[item].key` for one item of a loop."""

    def read(self, node: Node, problems: Problems) -> Reference | None:
        """Return the reference to a value of a step, or report a problem and return None."""
        found = re.fullmatch(_STEP_VALUE, node.text) if isinstance(node, Scalar) else None
        if found is None:
            problems.add(f"This takes STEP.KEY, not {described(node)}", node.place, "Such as emergency-backup.path")
            return None
        return Reference(found[1], found[2])

    def schema(self) -> Schema:
        """Return the JSON Schema of the reference."""
        return {"type": "string", "pattern": f"^{_STEP_VALUE}$"}


@dataclass(frozen=True)
class Argument(FieldType):
    """A parameter's value: a scalar, or `{from: step.key}`; with `many` also a list or a table of scalars."""

    many: bool = True

    def read(self, node: Node, problems: Problems) -> Any:
        """Return the argument of an action, or report a problem and return None."""
        match node:
            case Scalar():
                if node.value is None:
                    problems.add("This value is missing", node.place, "Leave the key out, or write ''")
                return node.value
            case Table():
                if list(node.entries) != ["from"]:
                    if self.many:
                        return TableOf(VARIABLE, Argument(many=False), "values").read(node, problems)
                    problems.add("The only table that can stand here is {from: STEP.KEY}", node.place)
                    return None
                source = node.entries["from"].node
                is_item = isinstance(source, Scalar) and source.text == ITEM.step
                return ITEM if is_item else StepValue().read(source, problems)
            case Listing() if self.many:
                return self._list(node, problems)
            case _:
                problems.add(f"This takes one value, not {described(node)}", node.place)
                return None

    def schema(self) -> Schema:
        """Return the JSON Schema of the argument."""
        scalar: Schema = {"type": ["string", "number", "boolean"]}
        reference: Schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "from": {
                    "anyOf": [StepValue().schema(), {"const": ITEM.step}],
                    "description": "A value that an earlier step reports or asks for, or the item of the loop.",
                }
            },
            "required": ["from"],
        }
        if not self.many:
            return {"anyOf": [scalar, reference]}
        table = TableOf(VARIABLE, Argument(many=False), "values").schema()
        return {"anyOf": [scalar, reference, table, {"type": "array", "items": scalar}]}

    def _list(self, node: Listing, problems: Problems) -> list[Any] | None:
        values: list[Any] = []
        for item in node.items:
            if not isinstance(item, Scalar) or item.value is None:
                problems.add(f"A list here holds single values, not {described(item)}", item.place)
                return None
            values.append(item.value)
        return values
