"""The user's key bindings, from a small YAML file that maps commands to keys."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.binding import Binding
from textual.keys import Keys

from midwatch.system.errors import BadInput, SourceLocation
from midwatch.system.suggestion import did_you_mean
from screens.keys.keymaps import FIXED, SCREENS
from screens.widgets.key import Key, shown
from tui.user_files import config_file, parse_own, read_own

_NAMED = {key.value for key in Keys} | {"space"}


def keys_file(environment: Mapping[str, str] | None = None) -> Path:
    """`$MIDWATCH_KEYS`, else `keys.yaml` in the person's configuration folder for midwatch."""
    return config_file("MIDWATCH_KEYS", "keys.yaml", environment)


def read_keymap(file: Path) -> dict[str, str]:
    """What is changed, such as `{skip: K}`; nothing when there is no such file.

    Raises `BadInput` for a name that nothing has, for what is no key, for a key twice on one screen, and for no such
    file.
    """
    return parse_keymap(keys_text(file), file)


def keys_text(file: Path) -> str:
    """What stands in the file; nothing when none can be seen. Raises `BadInput` when it cannot be read."""
    return read_own(file, "The keys")


def parse_keymap(text: str, file: Path) -> dict[str, str]:
    """The same of a text; `file` is where it stands or will stand."""
    hint = "Write lines like 'skip: K'"
    data = parse_own(text, file, "The keys", hint)
    if not all(isinstance(key, str) for key in data.values()):
        raise BadInput("The keys are no names and keys", place=SourceLocation(str(file)), hint=hint)
    changed = {name: _as_heard(name, key, file) for name, key in data.items()}
    known = {key.id for keys in SCREENS.values() for key in keys}
    unknown = sorted(set(changed) - known)
    if unknown:
        hint = did_you_mean(unknown[0], sorted(known), "docs/settings.md has the names")
        raise BadInput(f"No key does {unknown[0]!r}", place=SourceLocation(str(file)), hint=hint)
    for screen, registry in SCREENS.items():
        _require_apart(screen, registry, changed, file)
    return changed


def _as_heard(name: str, key: str, file: Path) -> str:
    """The key as a terminal's keys are called here. Raises `BadInput` for what is no key, or is kept for something
    else."""
    *held, last = key.strip().split("+") if len(key.strip()) > 1 else [key]
    known = len(last) == 1 or last in _NAMED or _is_character(last)
    if len(last) == 1:
        last = next(iter(Binding.make_bindings([Binding(last, name)]))).key
    if not known or not set(held) <= {"ctrl", "shift", "alt"}:
        hint = "A key is one character, or such as f5, ctrl+k, space, slash"
        raise BadInput(f"{name}: there is no key {key!r}", place=SourceLocation(str(file)), hint=hint)
    found = "+".join([*held, last])
    if found in FIXED:
        raise BadInput(
            f"{name}: the key {key!r} is the same everywhere",
            place=SourceLocation(str(file)),
            hint="Choose another one",
        )
    return found


def _is_character(name: str) -> bool:
    """Whether it is what Textual calls a character, such as `full_stop`."""
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return True


def _require_apart(screen: str, registry: Sequence[Key], changed: Mapping[str, str], file: Path) -> None:
    keys = [changed.get(key.id, key.key) for key in registry]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        both = " and ".join(key.id for key in registry if changed.get(key.id, key.key) == twice)
        words = f"The key {shown(twice, ascii=True)!r} would do two things in {screen}: {both}"
        raise BadInput(words, place=SourceLocation(str(file)), hint="Change one of them")
