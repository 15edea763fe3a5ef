"""What witnesses say is read within a limit, whatever stands there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.journal import witness_comparison
from midwatch.journal.witness_comparison import heads_witnessed
from tests.support.examples import examples


@pytest.mark.slow
@given(data=st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=examples(200))
def test_syslog_of_any_text_is_read_without_a_fault(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "syslog"
    file.write_bytes(data + b'\nmidwatch: journal "\\ud800' + data + b'" event 1 head ' + b"0" * 64 + b"\n" + data)
    heads_witnessed(tmp_path / "INC-1", syslog_files=[file])


def test_syslog_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "syslog")
    said = [one for one in heads_witnessed(tmp_path, syslog_files=[tmp_path / "syslog"]) if one.witness != "journald"]
    assert "is not a regular file" in said[0].problem


def test_journalctl_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in its place: the real one does not hang on demand."""
    program = tmp_path / "journalctl"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(witness_comparison, "JOURNALCTL_LIMIT_S", 0.2)
    (said,) = heads_witnessed(tmp_path, syslog_files=[])
    assert "journalctl did not end within" in said.problem
