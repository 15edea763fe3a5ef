"""A followed log: each line comes once, whatever rotates, truncates or replaces it, and whenever the watcher dies."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from midwatch.watch.log_follower import LogFollower
from midwatch.watch.log_position import LogPosition
from tests.support.clocks import AheadClock
from tests.watch.rotating import copy_and_truncate, rename


class Reader:
    """A follower that can die between any two reads: what it keeps is the positions."""

    def __init__(self, log: Path) -> None:
        self.log, self.clock = log, AheadClock()
        self.follower = LogFollower(log, self.clock)

    def read(self) -> list[str]:
        return [line.text for _, lines in self.follower.lines() for line in lines if line.ended]

    def die(self) -> None:
        kept = [LogPosition.from_json(position.to_json()) for position in self.follower.positions]
        self.follower.close()
        self.follower = LogFollower(self.log, self.clock, kept)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "a.log").write_text("old\n")
    reader = Reader(tmp_path / "a.log")
    assert reader.read() == ["old"]
    return reader


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("rotate", [rename, copy_and_truncate])
def test_lines_around_two_rotations_come_once_in_order(
    reader: Reader, rotate: Callable[[Path], None], dies: bool
) -> None:
    append(reader.log, "one\n")
    rotate(reader.log)
    append(reader.log, "two\n")
    rotate(reader.log)
    append(reader.log, "three\n")
    if dies:
        reader.die()
    assert reader.read() == ["one", "two", "three"]
    reader.die()
    assert reader.read() == []


def test_random_rotations_and_deaths_lose_and_repeat_nothing(reader: Reader) -> None:
    chance, wanted, seen = random.Random(18), [], []
    for number in range(400):
        text = f"{number} {'x' * chance.randrange(60)}"
        append(reader.log, text + "\n")
        wanted.append(text)
        deed = chance.randrange(12)
        if deed == 0:
            rename(reader.log)
            reader.log.touch()
        elif deed == 1:
            copy_and_truncate(reader.log)
        elif deed in (2, 3):
            reader.die()
        if deed >= 6 or deed == 1:
            seen += reader.read()
    assert seen + reader.read() == wanted


def test_writer_that_keeps_the_rotated_file_open_is_read_on(reader: Reader) -> None:
    with reader.log.open("a") as writer:
        rename(reader.log)
        reader.log.write_text("new\n")
        assert reader.read() == ["new"]
        writer.write("late\n")
        writer.flush()
        reader.die()
        assert reader.read() == ["late"]
    reader.clock.ahead = timedelta(minutes=5)
    assert reader.read() == []
    reader.read()
    assert len(reader.follower.positions) == 1  # the old one is let go of


def test_file_that_is_packed_or_deleted_while_it_is_open_is_read_to_its_end(reader: Reader) -> None:
    append(reader.log, "one\n")
    rename(reader.log)
    packed = Path(f"{reader.log}.1")
    Path(f"{packed}.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    reader.log.write_text("two\n")
    assert reader.read() == ["one", "two"]
    assert not reader.follower.gap


def test_file_that_was_packed_while_nobody_watched_is_told_as_a_gap(reader: Reader) -> None:
    append(reader.log, "one\n")
    rename(reader.log)
    reader.follower.close()
    packed = Path(f"{reader.log}.1")
    Path(f"{packed}.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    append(reader.log, "two\n")
    reader.die()
    assert reader.read() == ["two"]
    assert "gone or packed" in reader.follower.gap


def test_half_line_waits_for_its_end_and_long_line_is_cut(reader: Reader) -> None:
    append(reader.log, "[FAIL")
    assert reader.read() == []
    reader.die()
    append(reader.log, "URE] stopped\r\nnext\n")
    assert reader.read() == ["[FAILURE] stopped", "next"]
    append(reader.log, "y" * 700_000)
    assert [len(line) for line in reader.read()] == [4096]
    reader.die()
    append(reader.log, "y" * 700_000 + "\nafter\n")
    assert reader.read() == ["after"]


def test_line_without_an_end_is_shown_once_it_is_steady_and_taken_once(reader: Reader) -> None:
    append(reader.log, "[FAILURE] and the writer died")
    assert [lines for _, lines in reader.follower.lines()] == [[]]
    ((file, (line,)),) = reader.follower.lines()
    assert (line.text, line.ended, line.place) == ("[FAILURE] and the writer died", False, "a.log:2")
    file.take_unended()
    append(reader.log, " of old age\nnext\n")
    ((_, (line,)),) = reader.follower.lines()
    assert (line.text, line.number) == ("next", 3)


def test_log_with_holes_nuls_and_bytes_that_are_no_text_is_read(reader: Reader) -> None:
    with reader.log.open("r+b") as writer:  # without O_APPEND: it goes on where it was after the truncation
        writer.seek(0, os.SEEK_END)
        writer.seek(5_000_000)
        reader.log.write_text("")
        writer.write(b"\xff\xfe caf\xe9\n")
        writer.flush()
        assert reader.read() == ["\ufffd\ufffd caf\ufffd"]


def test_missing_log_is_a_problem_and_its_next_file_is_new_from_its_first_line(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "b.log")
    assert reader.read() == []
    assert reader.follower.problem.endswith("b.log is missing")
    reader.die()
    append(reader.log, "first\n")
    ((file, (line,)),) = reader.follower.lines()
    assert (line.text, file.history_end, reader.follower.problem) == ("first", 0, "")
    reader.log.unlink()
    reader.log.mkdir()
    assert reader.read() == []
    assert reader.follower.problem


def test_log_that_an_editor_saved_anew_is_not_read_again(reader: Reader) -> None:
    copy = reader.log.with_name("a.tmp")
    copy.write_text(reader.log.read_text() + "added\n")
    reader.die()
    copy.replace(reader.log)
    assert reader.read() == ["added"]


@pytest.mark.parametrize("dies", [False, True])
def test_rotations_of_a_log_that_has_no_new_file_yet_are_read(reader: Reader, dies: bool) -> None:
    append(reader.log, "one\n")
    rename(reader.log)
    append(reader.log, "two\n")
    rename(reader.log)
    if dies:
        reader.die()
    assert reader.read() == ["one", "two"]
    assert reader.read() == []
    append(reader.log, "three\n")
    assert reader.read() == ["three"]
