"""What these tests share: a small catalogue, and the loader on a text."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from midwatch.api import registry
from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.model import Runbook
from tests.runbook.small_actions import Errors, Loaded


@pytest.fixture(autouse=True)
def _no_site_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIDWATCH_SITE", raising=False)


@pytest.fixture
def small_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the actions `sweep` and `level` and the probe `gauge` are installed."""
    points = {
        registry.ACTIONS: {"sweep": "Sweep", "level": "Level"},
        registry.PROBES: {"gauge": "Gauge"},
    }

    def installed(group: str) -> dict[str, list[EntryPoint]]:
        return {
            name: [EntryPoint(name, f"tests.runbook.small_actions:{cls}", group)] for name, cls in points[group].items()
        }

    monkeypatch.setattr(registry, "points_of", installed)


@pytest.fixture
def errors_of(tmp_path: Path, small_catalogue: None) -> Errors:
    """What the loader says about this text, a line each, without the folder; `site`: the text of a site file."""

    def errors(text: str, *, site: str = "") -> list[str]:
        (tmp_path / "r.yaml").write_text(text, encoding="utf-8")
        if site:
            (tmp_path / "site.yaml").write_text(site, encoding="utf-8")
        with pytest.raises(RunbookErrors) as caught:
            load(tmp_path / "r.yaml")
        lines = str(caught.value).splitlines()
        assert len(lines) == len(caught.value.errors)
        return [line.replace(f"{tmp_path}/", "") for line in lines]

    return errors


@pytest.fixture
def loaded(tmp_path: Path, small_catalogue: None) -> Loaded:
    """The runbook with this text."""

    def read(text: str, *, site: str = "") -> Runbook:
        (tmp_path / "r.yaml").write_text(text, encoding="utf-8")
        if site:
            (tmp_path / "site.yaml").write_text(site, encoding="utf-8")
        return load(tmp_path / "r.yaml")

    return read
