"""A line keeps every event exactly, and is plain ASCII."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.incident.events import Event
from midwatch.journal.codec import LONGEST, NO_LINE, decode, digest, encode
from midwatch.system.errors import BadInput

ANY_TEXT = st.text(st.characters(), max_size=40)  # lone surrogates and control characters included
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.builds(
    Event,
    seq=st.integers(1, 10**9),
    time=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds the zone
    mono=st.floats(0, 1e9),
    boot=st.uuids().map(str),
    actor=ANY_TEXT,
    kind=ANY_TEXT,
    body=st.dictionaries(ANY_TEXT, JSON, max_size=5),
)
EVENT = Event(1, datetime(2026, 11, 23, 2, 0, tzinfo=UTC), 1.5, "boot", "ada", "note", {"text": "x"})


@given(EVENTS)
def test_event_survives_the_round_trip_and_its_line_is_printable_ascii(event: Event) -> None:
    line = encode(event, NO_LINE)
    back, prev = decode(line)
    assert all(0x20 <= byte < 0x7F for byte in line)
    assert prev == NO_LINE
    assert encode(back, NO_LINE) == line
    assert decode(encode(back, NO_LINE))[0] == back
    if not _has_surrogate_pairs(event):
        assert back == event


def _has_surrogate_pairs(event: Event) -> bool:
    """Two lone surrogates side by side are the character they mean, in JSON."""
    text = f"{event.actor}\0{event.kind}\0{event.body!r}\0" + "\0".join(_texts(event.body))
    return any("\ud800" <= a <= "\udbff" and "\udc00" <= b <= "\udfff" for a, b in pairwise(text))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in _texts(part)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def test_event_keys_stand_in_their_order() -> None:
    assert encode(EVENT, NO_LINE) == (
        b'{"seq":1,"time":"2026-11-23T02:00:00.000000Z","mono":1.5,"boot":"boot","actor":"ada","kind":"note",'
        b'"body":{"text":"x"},"prev":"' + b"0" * 64 + b'"}'
    )
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"text": "x" * LONGEST}, "65,536 is the most"),
        ({"number": float("nan")}, "not JSON compliant"),
        ({"what": object()}, "not JSON serializable"),
        ({1: "one"}, "its key 1 is not text"),
        ({"deep": [{2: "two"}]}, "its key 2 is not text"),
    ],
)
def test_body_that_cannot_be_stored_is_refused_in_a_sentence(body: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        encode(replace(EVENT, body=body), NO_LINE)


def test_recursive_body_is_refused() -> None:
    body: dict[str, object] = {}
    body["again"] = body
    with pytest.raises(BadInput, match="nested"):
        encode(replace(EVENT, body=body), NO_LINE)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 60_000,
        encode(EVENT, NO_LINE).replace(b'"seq":1,', b""),
        encode(EVENT, NO_LINE).replace(b'"seq":1', b'"seq":true'),
        encode(EVENT, NO_LINE).replace(b'"seq":1', b'"seq":1,"seq":1'),
        encode(EVENT, NO_LINE).replace(b'"seq":1', b'"seq":' + b"9" * 5000),
        encode(EVENT, NO_LINE).replace(b"1.5", b"NaN"),
        encode(EVENT, NO_LINE).replace(b".000000Z", b"Z"),
        encode(EVENT, NO_LINE).replace(b'{"text":"x"}', b'"x"'),
    ],
)
def test_line_that_is_no_event_is_named_and_never_a_crash(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode(line)
