"""The output on the whole screen: search with counts, first error, times, broken lines, copies, several steps at
once."""

from __future__ import annotations

import pytest

from midwatch.engine.incident_controller import IncidentController
from midwatch.supervisor.progress import Progress, ProgressFile
from screens.pages.output import OutputScreen
from screens.widgets.held_keys import HeldKeys
from tests.support.reference_incident import begin, finish, write
from tests.support.screen_pilot import Pilots, grid, opened, press, until

pytestmark = pytest.mark.slow

STEP = "emergency-backup"


def screen(pilot: Pilots) -> OutputScreen:
    assert isinstance(pilot.app.screen, OutputScreen)
    return pilot.app.screen


LINES = b"".join(b"line %d%s\n" % (n, b" of table ledger" if n % 10 == 0 else b"") for n in range(200))


async def test_search_says_which_of_how_many(session: IncidentController) -> None:
    begin(session, STEP, LINES)
    async with opened(session) as pilot:
        await press(pilot, "o", "slash", *"Ledger", "enter")
        assert "Ledger: not found" in grid(pilot)  # a capital is meant
        await press(pilot, "slash", *["backspace"] * 6, *"ledger", "enter")
        await until(pilot, lambda: "19 of 20" in grid(pilot) or "20 of 20" in grid(pilot))
        await press(pilot, "g", "slash", "enter")
        await until(pilot, lambda: "1 of 20" in grid(pilot))
        await press(pilot, "n", "n")
        await until(pilot, lambda: "3 of 20" in grid(pilot))
        await press(pilot, "N", "N", "N")
        await until(pilot, lambda: "20 of 20, around the end" in grid(pilot))
        assert screen(pilot).view.found == 190


async def test_first_error_is_found_whatever_it_is_called(session: IncidentController) -> None:
    begin(session, STEP, LINES + b"pg_dump: error: out of shared memory\nERROR later\n" + LINES)
    async with opened(session) as pilot:
        await press(pilot, "o", "e")
        await until(pilot, lambda: "first error, line 201" in grid(pilot))
        assert "out of shared memory" in grid(pilot)


async def test_times_and_broken_lines_are_there_on_demand(session: IncidentController, golden) -> None:
    text = b"begun\n" + b"a long line that goes on " * 9 + b"\nsize 1 MB\rsize 2 MB\rsize 3 MB\n"
    begin(session, STEP, text)
    folder = session.attempt_folder(STEP)
    assert folder is not None
    folder.timing.write_text(f"0.0 0\n61.5 6\n3600.0 {len(text) - 30}\n")
    async with opened(session) as pilot:
        await press(pilot, "o")
        assert "size 3 MB" in grid(pilot)
        assert "size 2 MB" not in grid(pilot)
        await press(pilot, "t")
        shown = grid(pilot).splitlines()
        assert shown[1].strip().startswith("02:14:07 begun")
        assert shown[2].strip().startswith("02:15:08 a long line")
        assert shown[3].startswith(" " * 10)
        golden(pilot, "output-times-80x24")


async def test_end_stays_in_view_when_lines_are_broken(session: IncidentController) -> None:
    begin(session, STEP, b"x " * 500 + b"\n" + b"y " * 300 + b"\nlast\n")
    async with opened(session, (60, 15)) as pilot:
        await press(pilot, "o", "G")
        assert "last" in grid(pilot)
        write(session, STEP, b"z " * 200 + b"\nnewest\n")
        await until(pilot, lambda: "newest" in grid(pilot))


