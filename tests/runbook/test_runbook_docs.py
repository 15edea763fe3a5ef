"""docs/runbook.md explains the whole format, and its examples are good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from midwatch.runbook.loader import load
from midwatch.runbook.locations import LOCATIONS
from midwatch.runbook.schema import RUNBOOK, SITE
from midwatch.runbook.shapes import Shape
from midwatch.runbook.yaml_loader import parse_yaml

TEXT = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(
    "shape", [shape for root in (RUNBOOK, SITE) for shape in root.inner()], ids=lambda shape: shape.name
)
def test_runbook_key_without_documentation_is_none(shape: Shape) -> None:
    rows = [line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `")]
    explained = {name for row in rows for name in re.findall("`([^`]+)`", row)}
    assert {key.name for key in shape.keys} <= explained


def test_location_without_documentation_is_none() -> None:
    for name, default in LOCATIONS.items():
        assert f"| `{name}` | {f'`{default}`' if default else 'none'} |" in TEXT


def test_smallest_runbook_of_the_docs_is_valid(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(EXAMPLES[0])
    assert [step.number for step in load(tmp_path / "r.yaml", environment={}).steps()] == ["1.1", "1.2"]


def test_example_of_the_docs_is_yaml_that_the_loader_reads() -> None:
    assert len(EXAMPLES) >= 6
    for example in EXAMPLES:
        if example.count("when:") > 1:  # two forms side by side
            for line in example.splitlines():
                assert parse_yaml(line, "x")[1] == []
        else:
            assert parse_yaml(example, "x")[1] == []
