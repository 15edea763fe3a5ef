"""Settings: kept in a small file, put on, and refused in one sentence where they are faulty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.servers.image import cache_folder
from midwatch.engine.incident_controller import IncidentController
from midwatch.journal.fallback_locations import usual_folders
from midwatch.system.errors import BadInput
from screens.keys.keymaps import SCREENS
from screens.widgets.key import shown
from tests.support.screen_pilot import grid, opened, press, until
from tui.app.keymap_file import keys_file, read_keymap
from tui.app.settings import THEME_NAMES, Settings, read_settings, settings_file, write_settings
from tui.app.theme import THEMES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
async def test_settings_screen_is_the_golden(session: IncidentController, golden, size: tuple[int, int]) -> None:
    async with opened(session, size) as pilot:
        await press(pilot, "comma")
        golden(pilot, f"settings-{size[0]}x{size[1]}")


async def test_theme_is_kept_and_put_on(
    session: IncidentController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with opened(session) as pilot:
        assert pilot.app.theme == "midwatch-dark"
        await press(pilot, "comma", "right", "right", "ctrl+s")
        assert pilot.app.theme == "midwatch-light"
    assert read_settings(settings_file()) == Settings(theme="light")
    async with opened(session) as pilot:
        assert pilot.app.theme == "midwatch-light"


def test_files_of_a_person_lie_where_xdg_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable, below, found in (
        ("XDG_CONFIG_HOME", ".config", lambda: keys_file().parent.parent),
        ("XDG_CONFIG_HOME", ".config", lambda: settings_file().parent.parent),
        ("XDG_CACHE_HOME", ".cache", lambda: cache_folder().parent),
        ("XDG_STATE_HOME", ".local/state", lambda: next(iter(usual_folders()))),
    ):
        for value, expected in ((None, tmp_path / below), ("", tmp_path / below), ("/srv/xdg", Path("/srv/xdg"))):
            monkeypatch.delenv(variable, raising=False)
            if value is not None:
                monkeypatch.setenv(variable, value)
            assert found() == expected
    assert keys_file({"MIDWATCH_KEYS": "/etc/keys"}) == Path("/etc/keys")
    assert settings_file({"MIDWATCH_KEYS": "/etc/keys"}).name == "settings.yaml"


async def test_keys_are_changed_on_the_settings_screen(
    session: IncidentController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with opened(session) as pilot:
        await press(pilot, "comma", "shift+tab", "shift+tab", "shift+tab", *"skip: n", "ctrl+s")
        said = "The key 'n' would do two things in the incident: skip and note"
        await until(pilot, lambda: said in " ".join(grid(pilot).replace("│", "").split()))
        assert not keys_file().exists()
        await press(pilot, "backspace", "K", "ctrl+s")
        assert "K skip" in grid(pilot)
        await press(pilot, "comma", "shift+tab", "shift+tab", "shift+tab")
        await until(pilot, lambda: "skip: K" in grid(pilot))
    assert read_keymap(keys_file()) == {"skip": "K"}


async def test_place_that_cannot_be_written_is_a_sentence(
    session: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/nowhere")
    async with opened(session) as pilot:
        await press(pilot, "comma", "ctrl+s")
        assert "cannot be made" in grid(pilot)


@given(
    st.builds(
        Settings, theme=st.sampled_from(THEME_NAMES), mouse=st.booleans(), ascii=st.booleans(), plain=st.booleans()
    )
)
def test_settings_written_are_read_back(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> None:
    file = tmp_path_factory.mktemp("settings") / "new" / "settings.yaml"
    write_settings(file, settings)
    assert read_settings(file) == settings


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("colour: red\n", "There is no setting 'colour'"),
        ("theme: pink\n", "There is no theme 'pink'"),
        ("mouse: 3\n", "mouse takes true or false, not 3"),
        ("- mouse\n", "The settings are no names and values"),
        ("mouse: no\n", "mouse takes true or false, not 'no'"),
        ("theme: 2026-99-99\n", "There is no theme '2026-99-99'"),
    ],
)
def test_faulty_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_settings(file)
    assert str(caught.value).startswith(f"{file}: {sentence}")


@pytest.mark.parametrize("read", [read_settings, read_keymap])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mouse: [\n", "2:1: A value is expected here"),
        ("[" * 3000, "1:25: Lists and tables are nested more than 24 deep here"),
        ("skip: !!timestamp x\n", "1:7: Tags such as"),
        ("skip: K\nskip: L\n", "2:1: The key 'skip' is given twice"),
    ],
)
def test_file_that_is_no_yaml_is_one_sentence_with_its_position(
    read: Callable[[Path], object], tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}:{sentence}")
    file.write_text("# skip: K\n\n", encoding="utf-8")
    read(file)


@pytest.mark.parametrize("home", ["/dev/null", "/etc/passwd/home"])
def test_home_that_cannot_be_entered_keeps_nobody_out(home: str) -> None:
    """At two o'clock in somebody else's shell: without one's own colours and keys, and in."""
    assert read_settings(Path(home) / "settings.yaml") == Settings()
    assert read_keymap(Path(home) / "keys.yaml") == {}
    with pytest.raises(BadInput, match="The keys cannot be read: Is a directory"):
        read_keymap(Path("/etc"))


def test_setting_without_documentation_is_none() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert all(f"| `{field.name}` |" in page for field in fields(Settings))
    assert all(f"`{name}`" in page for name in THEME_NAMES)
    assert THEME_NAMES[1:] == tuple(theme.name.removeprefix("midwatch-") for theme in THEMES)
    assert all(f"`{key.id}` ({shown(key.key, ascii=True)})" in page for keys in SCREENS.values() for key in keys)
