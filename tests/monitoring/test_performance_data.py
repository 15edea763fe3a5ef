"""Performance data of monitoring plug-ins: read as the guidelines say, and never a fault of ours."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.api.figures import Figure, Range
from midwatch.api.probe import Level
from midwatch.system.external_command import Ended
from probes.monitoring.performance_data import MOST_FIGURES, read_figures
from probes.monitoring.plugin_output import read_report

NUMBERS = st.integers(-(10**9), 10**9).map(lambda number: number / 1000)
LABELS = st.text(st.characters(blacklist_categories=("C", "Z"), blacklist_characters="="), min_size=1, max_size=20)


def quoted(label: str) -> str:
    escaped = label.replace("'", "''")
    return f"'{escaped}'"


@given(st.lists(st.tuples(LABELS, NUMBERS, st.sampled_from(["", "s", "%", "B", "c", "req/s"])), max_size=8))
def test_figures_that_follow_the_guidelines_are_read_as_written(items: list[tuple[str, float, str]]) -> None:
    text = " ".join(f"{quoted(label)}={value:f}{unit};;;0" for label, value, unit in items)
    figures, unread = read_figures(text)
    assert unread == 0
    assert [(figure.label, figure.unit) for figure in figures] == [(label, unit) for label, _, unit in items]
    assert [figure.value for figure in figures] == pytest.approx([value for _, value, _ in items])


@given(st.text() | st.text("'= ;|@~:.0123456789eE-+UaB%\n", max_size=300))
def test_performance_data_of_any_text_gives_finite_figures(text: str) -> None:
    figures, unread = read_figures(text)
    assert all(math.isfinite(figure.value) and figure.label and figure.level in Level for figure in figures)
    assert len(figures) + unread <= len(text.split()) + text.count("=")
    report = read_report(Ended(0, f"fine|{text}"))
    assert report.level is Level.OK


@pytest.mark.parametrize(
    ("text", "value", "unit", "level"),
    [
        ("time=250ms;200;300", 0.25, "s", Level.WARN),
        ("size=5MB;1;2", 5_000_000, "B", Level.CRITICAL),
        ("size=2KiB", 2048, "B", Level.OK),
        ("'/var log'=91.5%;80;95;0;100", 91.5, "%", Level.WARN),
        ("days=6;@0:7;@0:2", 6, "", Level.WARN),
        ("free=3;10:;5:", 3, "", Level.CRITICAL),
        ("offset=-0.5s;~:1;~:2", -0.5, "s", Level.OK),
        ("offset=-0.5s;1;2", -0.5, "s", Level.CRITICAL),
        ("count=+.5e1c", 5, "c", Level.OK),
    ],
)
def test_values_are_in_base_units_and_judged_by_their_ranges(text: str, value: float, unit: str, level: Level) -> None:
    (figure,), unread = read_figures(text)
    assert unread == 0
    assert (figure.value, figure.unit, figure.level) == (pytest.approx(value), unit, level)


def test_ranges_are_read_with_their_edges() -> None:
    assert Range.parse("10") == Range(0, 10)
    assert Range.parse("~:10", 1000) == Range(-math.inf, 10_000)
    assert Range.parse("@10:20") == Range(10, 20, inside=True)
    assert [found.edge for text in ("10", "10:", "@0:7", "~:") if (found := Range.parse(text))] == [10, 10, 7, None]
    assert [Range.parse(text) for text in ("", "@", "20:10", "x", "1:2:3", "1e999")] == [None] * 6


def test_value_that_could_not_be_determined_is_no_figure_and_no_fault() -> None:
    assert read_figures("load=U;1;2 x=1") == ((Figure("x", 1.0),), 0)


@pytest.mark.parametrize("text", ["=1", "a=", "a=1x2", "''=1", "a=nan", "a=1e999", "word", "' '=1"])
def test_performance_data_with_a_fault_is_counted_and_the_next_one_read(text: str) -> None:
    figures, unread = read_figures(f"{text} good=1")
    assert [figure.label for figure in figures] == ["good"]
    assert unread == 1


def test_flood_of_figures_is_bounded() -> None:
    figures, unread = read_figures(" ".join(f"f{number}=1" for number in range(20_000)))
    assert (len(figures), unread) == (MOST_FIGURES, 20_000 - MOST_FIGURES)


def test_output_of_several_lines_is_split_as_the_guidelines_say() -> None:
    report = read_report(
        Ended(1, "DISK WARNING - 4 GB free | /=3GB;2;4\n/home: 1 GB\n/srv: 2 GB | /home=1GB\n/srv=2GB\n")
    )
    assert (report.level, report.sentence) == (Level.WARN, "DISK WARNING - 4 GB free")
    assert report.more == "/home: 1 GB\n/srv: 2 GB"
    assert [figure.label for figure in report.figures] == ["/", "/home", "/srv"]


@pytest.mark.parametrize(
    ("ended", "level", "sentence"),
    [
        (Ended(0, ""), Level.OK, "exit 0"),
        (Ended(2, "down\n"), Level.CRITICAL, "down"),
        (Ended(3, "no answer"), Level.UNKNOWN, "no answer"),
        (Ended(2, "asking\n", "trace\nno route\n"), Level.CRITICAL, "no route (asking)"),
        (Ended(0, "fine\n", "slow\n"), Level.OK, "fine"),
        (Ended(4, "odd"), Level.UNKNOWN, "exit 4 is no state of a check: odd"),
        (Ended(-9, ""), Level.UNKNOWN, "it was ended by signal 9"),
        (
            Ended(127, "", "bash: line 1: check_http: command not found\n"),
            Level.UNKNOWN,
            "a program of the script was not",
        ),
    ],
)
def test_exit_status_gives_the_state_and_a_silent_script_its_complaint(
    ended: Ended, level: Level, sentence: str
) -> None:
    report = read_report(ended)
    assert report.level is level
    assert report.sentence.startswith(sentence)


def test_output_that_would_command_a_terminal_is_made_harmless() -> None:
    report = read_report(Ended(1, "\x1b]0;owned\x07down\x1b[2J\u202e | 'a\x1b[31mb'=1\nmore\x07"))
    assert report.sentence == "down<U+202E>"
    assert [figure.label for figure in report.figures] == ["ab"]
    assert report.more == "more^G"
    assert read_report(Ended(1, "", "\x1b[2Jbad")).sentence == "bad"
