"""What a runbook says of its watcher: windows of time, keys of triggers, the table `watch`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from midwatch.runbook.channels import SecretSource
from midwatch.runbook.windows import Window
from tests.runbook.small_actions import HEAD, Errors, Loaded

HEADED = HEAD + "phases: [{title: P, steps: [{title: s}]}]\n"

CHECK = "{title: t, check: level, with: {below: 1 %}, every: 30 s, for: 2 min, after: 3, clear: 5 min, deadline: 1 h}"


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("22:00-06:00", ["2026-11-29T22:00", "2026-11-30T05:59"], ["2026-11-29T06:00", "2026-11-29T21:59"]),
        ("Sat,Sun 00:00-24:00", ["2026-11-28T00:00", "2026-11-29T23:59"], ["2026-11-27T23:59", "2026-11-30T00:00"]),
        ("Fri-Mon 23:00-01:00", ["2026-11-28T00:30", "2026-12-01T00:30"], ["2026-11-27T00:30", "2026-12-02T00:30"]),
        ("08:00-09:00 Europe/Berlin", ["2026-11-29T07:30", "2026-07-01T06:30"], ["2026-11-29T08:30"]),
        ("2026-12-01 22:00 - 2026-12-02 02:00", ["2026-12-01T23:00"], ["2026-12-02T02:00", "2025-12-01T23:00"]),
    ],
)
def test_window_contains_its_times(text: str, inside: list[str], outside: list[str]) -> None:
    window = Window.parse(text)
    assert [at for at in inside if not window.contains(datetime.fromisoformat(at).replace(tzinfo=UTC))] == []
    assert [at for at in outside if window.contains(datetime.fromisoformat(at).replace(tzinfo=UTC))] == []


@pytest.mark.parametrize("text", ["", "22-6", "25:00-06:00", "22:60-23:00", "Mon", "Foo 1:00-2:00", "22:00-06:00 Mars"])
def test_text_that_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no window"):
        Window.parse(text)


def test_keys_of_triggers_and_of_the_table_are_read(loaded: Loaded) -> None:
    top = f"triggers: [{CHECK}]\nwatch: {{every: 5 s, ping: {{file: p}}, quiet_hours: 22:00-06:00, maintenance: []}}\n"
    book = loaded(HEADED + top)
    trigger = book.triggers[0]
    assert (trigger.every, trigger.for_, trigger.after, trigger.clear, trigger.deadline) == (30, 120, 3, 300, 3600)
    assert (book.watch.every, book.watch.ping, len(book.watch.quiet_hours)) == (5, SecretSource("p"), 1)


@pytest.mark.parametrize(
    ("top", "found"),
    [
        ("triggers: [{title: t, log: l, match: m, every: 1 s}]", "'every' belongs to a trigger with 'check' or"),
        ("triggers: [{title: t, log: l, match: m, panel: disk}]", "A trigger has one of"),
        ("triggers: [{title: t, panel: dsk}]", "There is no panel 'dsk'"),
        ("watch: {quiet_hours: late}", "This takes a window of time, not 'late'. Write '22:00-06:00'"),
        ("watch: {channel: x}", "There is no channel 'x'"),
        ("watch: {ping: hc-ping.com}", "This takes an address that begins with https:// or http://"),
        ("watch: {ping: {}}", "A secret source has one of 'file' and 'variable'"),
    ],
)
def test_wrong_key_is_told(errors_of: Errors, top: str, found: str) -> None:
    assert found in errors_of(HEADED + top + "\n")[0]
