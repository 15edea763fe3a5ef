"""Every test that docs/security.md names exists, in one notation: `path::test`, or `path` for all tests of a file."""

from __future__ import annotations

import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    cells
    for line in (ROOT / "docs/security.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and "`tests/" in line and (cells := line.strip("|").split(" | "))
]
NAMED = sorted({name for cells in ROWS for name in re.findall(r"`([^`]+)`", cells[-1])})


@functools.cache
def functions_in(file: Path) -> set[str]:
    return set(re.findall(r"^[ ]*(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))


def test_tests_that_the_security_page_names_exist() -> None:
    for name in NAMED:
        path, _, function = name.partition("::")
        assert re.fullmatch(r"tests/[a-z0-9_/]+\.py", path), f"{name}: write `path::test`"
        assert (ROOT / path).is_file(), f"{path} is missing"
        found = functions_in(ROOT / path)
        assert function in found if function else found, f"{path} has no {function or 'test'}"


def test_security_page_names_many_tests() -> None:
    assert len(NAMED) > 60
