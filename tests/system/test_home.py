"""Paths that begin with a home folder, also where nobody knows whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.system.home import expanded, home


def test_home_of_a_user_that_nobody_knows_stays_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert (home(), expanded("~/x"), expanded("/a/~")) == (Path("/home/ada"), Path("/home/ada/x"), Path("/a/~"))
    assert expanded("~nobody-has-this/x") == Path("~nobody-has-this/x")
