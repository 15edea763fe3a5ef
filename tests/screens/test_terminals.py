"""Terminals that can do less: ASCII only, no colours, sixteen colours; keys that were changed; text that is hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.api.plan import PlanDraft, Verb
from midwatch.api.probe import Level, Reading, Row
from midwatch.engine.incident_controller import IncidentController
from midwatch.system.errors import BadInput, Failed
from screens.incident.panel_poller import Source
from screens.widgets.output_view import OutputView
from tests.support.reference_incident import Stage, begin, leave
from tests.support.screen_pilot import Pilots, grid, opened, press
from tui.app.keymap_file import read_keymap

pytestmark = pytest.mark.slow

HOSTILE = (
    b"\x1b]52;c;cm0gLXJm\x07clipboard\n\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m [red]markup[/red] [/\n"
    b"\xe2\x80\xaereversed \x00nul \x9b31mC1 \xff\xfe\n" + b"A" * 100_000 + b"\nprogress 1\rprogress 2\rprogress 3\n"
)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
async def test_ascii_screen_is_the_golden(session: IncidentController, golden, size: tuple[int, int]) -> None:
    async with opened(session, size, ascii=True) as pilot:
        assert grid(pilot).isascii()
        golden(pilot, f"incident-{size[0]}x{size[1]}-ascii")
        for keys in (("question_mark",), ("escape", "c"), ("escape", "e"), ("escape", "t")):
            await press(pilot, *keys)
            assert grid(pilot).isascii()


def colours(pilot: Pilots) -> set[str]:
    """Every colour that is sent to the terminal."""
    strips = pilot.app.screen._compositor.render_strips()
    styles = [segment.style for strip in strips for segment in strip if segment.style]
    return {str(colour.name) for style in styles for colour in (style.color, style.bgcolor) if colour is not None}


async def test_no_color_screen_has_default_colours_only(
    session: IncidentController, golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the terminal's default colours, and the same text."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(session, environment={"TERM": "xterm-256color", "NO_COLOR": "1"}) as pilot:
        golden(pilot, "incident-80x24")
        assert colours(pilot) <= {"default"}
        await press(pilot, "enter")
        assert colours(pilot) <= {"default"}


async def test_screen_on_sixteen_colours_is_the_golden(session: IncidentController, golden) -> None:
    async with opened(session, environment={"TERM": "linux"}) as pilot:
        golden(pilot, "incident-80x24")
        assert not {name for name in colours(pilot) if name.startswith("#")}


async def test_hostile_output_is_shown_as_text(session: IncidentController) -> None:
    """Nothing of it is obeyed, neither by the terminal nor as markup."""
    async with opened(session, (80, 36)) as pilot:
        begin(session, "emergency-backup", HOSTILE)
        await press(pilot, "o", "b")
        shown = grid(pilot)
    assert "clipboard" in shown
    assert "red [red]markup[/red] [/" in shown
    assert "<U+202E>reversed" in shown
    assert "progress 3" in shown
    assert "progress 1" not in shown
    assert not {sign for sign in shown if sign != "\n" and (not sign.isprintable() or sign == "\u202e")}


async def test_hostile_names_on_any_page_are_shown_as_text(session: IncidentController, stage: Stage) -> None:
    """Plans, readings, errors and the journal hold what the world calls itself."""
    name = "\x1b]0;x\x07[/bold]\x1b[2J\u202e[@click=app.quit]x[/]"
    draft = PlanDraft("emergency-backup", {}, confirm_name="x")
    draft.add(Verb.REMOVE, name, note=name, reversible=False)
    draft.fact(name, name)
    stage.plans["emergency-backup"] = draft.plan()
    session.note(name)
    session.session.append("reading.of.the.future", {"odd": name})  # type: ignore[arg-type]
    rows = (Row(name, name, Level.CRITICAL, 1.0, "B", detail=name, data={name: name}),)
    panels = [
        Source("disk", name, 3600.0, lambda: Reading("disk", session.clock.now(), rows)),
        Source("docker", "Docker", 3600.0, lambda: Reading("docker", session.clock.now(), error=name)),
    ]
    for size in ((60, 15), (80, 24), (200, 60)):
        async with opened(session, size, sources=panels) as pilot:
            for key in ("d", "l", "e", "enter"):
                await press(pilot, key)
                shown = grid(pilot)
                assert not {sign for sign in shown if sign != "\n" and (not sign.isprintable() or sign == "\u202e")}
                await press(pilot, "escape")


async def test_plan_that_cannot_be_made_is_a_sentence(session: IncidentController, stage: Stage) -> None:
    stage.plans["emergency-backup"] = Failed("arp-db-prod does not answer", hint="Look whether it runs")
    async with opened(session, (120, 36)) as pilot:
        assert "arp-db-prod does not answer. Look whether it runs." in grid(pilot)
        assert "Enter plan again" in grid(pilot)


async def test_old_reading_is_never_shown_as_current(session: IncidentController) -> None:
    """A source that stopped answering, and one that answers with an error."""
    seen = Reading("disk", session.clock.now(), (Row("/backups", "41 % full", Level.OK),))
    answers = [seen, Reading("docker", session.clock.now(), error="permission denied")]
    panels = [Source("disk", "Disk", 5.0, lambda: answers[0]), Source("docker", "Docker", 3600.0, lambda: answers[1])]
    async with opened(session, sources=panels) as pilot:
        assert "41 % full" in grid(pilot)
        assert "? permission denied" in grid(pilot)
        session.clock.pass_(120)
        pilot.app.screen.redraw()  # type: ignore[attr-defined]
        await pilot.pause()
        assert "41 % full" not in grid(pilot)
        assert "no answer since 2 min ago" in grid(pilot)


async def test_panel_with_a_hung_source_stalls_no_key(session: IncidentController) -> None:
    from threading import Event

    forever = Event()

    def hang() -> Reading:
        forever.wait(60)
        return Reading("disk", session.clock.now())

    panels = [
        Source("disk", "Disk", 5.0, hang),
        Source(
            "docker",
            "Docker",
            3600.0,
            lambda: Reading("docker", session.clock.now(), (Row("docker", "3 up", Level.OK),)),
        ),
    ]
    async with opened(session, sources=panels) as pilot:
        assert "no reading yet" in grid(pilot)
        assert "3 up" in grid(pilot)
        await press(pilot, "n")
        assert "What happened" in grid(pilot)
    forever.set()


async def test_keys_of_other_screens_are_changed_as_well(session: IncidentController, tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("output.times: ctrl+t\ntimeline.star: '+'\ndialog.yes: j\nnote: s\nskip: n\n", encoding="utf-8")
    async with opened(session, keymap=read_keymap(file)) as pilot:
        await press(pilot, "o", "t")
        view = pilot.app.screen.query_one(OutputView)
        assert not view.with_times
        assert "Ctrl+T times" in grid(pilot)
        await press(pilot, "ctrl+t")
        assert view.with_times
        await press(pilot, "question_mark")
        assert " Ctrl+T      When each line came" in grid(pilot)
        await press(pilot, "escape", "escape", "e")
        assert "+ star" in grid(pilot)
        await press(pilot, "plus")
        assert session.incident.stars
        await press(pilot, "escape", "enter", "y")
        assert "j run" in grid(pilot)
        assert session.incident.step("emergency-backup").last is None
        await press(pilot, "j")
        assert session.incident.step("emergency-backup").last is not None
        await press(pilot, "s")
        assert "What happened" in grid(pilot)


async def test_changed_keys_are_in_footer_and_help(session: IncidentController, tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("skip: K\n", encoding="utf-8")
    async with opened(session, keymap=read_keymap(file)) as pilot:
        assert "K skip" in grid(pilot)
        await press(pilot, "K")
        assert "Why is it skipped?" in grid(pilot)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fly: k\n", "No key does 'fly'"),
        ("skipp: k\n", "No key does 'skipp'. Did you mean skip?"),
        ("skip: n\n", "The key 'n' would do two things in the incident: skip and note"),
        ("output.find: e\n", "The key 'e' would do two things in the output: output.find and output.first_error"),
        ("timeline.star: n\n", "The key 'n' would do two things in the timeline"),
        ("skip: foo\n", "skip: there is no key 'foo'. A key is one character, or such as f5, ctrl+k, space, slash"),
        ("skip: hyper+x\n", "skip: there is no key 'hyper+x'"),
        ("skip: escape\n", "skip: the key 'escape' is the same everywhere"),
        ("dialog.yes: '1'\n", "dialog.yes: the key '1' is the same everywhere"),
        ("- skip\n", "The keys are no names and values"),
    ],
)
def test_faulty_file_of_keys_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_keymap(file)
    assert str(caught.value).startswith(f"{file}: {sentence}")


async def test_screen_survives_any_resize(session: IncidentController) -> None:
    async with opened(session) as pilot:
        for size in ((1, 1), (10, 3), (300, 5), (20, 100), (159, 19), (160, 20), (72, 20), (71, 19), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await press(pilot, "enter")
        for size in ((5, 4), (60, 15), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert "3.8 Emergency backup of ARP" in grid(pilot)


HELP_IN = {
    "a confirmation": (("enter",), ("f1",), ("y ", "Yes: do it", "Cancel: nothing is done")),
    "a note": (("n",), ("f1",), ("Ctrl+S", "Do what the right choice says", "A new line in this field")),
    "the severity": (("exclamation_mark",), ("f1",), ("Another one of the choices above",)),
    "the choice of a severity": (("exclamation_mark", "shift+tab"), ("question_mark",), ("Another one of these",)),
    "the settings": (("comma",), ("question_mark",), ("Another one of these",)),
    "the timeline": (("e",), ("question_mark",), ("Star what the post-mortem should not miss",)),
    "the output": (("o",), ("f1",), ("Find words",)),
    "the detail": (("d",), ("question_mark",), ("A page up, a page down",)),
    "a panel": (("1",), ("f1",), ("The panel before, the panel after",)),
}


@pytest.mark.parametrize("place", HELP_IN)
async def test_help_is_about_what_has_the_focus(session: IncidentController, place: str) -> None:
    there, ask, words = HELP_IN[place]
    async with opened(session) as pilot:
        await press(pilot, *there, *ask)
        assert all(word in grid(pilot) for word in words)
        before = len(pilot.app.screen_stack)
        await press(pilot, "escape")
        assert len(pilot.app.screen_stack) == before - 1


async def test_question_mark_in_a_field_is_a_letter(session: IncidentController) -> None:
    async with opened(session) as pilot:
        await press(pilot, "s", *"why?")
        assert "why?" in grid(pilot)
        await press(pilot, "escape", "e", "slash", *"jk?")
        assert "holding 'jk?'" in grid(pilot)


async def test_footer_shows_the_keys_that_work_now_alone(session: IncidentController) -> None:
    async with opened(session, (120, 36)) as pilot:
        await press(pilot, "o")
        assert not [word for word in ("n next", "Space pause", "] what runs") if word in grid(pilot)]
        await press(pilot, "slash", *"done", "enter")
        assert "n next" in grid(pilot)
        await press(pilot, "escape", "e")
        assert "* star" in grid(pilot)
        leave(session)
        await press(pilot, "end")
        assert "* star" not in grid(pilot)
