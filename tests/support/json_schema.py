"""Validates a document by the part of JSON Schema that the published schemas of this project use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_KNOWN = {"$schema", "$ref", "$defs", "title", "description", "type", "const", "enum", "required", "properties",
          "additionalProperties", "items"}  # fmt: skip


def faults(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, at: str = "$"
) -> Iterator[str]:
    """Where the document is not as the schema says; nothing where it is."""
    root = schema if root is None else root
    assert not schema.keys() - _KNOWN, f"this validator does not know {schema.keys() - _KNOWN}"
    if "$ref" in schema:
        schema = root["$defs"][str(schema["$ref"]).removeprefix("#/$defs/")]
    types = schema.get("type", [])
    names = [types] if isinstance(types, str) else types
    if names and not any(_is(value, name) for name in names):
        yield f"{at} is no {' or '.join(names)}: {value!r}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{at} is {value!r}, not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, none of {schema['enum']}"
    if isinstance(value, dict):
        yield from _faults_of_object(value, schema, root, at)
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from faults(item, schema["items"], root, f"{at}[{number}]")


def _faults_of_object(
    value: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], at: str
) -> Iterator[str]:
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    yield from (f"{at} lacks {name}" for name in schema.get("required", ()) if name not in value)
    for name, item in value.items():
        if name in known:
            yield from faults(item, known[name], root, f"{at}.{name}")
        elif more is False:
            yield f"{at} has {name}, which the schema does not know"
        elif isinstance(more, dict):
            yield from faults(item, more, root, f"{at}.{name}")


def _is(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and not (isinstance(value, bool) and name in ("integer", "number"))
