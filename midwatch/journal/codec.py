"""One line of a journal: an event as JSON, and the SHA-256 of the line before it. Format: `docs/journal.md`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from midwatch.incident.events import Event
from midwatch.system.clock import from_rfc3339, to_rfc3339
from midwatch.system.errors import BadInput
from midwatch.system.strict_json import refuse_constant, unique_keys

KEYS = ("seq", "time", "mono", "boot", "actor", "kind", "body", "prev")
"""The keys of a line, in the order in which they are written."""
LONGEST = 64 * 1024
"""The maximal length of a line in bytes, including the newline."""
NO_LINE = "0" * 64
"""`prev` of the first event."""


def digest(line: bytes) -> str:
    """The SHA-256 of a line's bytes without the newline, in hex: `prev` of the next line, or the journal's head."""
    return hashlib.sha256(line).hexdigest()


def encode(event: Event, prev: str) -> bytes:
    """The line of an event, without the newline.

    It is plain ASCII, so that no escape sequence, no bidirectional override and no invalid UTF-8 reaches whoever looks
    at the file. Raises `BadInput` for a body that JSON cannot hold, or one that makes the line too long.
    """
    _require_text_keys(event.body, event.kind)
    values = (
        event.seq,
        to_rfc3339(event.time),
        event.mono,
        event.boot,
        event.actor,
        str(event.kind),
        dict(event.body),
        prev,
    )
    try:
        text = json.dumps(
            dict(zip(KEYS, values, strict=True)), ensure_ascii=True, allow_nan=False, separators=(",", ":")
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"An event of kind {event.kind} cannot be stored: {error}") from error
    line = text.encode("ascii").replace(b"\x7f", b"\\u007f")  # the one control character that JSON leaves as it is
    if len(line) >= LONGEST:
        raise BadInput(
            f"An event of kind {event.kind} would have {len(line):,} bytes, and {LONGEST:,} is the most",
            hint="Say it shorter, or name a file that holds it",
        )
    return line


def _require_text_keys(value: object, kind: str) -> None:
    """JSON would turn the key 1 into "1" without a word, and two keys into one."""
    pending = [(value, 0)]
    while pending:
        part, depth = pending.pop()
        if depth > 100:
            raise BadInput(f"An event of kind {kind} cannot be stored: it is nested more than 100 deep")
        if isinstance(part, Mapping):
            odd = next((key for key in part if not isinstance(key, str)), None)
            if odd is not None:
                raise BadInput(f"An event of kind {kind} cannot be stored: its key {odd!r} is not text")
            pending.extend((item, depth + 1) for item in part.values())
        elif isinstance(part, list | tuple):
            pending.extend((item, depth + 1) for item in part)


def decode(line: bytes) -> tuple[Event, str]:
    """The event of a line, and its `prev`. Raises `ValueError` saying what is wrong with the line."""
    if len(line) >= LONGEST:
        raise ValueError(f"it has more than {LONGEST:,} bytes")
    try:
        data = json.loads(line.decode("ascii"), object_pairs_hook=unique_keys, parse_constant=refuse_constant)
    except UnicodeDecodeError:
        raise ValueError("it is not plain ASCII") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at byte {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(data, dict) or tuple(data) != KEYS:
        raise ValueError(f"its keys are not {', '.join(KEYS)}")
    texts = all(isinstance(data[key], str) for key in ("time", "boot", "actor", "kind", "prev"))
    numbers = type(data["seq"]) is int and type(data["mono"]) in (int, float)
    if not (texts and numbers and isinstance(data["body"], dict)):
        raise ValueError("a value has the wrong type")
    event = Event(
        data["seq"], _moment(data["time"]), data["mono"], data["boot"], data["actor"], data["kind"], data["body"]
    )
    return event, data["prev"]


def _moment(text: str) -> datetime:
    moment = from_rfc3339(text)
    if to_rfc3339(moment) != text:
        raise ValueError(f"{text!r} is not a time in UTC with microseconds")
    return moment
