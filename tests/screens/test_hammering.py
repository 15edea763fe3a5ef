"""Keys at random, held, in bursts and pasted: the journal gets nothing that no deliberate, separate key consented
to."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual import events

from midwatch.engine.incident_controller import IncidentController
from midwatch.incident.events import EventKind
from midwatch.outbox.delivery_start import DeliveryStart
from midwatch.runbook.loader import load
from screens.incident import enter_guard
from screens.widgets import held_keys
from screens.widgets.dialog import Dialog
from tests.support.night import PassingNight
from tests.support.screen_pilot import opened, rest
from tests.support.small_incident import RUNBOOK
from tests.support.waiting import wait_for
from tui.terminal import key_queue

OPENING = ["enter", *"sfnuth", "exclamation_mark", "c", "q", "b", "colon", "question_mark", "escape", "minus"]
CHANNELS = """\
channels:
  incident: {kind: file, path: said.jsonl}
  press: {kind: file, path: press.jsonl, outside: true}
"""
CHAINS = [
    ("at", "r"),
    ("at", "x", *"known", "ctrl+s"),
    ("at", "slash", *"dec"),
    ("u", "f3"),
    ("u", "shift+tab", "p", "ctrl+s"),
    ("u", "f5", "ctrl+s"),
    ("e", "slash", *"dec", "enter"),
    ("e", "n"),
    ("d", "slash", "a"),
    ("comma",),
    ("i",),
    ("exclamation_mark", "up", "tab"),
]
"""Ways to what lies behind two keys: messages by channels, the composer, pages with words to find."""
OTHERS = [*"eyzEwj", "equals_sign", "number_sign"]
KEYS = [*OPENING, *OTHERS, "y", "space", "tab", "down", "up", "ctrl+s", "ctrl+r", *"exam", "backspace"]
DECIDES = frozenset({"enter", "y", "ctrl+s"})
"""The keys that can consent to anything; all others open, move or write into a field."""
BY_ITSELF = frozenset({"criterion.evaluated", "driver.left", "step.started", "step.finished", "reading"})
"""What is written beside a decision, or without one: the end of an incident gives back control."""
TEXTS = ["\ny\nq\ny\n", "s\nnot needed\n\n\n", "\x1b[A\x1b\ry y y y", "one line", "enter\r\n" * 400]


@dataclass(frozen=True)
class Act:
    """One thing that hands, or what lies on the keyboard, do."""

    kind: str
    keys: tuple[str, ...] = ()
    text: str = ""


ACTS = st.one_of(
    st.builds(lambda key: Act("press", (key,)), st.sampled_from(KEYS)),
    st.builds(lambda key: Act("press", (key,)), st.sampled_from(OPENING)),
    st.builds(lambda key, count: Act("hold", (key,) * count), st.sampled_from(KEYS), st.integers(2, 40)),
    st.builds(lambda keys: Act("burst", tuple(keys)), st.lists(st.sampled_from(KEYS), min_size=2, max_size=12)),
    st.builds(lambda text: Act("paste", text=text), st.sampled_from(TEXTS)),
)


HANDS = st.one_of(
    ACTS.map(lambda act: [act]),
    st.sampled_from(CHAINS).map(lambda keys: [Act("press", (key,)) for key in keys]),
)


def decisions(session: IncidentController) -> int:
    """What was decided so far. Steps that one decision skips have one reason; a message that another event brings is
    no decision of its own."""
    skipped = {event.body["reason"] for event in session.events if event.kind == "step.skipped"}
    others = [event for event in session.events if event.kind not in BY_ITSELF | {"step.skipped"}]
    return sum(e.kind != EventKind.MESSAGE_QUEUED or e.body["event"] == e.seq for e in others) + len(skipped)


@pytest.mark.slow
@pytest.mark.parametrize("nights", [6, pytest.param(60, marks=pytest.mark.heavy)])
def test_keyboard_at_random_decides_by_deliberate_keys_alone(nights: int) -> None:
    """A press alone may decide once. Of a held key or a burst only the first arrival counts; a paste never decides."""

    @settings(max_examples=nights, suppress_health_check=list(HealthCheck))
    @given(st.lists(HANDS, min_size=2, max_size=6))
    def one_night(hands: list[list[Act]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(hammer(Path(folder), [act for acts in hands for act in acts]))

    one_night()


async def hammer(folder: Path, acts: list[Act]) -> None:
    (folder / "runbook.yaml").write_text(RUNBOOK + CHANNELS, encoding="utf-8")
    with patch.object(DeliveryStart, "ensure"):  # messages stay queued: each can be given up
        session, night = IncidentController.declare(load(folder / "runbook.yaml"), actor="ada@test"), PassingNight()
        await hammer_on(session, night, acts)


async def hammer_on(session: IncidentController, night: PassingNight, acts: list[Act]) -> None:
    with (
        contextlib.ExitStack() as ended,
        patch.object(key_queue, "TOO_LONG", 30.0),
        patch.object(enter_guard, "AFTER_A_MOVE", 0.5),
        patch.object(Dialog, "grace_s", 0.3),
        patch.object(held_keys, "REPEAT_S", 0.12),
        patch.object(held_keys, "HELD_S", 1.0),
    ):
        ended.callback(end, session)
        async with opened(session, sources=[], held_keys=held_keys.HeldKeys(night)) as pilot:
            night.at += 2
            for act in acts:
                if not pilot.app.screen.is_attached:  # the screen was left
                    return
                before, in_dialog = decisions(session), isinstance(pilot.app.screen, Dialog)
                night.at += 1.5
                for number, key in enumerate(act.keys):
                    night.at += 0.0 if act.kind == "burst" or not number else 0.5 if number == 1 else 0.033
                    event = events.Key(key, key if len(key) == 1 else None)
                    event.time = night.at
                    pilot.app.post_message(event)
                if act.kind == "paste":
                    pilot.app.post_message(events.Paste(act.text))
                await rest(pilot)
                may = 1 if act.keys and deliberate(act, in_dialog=in_dialog) else 0
                assert decisions(session) - before <= may, act


def end(session: IncidentController) -> None:
    """Nothing runs any more, and nobody drives."""

    def ended() -> bool:
        session.poll()
        return not session.incident.running()

    if session.driving:
        wait_for(ended)
    session.leave()


def deliberate(act: Act, *, in_dialog: bool) -> bool:
    """Whether what arrived holds a press that may decide: the first, or one behind text and moves in a dialog that
    stood."""
    if act.kind in ("press", "hold"):
        return act.keys[0] in DECIDES
    return in_dialog and any(key in DECIDES for key in act.keys)
