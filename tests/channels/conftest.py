"""A message to send, and certificates of an own CA."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from midwatch.channels.message import Message


@pytest.fixture
def message() -> Message:
    return Message(
        id="12.1",
        incident="INC-20261123-0200-backup",
        title="Backup failure",
        severity="SEV-1",
        environment="production",
        text="First line <!channel> & more\n.\nlast line",
        at="2026-11-23T02:14:07.000000Z",
        urgent=True,
    )


@pytest.fixture(scope="session")
def own_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost and its key, which only itself vouches for: `crt` and `key` in this folder."""
    folder = tmp_path_factory.mktemp("ca")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(folder / "key"), "-out", str(folder / "crt")),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return folder
