"""Paths of a home folder. Where nobody knows the user, `~` stays as it is written, so that a message can name it."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """The path with the home folder in place of a leading `~` or `~user`."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  (`Path.expanduser` raises for a user that nobody knows)


def home() -> Path:
    """The home folder of this user; `~` below the current folder where the user has none."""
    return expanded("~")
