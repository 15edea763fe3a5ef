"""Every installed action has a page in `docs/actions/`."""

from __future__ import annotations

from pathlib import Path

from midwatch.api.registry import action_names

PAGES = Path(__file__).parents[2] / "docs" / "actions"


def test_action_without_a_page_is_none() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
    assert [
        name
        for name in action_names()
        if f"`{name}`" not in text and f"midwatch check {name}" not in text and not (PAGES / f"{name}.md").exists()
    ] == []
