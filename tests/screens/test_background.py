"""What goes wrong beside the screen's loop is said on it without a secret."""

from __future__ import annotations

import pytest

from midwatch.system.errors import Failed
from screens.widgets.background import WorkFailed, in_background


@pytest.mark.parametrize(
    "error", [Failed("correct-horse at redis://:hunter22@h"), ValueError("correct-horse at redis://:hunter22@h")]
)
async def test_error_on_the_screen_shows_no_secret(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setenv("ARP_PASSWORD", "correct-horse")

    def work() -> None:
        raise error

    with pytest.raises(WorkFailed) as failed:
        await in_background("broken", work)
    assert "[secret ARP_PASSWORD] at redis://:[secret-shaped]@h" in str(failed.value)
