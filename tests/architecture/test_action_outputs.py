"""What an action says that it reports is what its page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from midwatch.api.registry import action_names, find_action

PAGES = Path(__file__).parents[2] / "docs" / "actions"
_VALUES = re.compile(r"Values(?: for later steps)?: (.*?)(?:\n\n|\Z)", re.S)


@pytest.mark.parametrize("name", [path.stem for path in sorted(PAGES.glob("*.md")) if path.stem in action_names()])
def test_action_page_names_the_declared_outputs(name: str) -> None:
    outputs = find_action(name).outputs or ()  # those of a script are known to its author only
    stated = _VALUES.search((PAGES / f"{name}.md").read_text(encoding="utf-8"))
    named = set(re.findall(r"`([a-z_0-9]+)`", stated[1])) if stated else set()
    assert set(outputs) <= named, f"docs/actions/{name}.md does not name {set(outputs) - named}"
