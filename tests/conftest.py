"""What all tests share: nothing of the machine leaks in, and where a test must run it may not skip."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

_MUST_RUN = frozenset(os.environ.get("MIDWATCH_TESTS_MUST_RUN", "").split(",")) - {""}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No runbook, site or incident of the person who runs the tests."""
    for name in list(os.environ):
        if (name.startswith("MIDWATCH_") and name != "MIDWATCH_TESTS_MUST_RUN") or name in (
            "PGPASSFILE",
            "PGPASSWORD",
            "PGHOST",
            "NO_COLOR",
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test whose marker must run here fails when it skips."""
    report = yield
    missing = sorted(mark for mark in _MUST_RUN if item.get_closest_marker(mark))
    if report.skipped and missing and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{', '.join(missing)} must run here, and this test skipped: {report.longrepr}"
    return report
