"""A file with keys that is a pipe hangs nobody; the pipe that the shell makes for one command is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.system.errors import Failed, MidwatchError
from probes.backup.age_keys import identities_in

pytest.importorskip("pyrage")


def test_pipe_in_the_place_of_a_key_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key")
    with pytest.raises(Failed, match="is not a regular file"):
        identities_in(tmp_path / "key")


def test_pipe_of_a_process_substitution_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"# no key\n")
    os.close(writing)
    try:
        with pytest.raises(MidwatchError, match="holds no private key"):
            identities_in(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
