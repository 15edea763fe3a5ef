"""Generates the JSON Schema of runbooks from the declarations that the loader uses."""

from __future__ import annotations

from typing import Any

from midwatch.runbook.schema import RUNBOOK, SITE


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of runbooks and site files: a file with the key `midwatch-site` is taken for a site
    file."""
    shapes = {shape.name: shape for root in (RUNBOOK, SITE) for shape in root.inner()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Midwatch runbook or site file",
        "type": "object",
        "if": {"required": ["midwatch-site"]},
        "then": SITE.schema(),
        "else": RUNBOOK.schema(),
        "$defs": {name.replace(" ", "-"): shape.definition() for name, shape in sorted(shapes.items())},
    }
