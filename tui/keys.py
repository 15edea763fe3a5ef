"""Keys that a person has changed, from a small YAML file: the name of what a key does, and the key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from midwatch.errors import BadInput, Place
from screens.keys import BY_ID, KEYS

_LARGEST = 64_000


def keys_file(environment: Mapping[str, str] | None = None) -> Path:
    """`$MIDWATCH_KEYS`, else `keys.yaml` in the person's configuration folder for midwatch."""
    found = os.environ if environment is None else environment
    if found.get("MIDWATCH_KEYS"):
        return Path(found["MIDWATCH_KEYS"]).expanduser()
    base = found.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "midwatch" / "keys.yaml"


def read_keymap(file: Path) -> dict[str, str]:
    """What is changed, such as `{skip: k}`; nothing when there is no such file.

    Raises `BadInput` for a name that nothing has, for a key twice, and for what is no such file.
    """
    import yaml

    try:
        with file.open(encoding="utf-8") as open_file:
            text = open_file.read(_LARGEST)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The keys cannot be read: {error}", place=Place(str(file))) from error
    try:
        data = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise BadInput("The keys are no YAML", place=Place(str(file)), hint="Write lines like 'skip: k'") from error
    if not isinstance(data, dict) or not all(isinstance(name, str) and isinstance(key, str) for name, key in data.items()):
        raise BadInput("The keys are no list of names and keys", place=Place(str(file)), hint="Write lines like 'skip: k'")
    unknown = sorted(set(data) - set(BY_ID))
    if unknown:
        hint = f"There are: {', '.join(BY_ID)}"
        raise BadInput(f"No key does {unknown[0]!r}", place=Place(str(file)), hint=hint)
    keys = [data.get(key.id, key.key) for key in KEYS]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        both = " and ".join(key.id for key in KEYS if data.get(key.id, key.key) == twice)
        raise BadInput(f"The key {twice!r} would do two things: {both}", place=Place(str(file)), hint="Change one of them")
    return {str(name): str(key) for name, key in data.items()}
