"""The targets of the Makefile together run every test, and a run without a test fails."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_TEST_RAN = 5


def selection(target: str) -> str:
    """The marker expression with which a target runs pytest."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{target}:.*\n\t.*/pytest .*-m (?:\"([^\"]+)\"|(\w+))$", makefile, re.MULTILINE)
    assert found, target
    return found[1] or found[2]


def test_targets_test_and_full_select_every_test_and_properties_twice() -> None:
    assert (selection("test"), selection("test-full")) == ("not heavy", "heavy or property")


def test_target_fast_needs_no_server_engine_or_other_user() -> None:
    left_out = set(re.findall(r"\w+", selection("test-fast"))) - {"not", "or"}
    assert left_out == {"docker", "postgres", "root", "slow", "heavy", "property"}


def test_ci_runs_both_targets_and_stops_at_the_first_failure() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "set -eu" in script
    assert [line.split("#")[0].strip() for line in script if line.startswith("make ")] == [
        "make test",
        "make test-full",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "import pytest\n\n@pytest.mark.skip\ndef test_x(): ...\n"])
def test_run_without_a_passed_test_exits_with_5(content: str, tmp_path: Path) -> None:
    (tmp_path / "test_none.py").write_text(content)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-c",
        "pyproject.toml",
        "--rootdir",
        str(tmp_path),
    ]
    result = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(tmp_path / "test_none.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == NO_TEST_RAN, result.stdout + result.stderr
