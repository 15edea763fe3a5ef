"""Small disks of a test's own, where we may mount any."""

from __future__ import annotations

import subprocess

import pytest


def run_or_skip(*command: object) -> None:
    """Run one of the commands that a mount takes; skip where it is not installed, not in our path or not ours to
    run."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    except (FileNotFoundError, PermissionError):  # the latter where a folder of the path may not be entered
        pytest.skip(f"{words[0]} is not here")
    if done.returncode:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")
