"""The JSON Schema and the loader agree, since both come from the same declarations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midwatch.runbook.json_schema import schema
from midwatch.runbook.yaml_loader import parse_yaml, plain, read_yaml
from tests.runbook.small_actions import HEAD
from tests.support.runbook_texts import ASKED, BOOK, STEPS

ROOT = Path(__file__).parents[2]
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def faults(value: Any, rule: dict[str, Any], whole: dict[str, Any], where: str = "") -> Iterator[str]:
    """What does not fit, by the part of JSON Schema that this schema uses; an unknown keyword is an error of the
    test."""
    known = {"$ref", "$schema", "$defs", "title", "description", "examples", "format", "if", "then", "else", "anyOf"}
    known |= {"type", "enum", "const", "pattern", "maxLength", "minimum", "maximum", "items", "minItems", "maxItems"}
    known |= {"uniqueItems", "properties", "required", "additionalProperties", "propertyNames"}
    assert set(rule) <= known, set(rule) - known
    if "$ref" in rule:
        yield from faults(value, whole["$defs"][rule["$ref"].removeprefix("#/$defs/")], whole, where)
    if "if" in rule:
        yield from faults(value, rule["else"] if list(faults(value, rule["if"], whole)) else rule["then"], whole, where)
    if "anyOf" in rule and all(list(faults(value, arm, whole)) for arm in rule["anyOf"]):
        yield f"{where}: fits none"
    if "type" in rule:
        names = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
        if not any(
            isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names
        ):
            yield f"{where}: not {names}"
            return
    if ("enum" in rule and value not in rule["enum"]) or ("const" in rule and value != rule["const"]):
        yield f"{where}: {value!r} is not allowed"
    if isinstance(value, str):
        if "pattern" in rule and not re.search(rule["pattern"], value):
            yield f"{where}: {value!r} does not fit {rule['pattern']}"
        if len(value) > rule.get("maxLength", len(value)):
            yield f"{where}: too long"
    if isinstance(value, int) and not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        yield f"{where}: out of bounds"
    if isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            yield f"{where}: too few"
        if len(value) > rule.get("maxItems", len(value)):
            yield f"{where}: too many"
        if rule.get("uniqueItems") and any(item in value[:at] for at, item in enumerate(value)):
            yield f"{where}: an item twice"
        for number, item in enumerate(value):
            yield from faults(item, rule.get("items", {}), whole, f"{where}[{number}]")
    if isinstance(value, dict):
        yield from (f"{where}: {key} is missing" for key in rule.get("required", ()) if key not in value)
        for key, item in value.items():
            yield from faults(key, rule.get("propertyNames", {}), whole, f"{where} key")
            if key in rule.get("properties", {}):
                yield from faults(item, rule["properties"][key], whole, f"{where}.{key}")
            elif rule.get("additionalProperties") is False:
                yield f"{where}: {key} is unknown"
            elif isinstance(rule.get("additionalProperties"), dict):
                yield from faults(item, rule["additionalProperties"], whole, f"{where}.{key}")


def test_schema_is_plain_json_and_explains_every_key() -> None:
    whole = schema()
    assert json.loads(json.dumps(whole)) == whole
    for name, definition in whole["$defs"].items():
        assert definition["description"], name
        for key, rule in definition["properties"].items():
            assert rule["description"], f"{name}.{key}"


def test_schema_accepts_the_runbooks_that_the_loader_accepts() -> None:
    whole = schema()
    assert list(faults(plain(read_yaml(ROOT / "runbook.yaml")), whole, whole)) == []
    assert list(faults(plain(parse_yaml(BOOK, "x")[0]), whole, whole)) == []
    assert list(faults(plain(parse_yaml(HEAD + ASKED + STEPS, "x")[0]), whole, whole)) == []
    assert list(faults({"midwatch-site": 1, "inputs": {"which": 42}}, whole, whole)) == []
    assert list(faults({"midwatch-site": 1, "locations": {"logs": "x", "pg_bin": None}}, whole, whole)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("midwatch: 1", "midwatch: 2"),
        ("severity: SEV-2", "severity: SEV-7"),
        ("title: Trial", "titel: Trial"),
        ("kind: local", "kind: remote"),
        ("update_every: 15 min", "update_every: 15"),
        ("locations: {logs", "locations: {log"),
        ("id: ask-it", "id: Ask it"),
        ("kind: yes-no", "kind: maybe"),
        ("risk: observe", "risk: none"),
        ("optional: true", "optional: maybe"),
        ("answer: ask-it.hurt", "answer: ask-it"),
        ("{from: sweep-80-of-it.left}", "{form: sweep-80-of-it.left}"),
        ("check: level,", ""),
    ],
)
def test_schema_refuses_what_the_loader_refuses(old: str, new: str) -> None:
    whole = schema()
    assert old in BOOK
    assert list(faults(plain(parse_yaml(BOOK.replace(old, new, 1), "x")[0]), whole, whole)) != []
