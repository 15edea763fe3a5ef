"""Asks several targets side by side."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import TypeVar

from midwatch.runbook.model import Runbook
from midwatch.runbook.targets import Target
from midwatch.system.errors import OutcomeUnknown

Answer = TypeVar("Answer")


def ask_each(
    runbook: Runbook, wanted: tuple[Target, ...], ask: Callable[[Target], Answer]
) -> list[tuple[Target, Answer]]:
    """What each of the targets answers, in their order; of all targets of the runbook when none is `wanted`.

    Raises:
        OutcomeUnknown: The runbook names no target.
    """
    targets = wanted or tuple(runbook.targets.values())
    if not targets:
        raise OutcomeUnknown("The runbook names no targets", hint="Name them under 'targets:'")
    with concurrent.futures.ThreadPoolExecutor(len(targets)) as pool:
        return list(zip(targets, pool.map(ask, targets), strict=True))
