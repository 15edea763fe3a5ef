"""Steps are counted by their status, and skipped ones are never counted as done."""

from __future__ import annotations

import pytest

from midwatch.incident.step_status import StepStatus
from midwatch.incident.tally import Tally


@pytest.mark.parametrize(
    ("statuses", "words", "short"),
    [
        ([], "", "0/0"),
        ([StepStatus.DONE] * 3, "3 done", "3/3"),
        (
            [StepStatus.DONE, *[StepStatus.SKIPPED] * 23, StepStatus.TODO],
            "1 done, 23 skipped, 1 to do",
            "1/25, 23 skipped",
        ),
        (
            [StepStatus.FAILED, StepStatus.UNDECIDED, StepStatus.RUNNING, StepStatus.NOT_NEEDED],
            "1 failed, 1 undecided, 1 running",
            "0/3, 1 failed, 1 undecided",
        ),
    ],
)
def test_tally_of_statuses_says_each_apart(statuses: list[StepStatus], words: str, short: str) -> None:
    tally = Tally.of(statuses)
    assert (tally.words, tally.short_words) == (words, short)
    assert tally.total == sum(status is not StepStatus.NOT_NEEDED for status in statuses)
