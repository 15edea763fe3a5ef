"""Arbitrary values of every key of the format: the loader answers with a runbook or with its own errors, each with a
position, and its work grows no faster than the file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.runbook.field_types import Flag, Length, Name, Whole, Word
from midwatch.runbook.loader import RunbookErrors, load
from midwatch.runbook.schema import RUNBOOK
from midwatch.runbook.shapes import FieldType, Inside, ListOf, ListOrTable, Shape, TableOf
from tests.support.examples import examples

pytestmark = pytest.mark.slow


class _Plain(yaml.SafeDumper):
    """Writes no anchors, which the format does not have."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


FUZZED = settings(max_examples=examples(60))
REFERENCES = ["a", "b", "look", "a.x", "look.x", "a[b].x", "inputs.a", "item", "{{item}}", "{{a.x}}", "{{inputs.a}}"]
NAMES = ["targets", "command", "disk", "services", "trigger", "present", "detected", "root", "python3", "web1", "yes"]
TEXTS = [
    "https://[::1",
    "~nobody-has-this/x",
    "9" * 400,
    "A-B",
    "echo",
    "7",
    "80%",
    "10s",
    "#!/bin/sh",
    "(",
    "/tmp",
    "https://x",
    "\u202e",
    "''",
]
WORDS = st.sampled_from(REFERENCES + NAMES + TEXTS)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["from", "command", "check", "run", "with", "A", "is", "not"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


def values_of(kind: FieldType, depth: int = 0) -> st.SearchStrategy[Any]:
    """Mostly what the type takes, and now and then anything."""
    return st.integers(0, 11).flatmap(lambda roll: ANYTHING if roll == 0 else _good(kind, depth))


def _good(kind: FieldType, depth: int) -> st.SearchStrategy[Any]:
    match kind:
        case Shape():
            required = {key.name: values_of(key.kind, depth + 1) for key in kind.keys if key.required}
            others = {key.name: values_of(key.kind, depth + 1) for key in kind.keys if not key.required}
            chosen = (
                st.sets(st.sampled_from(sorted(others)), max_size=5 if depth < 8 else 0) if others else st.just(set())
            )
            return chosen.flatmap(
                lambda names: st.fixed_dictionaries(required | {name: others[name] for name in sorted(names)})
            )
        case ListOf():
            return st.lists(values_of(kind.item, depth + 1), min_size=int(kind.filled), max_size=3)
        case TableOf():
            names = st.sampled_from(["a", "b", "look", "A", "HOST", "run", "disk", "command", "pgpass"])
            return st.dictionaries(names, values_of(kind.value, depth + 1), max_size=3)
        case ListOrTable():
            return values_of(kind.listed, depth) | values_of(kind.table, depth)
        case Inside():
            return values_of(kind.kind(), depth + 1) if depth < 10 else SCALARS
        case Word():
            return st.sampled_from(kind.words)
        case Flag():
            return st.booleans()
        case Whole():
            return st.integers(kind.low, min(kind.high, kind.low + 10))
        case Length():
            return st.sampled_from(["10 s", "5 min", "2 h"])
        case Name():
            return st.sampled_from(["a", "b", "look", "A", "HOST", "web1"])
        case _:
            return WORDS | st.fixed_dictionaries({"from": WORDS})


@FUZZED
@given(values_of(RUNBOOK))
def test_key_with_any_value_is_accepted_or_an_error_with_its_position(tmp_path: Path, value: Any) -> None:
    book = {**value, "midwatch": 1} if isinstance(value, dict) else value
    path = tmp_path / "r.yaml"
    path.write_bytes(
        yaml.dump(book, Dumper=_Plain, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")
    )
    try:
        load(path, environment={})
    except RunbookErrors as caught:
        for error in caught.errors:
            assert error.place is not None
            assert (error.place.file, error.place.line > 0) == (str(path), True), str(error)
            assert "\n" not in str(error)


def _steps(count: int) -> dict[str, Any]:
    steps = [
        {
            "id": f"s{number}",
            "title": f"Step {number}",
            "run": "echo x=1 >>$STEP_OUTPUT",
            "risk": "observe",
            "outputs": ["x"],
            **({"depends_on": [f"s{number - 1}"], "env": {"X": {"from": f"s{number - 1}.x"}}} if number else {}),
            **({"when": {"answer": f"s{number - 1}.x", "is": "1"}} if number else {}),
            "preconditions": [{"title": "t", "check": "command", "with": {"run": "true"}}],
        }
        for number in range(count)
    ]
    return {"phases": [{"title": "p", "steps": steps}]}


def _loops(count: int) -> dict[str, Any]:
    looped = {
        "for_each": ["a", "b", "c"],
        "run": "x",
        "risk": "observe",
        "env": {"X": {"from": "item"}},
        "when": {"check": "command", "with": {"run": "true", "env": {"X": {"from": "item"}}}},
    }
    return {"phases": [{"title": "p", "steps": [{"title": f"Loop {n}", **looped} for n in range(count)]}]}


def _faults(count: int) -> dict[str, Any]:
    steps = [{"title": f"s{n}", "run": "x", "risk": "x", "env": {"PATH": {"from": f"y{n}.z"}}} for n in range(count)]
    return {"phases": [{"title": "p", "steps": steps}], "closure": [{"title": "t", "check": "x"}] * 3}


def _panels(count: int) -> dict[str, Any]:
    panels = {f"p{n}": {"probe": "command", "run": "echo", "every": "10 s"} for n in range(count)}
    return {"panels": panels, "phases": [{"title": "p", "steps": [{"title": "s", "run": "x", "risk": "observe"}]}]}


def calls(path: Path, book: dict[str, Any]) -> int:
    """The number of function calls that loading takes: a measure of work that no busy machine changes."""
    path.write_text(
        yaml.dump({"midwatch": 1, "title": "t", "severity": "SEV-1", **book}, Dumper=_Plain, sort_keys=False)
    )
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        load(path, environment={})
    except RunbookErrors:
        pass
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("make", [_steps, _loops, _faults, _panels])
def test_work_of_loading_grows_no_faster_than_the_file(tmp_path: Path, make: Callable[[int], dict[str, Any]]) -> None:
    path = tmp_path / "r.yaml"
    calls(path, make(2))  # what is compiled and cached once
    few, many = calls(path, make(60)), calls(path, make(240))
    assert many < 4.6 * few
