"""The time zone of the user who reads, for times beside UTC."""

from __future__ import annotations

import os
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from midwatch.system.errors import BadInput

_LOCALTIME = Path("/etc/localtime")


def local_zone() -> tzinfo | None:
    """The zone of this process, with its changes to summer time where the system knows them."""
    if name := os.environ.get("TZ", "").removeprefix(":"):
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, ZoneInfoNotFoundError):
            return datetime.now().astimezone().tzinfo
    try:
        _, known, name = os.path.realpath(_LOCALTIME).partition("/zoneinfo/")
        if known:
            return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        pass  # the file alone has all but the name
    try:
        with _LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return datetime.now().astimezone().tzinfo


def named_zone(name: str) -> ZoneInfo:
    """The zone with this name of the time zone database. Raises `BadInput`."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError) as error:
        raise BadInput(f"There is no time zone {name!r}", hint="Names are as in Europe/Berlin or UTC") from error
