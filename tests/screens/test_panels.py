"""What panels remember and draw: bounded histories, plots of any figures, strips that never overflow."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.api.probe import Level, Reading, Row
from midwatch.engine.incident_controller import IncidentController
from screens.incident import layout
from screens.incident.panel_poller import Source
from screens.widgets.panels.braille_plot import Frame, plot_lines
from screens.widgets.panels.panel_lines import use_lines
from screens.widgets.panels.panel_state import PanelState
from screens.widgets.panels.panel_summary import summary_cell, summary_lines
from screens.widgets.panels.time_series import MOST, TimeSeries
from screens.widgets.styles import TextStyles
from tests.support.reference_incident import NIGHT
from tests.support.screen_pilot import grid, opened, press, until

pytestmark = pytest.mark.slow


def test_history_is_bounded_and_reaches_back_to_its_begin() -> None:
    history = TimeSeries()
    for second in range(20_000):
        history = history.taking(NIGHT + timedelta(seconds=2 * second), float(second), "%")
    assert len(history.points) <= MOST
    assert history.points[0] == (NIGHT, 0.0)
    assert history.points[-1][1] == 19_999.0
    times = [at for at, _ in history.points]
    assert times == sorted(times)
    assert len(history.curve(10)) == 10
    assert history.taking(NIGHT, 1.0, "B").points == ((NIGHT, 1.0),)


def test_picture_of_a_history_moves_once_in_ten_seconds_and_not_with_each_reading() -> None:
    quick, seldom, pictures = TimeSeries(), TimeSeries(), set()
    for reading in range(100):
        quick = quick.taking(NIGHT + timedelta(seconds=2 * reading), float(reading), "%")
        seldom = seldom.taking(NIGHT + timedelta(minutes=reading), float(reading), "%")
        pictures.add(quick.still.points if reading > 10 else ())
        assert seldom.still == seldom or reading > 10
    assert len(pictures) <= 20
    assert quick.points[-1][0] - quick.still.points[-1][0] < timedelta(seconds=10)


def test_picture_of_a_long_history_moves_no_more_often_than_it_shows_a_difference() -> None:
    history, pictures = TimeSeries(), set()
    for reading in range(1800):
        history = history.taking(NIGHT + timedelta(seconds=2 * reading), float(reading), "%")
        pictures.add(
            history.still.points[-1] if reading > 900 else ()
        )  # of half an hour and more: 18 s are a cell, 36 s are seen
    assert len(pictures) <= 1 + 1800 / 40
    assert history.points[-1][0] - history.still.points[-1][0] < timedelta(seconds=80)


def test_error_keeps_what_is_remembered_and_a_row_that_is_gone_is_forgotten() -> None:
    panel = PanelState("disk", "Disk", 2.0)
    for second in range(3):
        rows = (Row("/", "41 %", Level.OK, 41.0 + second, "%"), Row("/mnt", "5 %", Level.OK, 5.0, "%"))
        panel = panel.taking(Reading("disk", NIGHT + timedelta(seconds=second), rows))
    broken = panel.taking(Reading("disk", NIGHT + timedelta(seconds=4), error="it hangs"))
    assert len(broken.history["/"].points) == 3
    assert broken.good is panel.good
    gone = panel.taking(Reading("disk", NIGHT + timedelta(seconds=5), (Row("/", "44 %", Level.OK, 44.0, "%"),)))
    assert set(gone.history) == {"/"}


VALUES = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 96.0, -1.0, 1e300, 5e-324])


@given(st.lists(VALUES, max_size=60), st.integers(1, 120), st.integers(1, 12), st.booleans())
def test_plot_of_any_figures_stays_within_its_frame(values: list[float], width: int, height: int, ascii: bool) -> None:
    points = [(NIGHT + timedelta(seconds=7 * n), value) for n, value in enumerate(values)]
    lines = plot_lines(points, Frame(width, height, "{:.3g}".format, (80.0, 95.0), 0.0), TextStyles(ascii=ascii))
    if sum(map(math.isfinite, values)) < 2 or width < 24 or height < 2:
        assert not lines
    for line in lines:
        assert line.cell_length <= width
        assert line.plain.isascii() or not ascii


def test_plot_shows_the_shape_and_its_limits() -> None:
    points = [(NIGHT + timedelta(minutes=n), 90.0 + n / 10) for n in range(61)]
    lines = [
        line.plain for line in plot_lines(points, Frame(40, 5, "{:.0f} %".format, (80.0, 95.0)), TextStyles(ascii=True))
    ]
    assert lines[0].startswith(" 96 %|")
    assert lines[1].count("-") > 10  # the line from which on it is critical
    assert lines[4].startswith(" 90 %|*")
    assert lines[-1].split() == ["02:00:00", "03:00:00"]
    assert [line.find("*") for line in lines[:5]] == sorted((line.find("*") for line in lines[:5]), reverse=True)


LABELS = st.text(max_size=30)
ROWS = st.lists(st.builds(Row, LABELS, LABELS, st.sampled_from(Level), brief=LABELS), max_size=8)


@given(st.lists(ROWS, max_size=6), st.integers(30, 200))
def test_panel_strip_of_any_width_never_overflows(readings: list[list[Row]], width: int) -> None:
    text_styles = TextStyles()
    panels = [
        PanelState(f"panel{n}", f"Panel {n}", 10.0).taking(Reading(f"panel{n}", NIGHT, tuple(rows)))
        for n, rows in enumerate(readings)
    ]
    for panel in panels:
        assert summary_cell(panel, NIGHT, width, text_styles).cell_length <= width
    for line in summary_lines(panels, NIGHT, width, text_styles):
        assert line.cell_length <= width


def test_panel_text_that_does_not_fit_a_strip_is_counted() -> None:
    rows = tuple(
        Row(name, "1 d 18 h old, late, 312 MB", Level.CRITICAL, brief="42 h old") for name in ("OTC", "GPS", "ARP")
    )
    panels = [
        PanelState(name, name, 10.0).taking(Reading(name, NIGHT, rows)) for name in ("backups", "b", "c", "databases")
    ]
    assert (
        summary_lines(panels, NIGHT, 79, TextStyles())[1].plain
        == "c         ✗ OTC 42 h old  2 critical    databases ✗ OTC 42 h old  2 critical"
    )


async def test_source_that_hangs_stalls_neither_the_screen_nor_another_panel(session: IncidentController) -> None:
    released, read = threading.Event(), []

    def hanging() -> Reading:
        released.wait()
        return Reading("disk", session.clock.now(), error="it came too late")

    def answering() -> Reading:
        read.append(1)
        return Reading("docker", session.clock.now(), (Row("docker", f"reading {len(read)}", Level.OK),))

    sources = [Source("disk", "Disk", 0.01, hanging), Source("docker", "Docker", 0.01, answering)]
    try:
        async with opened(session, sources=sources) as pilot:
            await until(pilot, lambda: len(read) > 5)
            shown = grid(pilot)
            assert "disk      no reading yet" in shown
            assert "docker    reading" in shown
            await press(pilot, "question_mark")
            assert "How it works" in grid(pilot)
            await press(pilot, "escape", "1")
            assert "no reading yet" in grid(pilot)
    finally:
        released.set()


async def test_reading_that_grows_old_is_never_shown_as_current(session: IncidentController) -> None:
    first = [Reading("disk", session.clock.now(), (Row("/", "41 % full", Level.OK, 41.0, "%"),))]
    released = threading.Event()

    def once() -> Reading:
        if first:
            return first.pop()
        released.wait()
        return Reading("disk", session.clock.now(), error="it came too late")

    try:
        async with opened(session, sources=[Source("disk", "Disk", 0.01, once)]) as pilot:
            await until(pilot, lambda: "41 % full" in grid(pilot))
            session.clock.pass_(120)
            await until(pilot, lambda: "? no answer since 2 min ago" in grid(pilot))
            assert "41 % full" not in grid(pilot)
            await press(pilot, "1")
            assert "The last good reading, 2 min ago" in grid(pilot)
    finally:
        released.set()


async def test_figure_that_moves_waits_and_what_becomes_worse_does_not(
    session: IncidentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "FIGURES", 3600.0)
    row, reads = [Row("/", "41 % full", Level.OK)], []

    def read() -> Reading:
        reads.append(row[0])
        return Reading("disk", session.clock.now(), (row[0],))

    async with opened(session, sources=[Source("disk", "Disk", 0.02, read)]) as pilot:
        await until(pilot, lambda: "41 % full" in grid(pilot))
        row[0] = Row("/", "42 % full", Level.OK)
        await until(pilot, lambda: reads.count(row[0]) > 5)
        assert "41 % full" in grid(pilot)
        row[0] = Row("/", "97 % full", Level.CRITICAL)
        await until(pilot, lambda: "97 % full" in grid(pilot))


def test_small_curve_shows_a_small_change_small_and_its_time_evenly() -> None:
    text_styles = TextStyles()
    assert text_styles.spark([300.0, 304.0, 309.0, 312.0]) == "▁▁▂▂"
    assert text_styles.spark([0.0, 10.0, 20.0, 40.0]) == "▁▃▅█"
    history = TimeSeries()
    for second in [*range(0, 300, 2), 3000]:  # nothing was read for three quarters of an hour
        history = history.taking(NIGHT + timedelta(seconds=second), float(second), "%")
    assert history.curve(4) == [0.0, 298.0, 298.0, 3000.0]


def test_bar_of_use_has_its_marks_where_they_lie() -> None:
    row = Row("/", "50 % full", Level.OK, 50.0, "%", limits=(80.0, 95.0))
    assert use_lines(row, 24, TextStyles(ascii=True), indent=4)[0].plain == "    ==========------|--|"
    assert use_lines(replace(row, number=130.0), 44, TextStyles(), indent=4)[0].cell_length == 44
    assert not use_lines(replace(row, unit="B"), 44, TextStyles(), indent=4)


def test_free_space_stays_when_the_name_of_a_mount_is_long() -> None:
    row = Row("/var/lib/postgresql/15/main", "96 % full, 14.8 MB free", Level.CRITICAL, brief="96 % 14.8 MB free")
    panel = PanelState("disk", "Disk", 10.0).taking(Reading("disk", NIGHT, (row,)))
    assert summary_cell(panel, NIGHT, 38, TextStyles()).plain == "disk      ✗ /var/li… 96 % 14.8 MB free"
