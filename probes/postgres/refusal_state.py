"""The SQLSTATE of a refused login, which libpq tells only in words: those of a server may be in any language."""

from __future__ import annotations

import ctypes
import re
import select
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ONLY_SQLSTATE = 3
"""`PQERRORS_SQLSTATE` of libpq (since version 12)."""
_LIBRARY = re.compile(r" (/\S*/libpq[-.]\S*)$", re.MULTILINE)
_STATE = re.compile(r"\S+:  ([0-9A-Z]{5})$", re.MULTILINE)


def refusal_state(given: Mapping[str, Any], limit_s: float) -> str:
    """Log in once more by these parameters of libpq: `28P01`; empty where nothing was refused, or nobody can tell."""
    import psycopg
    from psycopg import pq
    from psycopg.conninfo import make_conninfo

    try:  # psycopg does not pass this function on: it is taken from the library that psycopg has loaded
        library = ctypes.CDLL(_LIBRARY.findall(Path("/proc/self/maps").read_text(errors="replace"))[0])
        attempt = pq.PGconn.connect_start(make_conninfo(**{**given, "autocommit": None}).encode())
        pointer = attempt.pgconn_ptr  # type: ignore[attr-defined]  # its protocol leaves it out
        library.PQsetErrorVerbosity(ctypes.c_void_p(pointer), _ONLY_SQLSTATE)
    except (OSError, IndexError, AttributeError, psycopg.Error):
        return ""
    deadline, state = time.monotonic() + limit_s, int(pq.PollingStatus.WRITING)
    try:
        while state in (pq.PollingStatus.READING, pq.PollingStatus.WRITING):
            wanted = [attempt.socket]
            reading, writing = (wanted, []) if state == pq.PollingStatus.READING else ([], wanted)
            if not any(select.select(reading, writing, [], max(0.0, deadline - time.monotonic()))):
                return ""
            state = attempt.connect_poll()
        found = _STATE.search(attempt.error_message.decode("utf-8", "replace"))
    except (OSError, ValueError, psycopg.Error):
        return ""
    finally:
        attempt.finish()
    return found[1] if found else ""
