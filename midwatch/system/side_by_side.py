"""Calls that run side by side, with one limit of time for all of them."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def side_by_side(calls: Mapping[str, Callable[[], T]], *, limit_s: float, late: Callable[[str], T]) -> dict[str, T]:
    """The results by name, in order; `late` gives that of a call which has none within the limit, and runs on
    unwatched."""
    if not calls:
        return {}
    pool = concurrent.futures.ThreadPoolExecutor(len(calls), thread_name_prefix="side by side")
    futures = {name: pool.submit(call) for name, call in calls.items()}
    done, _ = concurrent.futures.wait(futures.values(), timeout=limit_s)
    pool.shutdown(wait=False, cancel_futures=True)  # a call that hangs must hold nobody up
    return {name: future.result() if future in done else late(name) for name, future in futures.items()}
