"""A secret that is written into a runbook or site file is refused, with its position and what to do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from midwatch.runbook.loader import RunbookErrors, load

RUNBOOK = """\
midwatch: 1
id: x
title: X
severity: SEV-3
{inputs}phases:
  - title: One
    section: "1"
    steps:
      - {{id: a, title: A, run: "{run}", risk: observe, env: {{{env}}}}}
"""
VALUE = "q7Lm" + "2Xw9Kd"


def faults(folder: Path, *, run: str = "true", env: str = "A: b", inputs: str = "") -> list[str]:
    path = folder / "runbook.yaml"
    path.write_text(RUNBOOK.format(run=run, env=env, inputs=inputs))
    try:
        load(path, environment={})
    except RunbookErrors as errors:
        return str(errors).splitlines()
    return []


@pytest.mark.parametrize(
    "keys",
    [
        {"env": f"API_TOKEN: {VALUE}"},
        {"env": f"DB_PASSWORD: '{VALUE}'"},
        {"env": f"URL: 'postgresql://arp:{VALUE}@db/arp'"},
        {"env": f"HEADER: 'X-Api-Key: {VALUE}'"},
        {"run": f"mysql -p{VALUE} arp"},
        {"run": f"PGPASSWORD={VALUE} psql"},
        {"run": "echo ghp_" + "a1B2" * 9},
        {"inputs": f"inputs:\n  - {{name: api_token, prompt: Which, default: {VALUE}}}\n"},
    ],
)
def test_literal_secret_is_refused_with_its_position(tmp_path: Path, keys: dict[str, str]) -> None:
    found = faults(tmp_path, **keys)
    assert [line for line in found if "runbook.yaml:" in line and "Take it out" in line]
    assert not [line for line in found if VALUE in line]


@pytest.mark.parametrize(
    "keys",
    [
        {"env": "API_TOKEN_FILE: /run/secrets/token"},
        {"env": "DB_PASSWORD: '${DB_PASSWORD}'"},
        {"run": "PGPASSWORD=$DB_PASSWORD psql"},
        {"run": "psql postgresql://arp:$PW@db/arp"},
        {"run": "tool --password-file /run/secrets/db --max-tokens 4096"},
    ],
)
def test_reference_to_a_secret_is_allowed(tmp_path: Path, keys: dict[str, str]) -> None:
    assert faults(tmp_path, **keys) == []


def test_secret_in_site_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(f"midwatch-site: 1\n# PGPASSWORD={VALUE}\n")
    assert [line for line in faults(tmp_path) if "site.yaml:2:14" in line]


@pytest.mark.parametrize("token", ["a", "http", "a://", "a:b@", "x.", "%41", "PGPASS="])
def test_long_token_is_read_in_linear_time(tmp_path: Path, token: str) -> None:
    def cost(length: int) -> float:
        began = time.process_time()
        faults(tmp_path, run=token * (length // len(token)))
        return time.process_time() - began

    cost(1_000)
    short = cost(10_000)
    assert cost(80_000) < 8 * 3 * max(short, 0.01)  # a quadratic reading costs 64 times as much


def test_secrets_of_a_long_line_are_each_counted(tmp_path: Path) -> None:
    found = faults(tmp_path, run=f"PGPASSWORD={VALUE} " * 300)
    assert found[0].startswith(f"{tmp_path}/runbook.yaml:9:")
    assert found[-1] == "And 200 more errors"
