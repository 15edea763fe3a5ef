"""The frame of `midwatch check`: plug-in codes and ranges, performance data, and metrics that Prometheus reads."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_textfile

from actions.checks.disk import CheckDisk
from midwatch.api.action import Context
from midwatch.api.figures import Figure, Range
from midwatch.api.probe import Level
from midwatch.reports.check_report import CheckReport
from probes.monitoring.performance_data import read_figures
from tests.support.clocks import AheadClock
from tests.support.host_world import Heard, MakeRunbook
from tui.cli import main

SMALL = (
    "midwatch: 1\nid: small\ntitle: Small\nseverity: SEV-3\n"
    "phases: [{title: P, steps: [{id: s, title: S, instructions: x}]}]\n"
)
RANGES = st.one_of(
    st.none(),
    st.builds(
        lambda low, size, inside: Range(low, low + size, inside),
        st.one_of(st.just(0.0), st.integers(-1000, 1000).map(lambda number: number / 8)),
        st.one_of(st.just(float("inf")), st.integers(0, 1000).map(float)),
        st.booleans(),
    ),
)
LABELS = st.text(st.characters(blacklist_categories=("C", "Z"), blacklist_characters="="), min_size=1, max_size=20)
FIGURES = st.builds(Figure, LABELS, st.integers(-(10**9), 10**9).map(float), st.sampled_from(["%", "s", "B", ""]))


@pytest.fixture
def small(here: Path) -> Path:
    (here / "runbook.yaml").write_text(SMALL)
    return here


def states(*scripts: str) -> list[int]:
    return [main(["check", "command", "--run", script]) for script in scripts]


def test_check_exits_with_the_code_of_its_state_and_says_the_state(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert states("echo fine; exit 0", "echo so; exit 1", "echo bad; exit 2", "echo who knows; exit 3") == [0, 1, 2, 3]
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines() if line] == [
        "command OK",
        "command WARNING",
        "command CRITICAL",
        "command UNKNOWN",
    ]
    assert main(["check", "freeze-status", "--expect", "on"]) == 2  # what does not hold is critical
    assert main(["check", "freeze-status", "--expect", "perhaps"]) == 3  # as is a command line that cannot be used
    assert main(["check", "freeze-status", "--nonsense"]) == 3


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--warning", "@~:100"], 1),
        (["--warning", "~:0", "--critical", "200"], 1),
        (["--critical", "150:"], 2),
        (["--warning", "10%", "--critical", "@0 %:100 %"], 2),
        (["--warning", "20:10"], 3),
        (["--warn", "nonsense"], 3),
        (["--json", "--openmetrics"], 3),
        (["--time-limit", "0 s"], 3),
        (["--textfile", "disk.txt"], 3),
    ],
)
def test_thresholds_are_ranges_of_monitoring_plug_ins(
    small: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int
) -> None:
    (small / "site.yaml").write_text("midwatch-site: 1\nlocations: {logs: logs}\n")
    budget = "panels: {disk: {paths: [x], budgets: ['x=1 MB=quota']}}\n"
    (small / "runbook.yaml").write_text(SMALL + budget)
    (small / "x").mkdir()
    (small / "x" / "f").write_bytes(bytes(100_000))
    assert main(["check", "disk", "--path", "x", *options]) == code
    out, err = capsys.readouterr()
    if code < 3:
        sentence, data = out.splitlines()[0].split(" | ")
        figures, unread = read_figures(data)
        assert (figures[0].label, figures[0].value, figures[0].unit, unread) == ("x used", 10.0, "%", 0)
        assert (figures[0].level is Level.OK) == (code == 0), sentence
    else:
        assert err.startswith(("midwatch: ", "usage: "))


def test_metrics_are_read_by_the_parser_of_prometheus(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = 'echo "odd \\"name\\" | \'a b\'=5s;10;20:30;0;40 share=50%"; exit 1'
    assert main(["check", "command", "--run", script, "--openmetrics", "--textfile", str(small / "c.prom")]) == 1
    shown = capsys.readouterr().out
    found = {family.name: family for family in read_openmetrics(shown)}
    assert [sample.value for sample in found["midwatch_check_state"].samples] == [1]
    assert found["midwatch_check_state"].samples[0].labels == {"check": "command", "parameters": f"run={script}"}
    figures = {sample.labels["figure"]: sample for sample in found["midwatch_check_figure"].samples}
    assert (figures["a b"].value, figures["a b"].labels["unit"], figures["share"].value) == (5, "seconds", 50)
    file = small / "c.prom"
    assert file.stat().st_mode & 0o777 == 0o644  # the collector is another user
    kept = {family.name for family in read_textfile(file.read_text())}
    assert kept == set(found)
    stamp = found["midwatch_check_run_timestamp_seconds"].samples[0].value
    assert abs(stamp - time.time()) < 300
    assert main(["check", "command", "--run", "exit 0", "--textfile", str(small / "no" / "c.prom")]) == 3


@given(st.lists(FIGURES, max_size=4), st.text(max_size=30), st.dictionaries(LABELS, st.text(max_size=10), max_size=2))
def test_metrics_of_any_text_are_read_back(figures: list[Figure], text: str, given: dict[str, str]) -> None:
    report = CheckReport("disk", given, Level.OK, text, tuple(figures), datetime.now(UTC), 0.5)
    values = {
        (sample.labels["figure"], sample.value)
        for family in read_openmetrics(report.metrics(is_openmetrics=True))
        for sample in family.samples
        if family.name == "midwatch_check_figure"
    }
    first = {(figure.label, figure.unit): figure for figure in reversed(figures)}  # a series may stand only once
    assert values == {(figure.label, figure.value) for figure in first.values()}


@given(FIGURES, RANGES, RANGES)
def test_performance_data_is_read_back_as_it_was(figure: Figure, warn: Range | None, crit: Range | None) -> None:
    whole = Figure(figure.label, figure.value, figure.unit, warn, crit, 0.0, 1e9)
    (found,), unread = read_figures(whole.performance_data)
    assert (found, unread) == (whole, 0)


def test_check_that_does_not_end_is_unknown_at_its_limit(small: Path) -> None:
    """Its own limit is longer; the process ends all the same."""
    program = str(Path(sys.executable).parent / "midwatch")
    argv = [program, "check", "command", "--run", "sleep 77", "--timeout", "100 s", "--time-limit", "200 ms"]
    done = subprocess.run(argv, cwd=small, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, shlex.join(argv)
    assert done.stdout.startswith("command UNKNOWN: the check command did not answer within 0.2 s")


def test_disk_that_will_be_full_within_a_day_is_warned_of_by_the_slope_of_three_hours(
    tmp_path: Path, make_runbook: MakeRunbook, heard: Heard
) -> None:
    """Each reading is that of a process of its own: only the history file joins them."""
    folder = tmp_path / "backups"
    folder.mkdir()
    runbook = make_runbook(disk={"paths": ["backups"], "budgets": ["backups=10 MB=quota"]})
    clock = AheadClock()
    outcomes = []
    for round_ in range(5):  # 0.5 MB an hour: of 10 MB, 8 are free after two hours
        with (folder / "f").open("wb") as file:
            file.truncate(1_000_000 + round_ * 250_000)
        clock.ahead = timedelta(minutes=30 * round_)
        outcomes.append(CheckDisk(folder).evaluate(Context(runbook, heard, clock, "ada")))
    assert [outcome.state for outcome in outcomes[:2]] == [Level.OK, Level.OK]
    last = outcomes[-1]
    assert last.state is Level.WARN
    assert "backups is full in about 1" in last.summary
    assert float(last.values["full_in"]) == pytest.approx(16 * 3600, rel=0.2)
    history = next((tmp_path / "logs" / "checks").iterdir())
    assert len(json.loads(history.read_text())) == 5
    history.write_text('[[1e999, "x"]')
    assert CheckDisk(folder).evaluate(Context(runbook, heard, clock, "ada")).state is Level.OK
