"""The types of the values in an event's body. A key has the same type in each kind of event that has the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from midwatch.incident.alert import known_alerts

Check = Callable[[Any], bool]


def require_types(body: Mapping[str, Any]) -> None:
    """Raise `TypeError` for a value that is not of its key's type. Keys that are not known may hold anything."""
    for key, value in body.items():
        if (check := _CHECKS.get(key)) is not None and not check(value):
            raise TypeError(f"{key} is not of its type")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_text, value))


def _is_named_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value.values()))


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_object(value: Any) -> bool:
    if _is_mapping(value):
        require_types(value)
    return _is_mapping(value)


def _is_objects(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_object, value))


def _are_alerts(value: Any) -> bool:
    try:
        known_alerts(value)
    except ValueError:
        return False
    return True


def _is_alert(value: Any) -> bool:
    """What declared an incident, as the reports read it."""
    return _is_object(value) and {"source", "text", "alerts"} <= value.keys()


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


_CHECKS: dict[str, Check] = {
    key: check
    for check, keys in (
        (
            _is_text,
            "id title severity runbook runbook_sha256 site_sha256 base host reason how expires step digest target",
        ),
        (_is_text, "system_identifier role command outcome detail note when criterion text message channel head"),
        (_is_text, "dropped_sha256 problem file probe error sha256 boot result approved_by plan_sha256 difference"),
        (_is_text, "delivery receiver audience action source url"),
        (_or_none(_is_text), "site terminal to at ended loop marks pasted_output"),
        (_is_count, "attempt try of asked tries event pid start bytes dropped masked dropped_bytes after left effects"),
        (_or_none(_is_count), "exit undoes offer owner"),
        (_or_none(_is_number), "seconds silent wait"),
        (_is_flag, "starred in_memory urgent rehearsal retry"),
        (_or_none(_is_flag), "met holds"),
        (_is_texts, "unmet notify names items discovered prove_again receivers"),
        (_is_named_texts, "values inputs"),
        (_is_object, "output supervisor reading"),
        (_or_none(_is_object), "manual_command"),
        (_or_none(_is_alert), "alert"),
        (_or_none(_is_mapping), "plan"),
        (_are_alerts, "alerts"),
        (_is_objects, "preconditions verified rows"),
    )
    for key in keys.split()
}
