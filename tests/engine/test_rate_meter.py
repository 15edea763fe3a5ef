"""How fast something grows and how far a step is: by its last seconds, with a stall said as one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.output.progress import PACE, Advance, RateMeter, advance
from midwatch.supervisor.progress import Progress

FILE = Path("progress")


def told(pace: RateMeter, at: float, done: float, total: float | None = 1000.0, unit: str = "tables") -> Advance:
    return advance(Progress(done, total, unit), pace, FILE, at)


def test_rate_is_that_of_the_last_seconds() -> None:
    pace, path = RateMeter(), Path("output")
    for second in range(20):
        pace.take(path, float(second), 1_000_000 * max(second - 10, 0))
    assert pace.rate == 1_000_000
    assert pace.words(9_000_000, under_way=True) == "9.0 MB, 1.0 MB/s"
    assert pace.words(9_000_000, under_way=False) == "9.0 MB"
    pace.take(Path("another"), 20.0, 5)
    assert pace.rate == 0.0


@pytest.mark.parametrize(
    ("progress", "rate", "words"),
    [
        (Progress(72e6, 124e6, "bytes"), 2e6, ["72.0 of 124 MB", "2.0 MB/s", "about 25 s left"]),
        (Progress(900e3, 1.2e9, "bytes"), 0.0, ["900 kB of 1.2 GB"]),
        (Progress(72e6, None, "bytes"), 2e6, ["72.0 MB so far", "2.0 MB/s"]),
        (Progress(21.7e6, None, "unpacked"), 2e6, ["21.7 MB unpacked so far", "2.0 MB/s"]),
        (Progress(72e6, 124e6, "unpacked"), 0.0, ["72.0 of 124 MB unpacked"]),
        (Progress(12, 40, "tables"), 0.1, ["tables 12 of 40", "about 4 min 40 s left"]),
        (Progress(1204, None, "rows"), 3.0, ["rows 1 204 so far"]),
        (Progress(42, 100), 1.0, ["about 1 min left"]),
        (Progress(7, None), 1.0, ["7 so far"]),
        (Progress(40, 40, "tables"), 1.0, ["tables 40 of 40"]),
        (None, 0.0, []),
    ],
)
def test_how_far_a_step_is_in_words(progress: Progress | None, rate: float, words: list[str]) -> None:
    assert Advance(progress, rate).words() == words


def test_remaining_time_follows_the_present_rate() -> None:
    """Fast at first, then slow: the mean since the start would promise far too much."""
    pace = RateMeter(PACE)
    for second in range(100):
        told(pace, second, min(second * 10, 500) + max(second - 50, 0))
    now = told(pace, 100, 550)
    assert now.rate == pytest.approx(1.0, rel=0.1)
    assert now.words()[-1] == "about 7 min 30 s left"


def test_stall_is_said_and_is_over_with_the_next_word() -> None:
    pace = RateMeter(PACE)
    for second in range(10):
        told(pace, second, second)
    assert not told(pace, 20, 9).stalled
    assert told(pace, 52, 9).words() == ["tables 9 of 1 000", "has not gone on for 40 s"]
    assert not told(pace, 53, 10).stalled
    assert not told(pace, 200, 1000).stalled  # it is all there


def test_rate_in_the_first_seconds_promises_no_end() -> None:
    pace = RateMeter(PACE)
    assert told(pace, 0, 0).words() == ["tables 0 of 1 000"]
    assert told(pace, 1, 500).words() == ["tables 500 of 1 000"]
    assert told(pace, 2, 510).words() == ["tables 510 of 1 000"]


@given(
    st.lists(st.tuples(st.floats(0, 60), st.floats(0, 1e15)), max_size=60),
    st.floats(1e-3, 1e15),
    st.sampled_from(["", "bytes", "rows"]),
)
def test_rate_meter_survives_any_sequence_of_progress(
    steps: list[tuple[float, float]], total: float, unit: str
) -> None:
    pace, at = RateMeter(PACE), 0.0
    for later, done in steps:
        at += later
        found = told(pace, at, done, total, unit)
        assert found.rate >= 0
        assert 0 <= found.still <= at
        assert found.share is not None
        assert 0 <= found.share <= 1
        assert len(" ".join(found.words())) < 120
