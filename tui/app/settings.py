"""The user's settings, from a small YAML file (docs/settings.md). The settings screen changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import BadInput, Failed, SourceLocation
from tui.user_files import config_file, parse_own, read_own, write_text

THEME_NAMES = ("auto", "dark", "light", "16", "plain")


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is a key of the file; what is not there is as here."""

    theme: str = "auto"
    """`dark`, `light`, `16`, `plain`, or `auto`: what the terminal says of itself."""
    mouse: bool = True
    """Whether the screen hears the mouse; without it the terminal selects text."""
    ascii: bool = False
    """Plain characters only, also where there are more."""
    bell: bool = True
    """Whether the terminal rings and shows in its title that a step failed, ended, or that somebody asks."""
    plain: bool = False
    """Line by line instead of the screen (docs/plain.md)."""


def settings_file(environment: Mapping[str, str] | None = None) -> Path:
    """`$MIDWATCH_SETTINGS`, else `settings.yaml` beside the file of changed keys."""
    return config_file("MIDWATCH_SETTINGS", "settings.yaml", environment)


def read_settings(file: Path) -> Settings:
    """The settings; the usual ones when no such file can be seen, as in somebody else's home.

    Raises `BadInput` for what is none, with what there is.
    """
    text = read_own(file, "The settings")
    return _checked(parse_own(text, file, "The settings", "Write lines like 'theme: light'"), SourceLocation(str(file)))


def _checked(data: Mapping[Any, Any], place: SourceLocation) -> Settings:
    known = {field.name: field for field in fields(Settings)}
    for name, value in data.items():
        if name not in known:
            raise BadInput(f"There is no setting {name!r}", place=place, hint=f"There are: {', '.join(known)}")
        if name == "theme":
            if str(value) not in THEME_NAMES:
                raise BadInput(f"There is no theme {value!r}", place=place, hint=f"There are: {', '.join(THEME_NAMES)}")
        elif not isinstance(value, bool):
            raise BadInput(f"{name} takes true or false, not {value!r}", place=place)
    flags = {str(name): bool(value) for name, value in data.items() if name != "theme"}
    return Settings(theme=str(data.get("theme", "auto")), **flags)


def write_settings(file: Path, settings: Settings) -> None:
    """Keep them. Raises `Failed`."""
    import yaml

    try:
        make_missing_folders(file.parent, mode=0o700)
    except OSError as error:
        raise Failed(f"{file.parent} cannot be made: {error.strerror or error}") from error
    write_text(file, yaml.safe_dump(asdict(settings), sort_keys=False))


def with_theme(environment: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """The environment, its MIDWATCH_THEME from the settings where it has none of its own nor NO_COLOR."""
    chosen = {} if settings.theme == "auto" or environment.get("NO_COLOR") else {"MIDWATCH_THEME": settings.theme}
    return chosen | dict(environment)
