"""Strict parser for untrusted JSON: one object, unique keys, finite numbers, bounded nesting, valid text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

TEXT_LIMIT = 4_000
"""Characters of a text of which nothing else is said."""
_DEPTH_AT_MOST = 64


def read_object(data: bytes) -> dict[str, Any]:
    """The JSON object in these bytes. Raises `ValueError` that says what is wrong; nothing else, whatever the bytes
    are."""
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=unique_keys, parse_constant=refuse_constant, parse_float=_finite
        )
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    _require_plain(value)
    return value


def text_of(data: Mapping[str, Any], key: str, *, limit: int = TEXT_LIMIT) -> str:
    """The text under this key. Raises `ValueError`, also when it is not there."""
    value = data.get(key)
    if not isinstance(value, str) or len(value) > limit:
        raise ValueError(f"{key} has to be a text of {limit:,} characters at most")
    return value


def number_of(data: Mapping[str, Any], key: str) -> float:
    """The number under this key. Raises `ValueError`, also when it is not there."""
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} has to be a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{key} is too large a number") from None


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises `ValueError` where a key stands in it twice."""
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands in it twice")
    return data


def refuse_constant(name: str) -> float:
    """Raise `ValueError`: `NaN` and `Infinity` are not JSON."""
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number in it is too large")
    return number


def _require_plain(value: object) -> None:
    """No deeper than the limit, and no half of a surrogate pair, which can be neither stored nor shown."""
    pending: list[tuple[object, int]] = [(value, 0)]
    while pending:
        part, depth = pending.pop()
        if depth > _DEPTH_AT_MOST:
            raise ValueError("it is nested too deep")
        if isinstance(part, str) and not part.isascii():
            try:
                part.encode()
            except UnicodeEncodeError:
                raise ValueError("a text in it is not valid Unicode") from None
        elif isinstance(part, dict):
            pending.extend((item, depth + 1) for pair in part.items() for item in pair)
        elif isinstance(part, list):
            pending.extend((item, depth + 1) for item in part)
