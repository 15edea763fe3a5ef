"""Disables event triggers in a session, because data that they write would count as content of the database."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace

from probes.postgres.connect import Route
from probes.postgres.role import run_quietly

SETTING_SINCE = 17
"""The version from which a setting switches them off for a session, and in which a login fires some."""
_ENABLED = """
SELECT json_agg(json_build_array(format('ALTER EVENT TRIGGER %I DISABLE', evtname),
    format('ALTER EVENT TRIGGER %I ENABLE%s', evtname, CASE evtenabled WHEN 'A' THEN ' ALWAYS' WHEN 'R' THEN
        ' REPLICA' END))
    ORDER BY evtname)
FROM pg_event_trigger WHERE evtenabled <> 'D'
"""


def for_restore(route: Route, server: int) -> Route:
    """The same way in, where no event trigger fires and no limit of a role ends a long transaction.

    That holds on servers of a version that has either (`SETTING_SINCE`); `pg_restore` lifts the limits that all have.
    """
    if server < SETTING_SINCE:
        return route
    return replace(route, options=f"{route.options} -c event_triggers=off -c transaction_timeout=0")


@contextlib.contextmanager
def disabled_event_triggers(route: Route, server: int) -> Iterator[None]:
    """Event triggers are off in the block, on older servers by disabling each. Raises `MidwatchError`.

    An error that ends the block leaves them disabled: the database is one that we made and that nobody is to use.
    """
    found = [] if server >= SETTING_SINCE else json.loads(run_quietly(route, _ENABLED) or "null") or []
    for disable, _ in found:
        run_quietly(route, disable)
    yield
    for _, enable in found:
        run_quietly(route, enable)
