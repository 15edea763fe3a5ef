"""Whatever happens to a runbook's text, the loader answers with a runbook or with errors, and in a short time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.model import Runbook
from midwatch.runbook.schema import RUNBOOK, SITE
from midwatch.system.errors import SourceLocation
from tests.support.examples import examples

pytestmark = pytest.mark.slow

REAL = (Path(__file__).parents[2] / "runbook.yaml").read_bytes()
LINES = REAL.splitlines(keepends=True)
KEYS = sorted(
    {key.name for root in (RUNBOOK, SITE) for shape in root.inner() for key in shape.keys} | {"from", "db", "disk"}
)
SLOW = settings(max_examples=examples(60))


def answer(folder: Path, data: bytes) -> None:
    """Load it; any other exception than `RunbookErrors` fails the test by itself."""
    path = folder / "r.yaml"
    path.write_bytes(data)
    try:
        loaded = load(path, environment={})
    except RunbookErrors as caught:
        faults = caught
    else:
        assert isinstance(loaded, Runbook)
        return
    assert faults.errors
    for error in faults.errors:
        assert isinstance(error.place, SourceLocation)
        assert error.place.file == str(path)
        assert "\n" not in str(error)
    assert str(faults).encode("utf-8")  # it goes to a terminal and into JSON, so it can be encoded


@SLOW
@given(st.lists(st.tuples(st.integers(0, len(REAL) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_runbook_with_changed_bytes_is_loaded_or_refused(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(REAL)
    for place, byte in changes:
        data[place] = byte
    answer(tmp_path, bytes(data))


@SLOW
@given(st.sets(st.integers(0, len(LINES) - 1), min_size=1, max_size=40))
def test_runbook_with_dropped_lines_is_loaded_or_refused(tmp_path: Path, dropped: set[int]) -> None:
    answer(tmp_path, b"".join(line for number, line in enumerate(LINES) if number not in dropped))


@SLOW
@given(st.integers(0, len(REAL)), st.integers(0, len(REAL)))
def test_runbook_with_cut_and_doubled_pieces_is_loaded_or_refused(tmp_path: Path, one: int, other: int) -> None:
    start, end = sorted((one, other))
    answer(tmp_path, REAL[:start] + REAL[end:])
    answer(tmp_path, REAL[:end] + REAL[start:])


@SLOW
@given(st.randoms(use_true_random=False))
def test_runbook_with_swapped_words_is_loaded_or_refused(tmp_path: Path, chance: random.Random) -> None:
    words = REAL.split(b" ")
    for _ in range(6):
        one, other = chance.randrange(len(words)), chance.randrange(len(words))
        words[one], words[other] = words[other], words[one]
    answer(tmp_path, b" ".join(words))


@SLOW
@given(st.binary(max_size=300))
@example(b"\xff\xfe")
@example(b"%YAML 3.0\n---\na: 1\n")
@example(b"%YAML 99999999999999999999.1\n---\na: 1\n")
@example(b"%TAG ! tag:x,2000:\n---\na: !b 1\n")
@example(b"<<: {a: b}\n")
def test_runbook_of_any_bytes_is_loaded_or_refused(tmp_path: Path, data: bytes) -> None:
    answer(tmp_path, data)
    answer(tmp_path, b"midwatch: 1\n" + data)


def values() -> st.SearchStrategy[Any]:
    """Values that YAML can hold, with the format's own keys among the keys."""
    keys = st.sampled_from(KEYS)
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | keys
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=30
    )


@SLOW
@given(values())
def test_good_yaml_that_means_nothing(tmp_path: Path, value: Any) -> None:
    answer(tmp_path, yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass"))
    whole = {"midwatch": 1, "title": "t", "severity": "SEV-1", "phases": [{"title": "p", "steps": [{"title": "s"}]}]}
    for key in ("phases", "targets", "panels", "triggers", "closure", "roles", "comms", "locations", "inputs"):
        answer(tmp_path, yaml.safe_dump(whole | {key: value}, allow_unicode=True).encode("utf-8", "surrogatepass"))
    asked = {"name": "a", "prompt": "A?"} | (value if isinstance(value, dict) else {"options": value, "kind": "choice"})
    used = {"title": "s", "run": "x", "risk": "observe", "env": {"A": {"from": "inputs.a"}}}
    book = whole | {"inputs": [asked], "phases": [{"title": "p", "steps": [used]}]}
    answer(tmp_path, yaml.safe_dump(book, allow_unicode=True).encode("utf-8", "surrogatepass"))
    step = {"title": "s"} | (value if isinstance(value, dict) else {"with": value})
    book = whole | {"phases": [{"title": "p", "steps": [step]}]}
    answer(tmp_path, yaml.safe_dump(book, allow_unicode=True).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("escaped", ["\\ud800", "\\udfff\\ud800", "\\U0010ffff", "\\uffff"])
def test_runbook_with_escaped_odd_characters_is_loaded_or_refused(tmp_path: Path, escaped: str) -> None:
    answer(tmp_path, f'midwatch: 1\ntitle: "{escaped}"\n"{escaped}": 1\nseverity: SEV-1\n'.encode())
