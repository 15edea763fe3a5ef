"""What goes wrong beside the screen's loop is said on it without a secret."""

from __future__ import annotations

import pytest
from textual.app import App

from midwatch.system.errors import Failed
from screens.widgets.background import run_in_background


@pytest.mark.parametrize(
    "error", [Failed("correct-horse at redis://:hunter22@h"), ValueError("correct-horse at redis://:hunter22@h")]
)
async def test_no_secret_is_in_what_the_screen_says_went_wrong(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setenv("ARP_PASSWORD", "correct-horse")
    said: list[str] = []

    def work() -> None:
        raise error

    app = App[None]()
    async with app.run_test() as pilot:
        run_in_background(app, work, lambda _: None, said.append, name="broken").join()
        await pilot.pause()
    assert len(said) == 1
    assert "[secret ARP_PASSWORD] at redis://:[secret-shaped]@h" in said[0]