async def test_broken_lines_scroll_by_rows_also_within_a_line_longer_than_the_screen(
    session: IncidentController,
) -> None:
    begin(session, STEP, b"opening\n" + b"".join(b"%05d " % n for n in range(8000)) + b"end of it\nlast\n")
    async with opened(session, (60, 15)) as pilot:
        await press(pilot, "o", "g")
        assert "opening" in grid(pilot)
        assert "00050" in grid(pilot)
        await press(pilot, "j", "j", "j")
        assert "opening" not in grid(pilot)
        assert "00010" not in grid(pilot)
        assert "00060" in grid(pilot)
        await press(pilot, "k", "k", "k")
        assert "opening" in grid(pilot)
        await press(pilot, "pagedown", "pagedown")
        assert "00225" in grid(pilot)
        await press(pilot, "slash", *"04711", "enter")
        await until(pilot, lambda: "1 of 1" in grid(pilot))
        assert "04711" in grid(pilot)
        await press(pilot, "G")
        assert "07999 end of it" in grid(pilot)
        assert "last" in grid(pilot)
        await press(pilot, "k", "j", "j", "j")
        assert "07999 end of it" in grid(pilot)
        assert "last" in grid(pilot)


async def test_lines_that_are_cut_off_scroll_sideways_and_a_match_is_brought_into_view(
    session: IncidentController,
) -> None:
    begin(session, STEP, b"".join(b"%03d " % n for n in range(60)) + b"table Ledger here\nshort\n")
    async with opened(session, (60, 15)) as pilot:
        await press(pilot, "o", "b")
        assert "000 001" in grid(pilot)
        await press(pilot, "right")
        assert "000 001" not in grid(pilot)
        assert "015" in grid(pilot)
        await press(pilot, "left", "left")
        assert "000 001" in grid(pilot)
        await press(pilot, *["right"] * 9)
        assert "table Ledger here" in grid(pilot)
        await press(pilot, "g", "slash", *"ledger", "enter")
        await until(pilot, lambda: "1 of 1" in grid(pilot))
        assert "Ledger" in grid(pilot)
        await press(pilot, "slash", *["backspace"] * 6, *"002", "enter")
        await until(pilot, lambda: "002: not found" in grid(pilot) or "000 001 002" in grid(pilot))
        assert "000 001 002" in grid(pilot)


async def test_copies_go_to_the_clipboard_and_to_a_file(session: IncidentController) -> None:
    begin(session, STEP, b"secret\x1b]52;c;cm0gLXJm\x07 words\n" + LINES)
    async with opened(session) as pilot:
        await press(pilot, "o", "y")
        copy = session.folder.path / "copies" / f"3.8-{STEP}-1.txt"
        await until(pilot, copy.exists)
        await until(pilot, lambda: " in /" in grid(pilot) or "kB in" in grid(pilot))
        assert copy.read_text().startswith("secret words\nline 0")
        assert pilot.app.clipboard == copy.read_text()
        copy.unlink()
        copy.parent.rmdir()
        copy.parent.touch()  # no place for it
        await press(pilot, "y")
        await until(pilot, lambda: "cannot be written" in grid(pilot))


async def test_progress_is_a_bar_with_what_is_left(session: IncidentController) -> None:
    begin(session, STEP, b"begun\n")
    folder = session.attempt_folder(STEP)
    assert folder is not None
    file = ProgressFile(folder.progress)
    file.write(Progress(50e6, 200e6, "bytes"))
    async with opened(session) as pilot:
        await press(pilot, "o")
        assert " 25 %" in grid(pilot)
        assert "50.0 of 200 MB" in grid(pilot)
        assert "1 line," in grid(pilot)
        assert "following" in grid(pilot)
        file.close()
        finish(session, STEP)
        await until(pilot, lambda: "· done" in grid(pilot))
        assert "following" not in grid(pilot)


async def test_end_of_what_comes_all_at_once_is_in_view(session: IncidentController) -> None:
    begin(session, STEP, b"")
    async with opened(session) as pilot:
        write(session, STEP, b"".join(b"line %d\n" % n for n in range(8)))
        await until(pilot, lambda: "line 7" in grid(pilot))
        assert "line 0" not in grid(pilot)


async def test_output_goes_on_while_keys_come_without_end(session: IncidentController) -> None:
    """A key goes before output, for half a second at most."""
    begin(session, STEP, b"begun\n")
    async with opened(
        session, held_keys=HeldKeys(lambda: 0.0)
    ) as pilot:  # a clock that stands: a key has always just come
        await press(pilot, "o")
        write(session, STEP, b"newest\n")
        await until(pilot, lambda: "newest" in grid(pilot))
