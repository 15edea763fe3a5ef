"""Masks the text of an event before it is journalled: what people type and what the world answers may hold secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from midwatch.redaction import mask

_NOT_TEXT = frozenset({"digest", "head", "sha256", "runbook_sha256", "id", "step", "supervisor", "ended", "at"})
"""Keys whose values we compute ourselves; a digest must never look like a secret."""


def masked(body: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The body with every secret and secret-shaped text in its strings replaced."""
    return {key: value if key in _NOT_TEXT else _masked(value, secrets) for key, value in body.items()}


def _masked(value: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return mask(value, secrets) if value else value
    if isinstance(value, Mapping):
        return masked(value, secrets)
    if isinstance(value, list | tuple):
        return [_masked(item, secrets) for item in value]
    return value
