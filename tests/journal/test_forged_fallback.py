"""Who may only read a journal cannot add to it through the files in which it goes on."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.incident.events import Event, EventKind
from midwatch.journal.codec import decode, digest, encode
from midwatch.journal.reader import Tail, read
from midwatch.journal.verify import verify
from midwatch.journal.writer import Journal
from midwatch.system.errors import MidwatchError, Refused
from tests.journal.set_clock import SetClock
from tests.support.examples import examples
from tests.support.mounting import run_or_skip
from tests.support.users import ALICE, MALLORY, ONCALL, needs_root, run_as

pytestmark = needs_root

FORGED = ("note", {"text": "forged"})


@pytest.fixture
def public(reachable: Path) -> Path:
    """A folder like /var/tmp: everybody writes, each keeps their own."""
    folder = reachable / "public"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def path(reachable: Path) -> Path:
    """The journal of an incident that the group may read."""
    folder = reachable / "INC-1"
    folder.mkdir()
    os.chown(folder, 0, ONCALL)
    folder.chmod(0o2750)
    return folder / "journal.jsonl"


def begun(path: Path, public: Path, clock: SetClock) -> Journal:
    journal = Journal.create(path, actor="ada@test", clock=clock)
    journal.append("incident.declared", {"id": "INC-1"})
    journal.name_fallbacks(public)
    return journal


def place(journal: Journal, folder: Path) -> Path:
    (event,) = [event for event in journal.events if event.kind == EventKind.JOURNAL_FALLBACKS]
    (file,) = [Path(file) for file in event.body["files"] if Path(file).parent == folder]
    return file


def forge(file: Path, path: Path) -> None:
    """A file whose events follow the journal in every respect."""
    last = path.read_bytes().rstrip(b"\0").split(b"\n")[-2]
    event, _ = decode(last)
    line = encode(Event(event.seq + 1, event.time, event.mono, event.boot, "ada@test", *FORGED), digest(last))
    file.write_bytes(line + b"\n")
    file.chmod(0o644)


def test_files_are_there_with_their_owner_before_the_event_that_names_them_can_be_read(
    path: Path, public: Path, clock: SetClock
) -> None:
    journal = begun(path, public, clock)
    event = next(event for event in journal.events if event.kind == EventKind.JOURNAL_FALLBACKS)
    assert event.body["owner"] == os.geteuid()
    for name in event.body["files"]:
        status = Path(name).stat()
        assert (status.st_uid, status.st_size, status.st_mode & 0o7777) == (os.geteuid(), 0, 0o640)
    with pytest.raises(PermissionError):
        run_as(MALLORY, lambda: forge(place(journal, public), path), gid=ONCALL)
    with pytest.raises(PermissionError):
        run_as(MALLORY, place(journal, public).unlink, gid=ONCALL)
    journal.close()
    assert not any(Path(name).exists() for name in event.body["files"])


def test_forged_file_is_neither_shown_nor_called_whole_nor_copied_nor_seen_twice(
    path: Path, public: Path, clock: SetClock
) -> None:
    journal = begun(path, public, clock)
    file = place(journal, public)
    before = journal.events
    journal.close()
    run_as(MALLORY, lambda: forge(file, path), gid=ONCALL)
    observer = Tail(path)
    assert observer.poll() == read(path) == before
    assert (verify(path).ok, verify(path).events) == (True, len(before))
    again = Journal.open(path, actor="bob@test", clock=clock)
    assert again.events == before
    again.name_fallbacks(public)
    again.append("note", {"text": "genuine"})
    again.append(EventKind.CLOSED, {"events": len(again.events) + 1})
    again.close(trim=True)
    assert not any(event.body.get("text") == "forged" for event in read(path))
    assert verify(path).ok, verify(path)
    assert b"forged" not in path.read_bytes()
    assert file.exists()


PLANTS: dict[str, Callable[[Path], object]] = {
    "unreadable": lambda file: (file.write_text("x"), file.chmod(0)),
    "fifo": os.mkfifo,
    "link": lambda file: file.symlink_to("/etc/passwd"),
    "folder": os.mkdir,
    "rubbish": lambda file: file.write_bytes(b"\n" * 100),
}


@pytest.mark.parametrize("what", PLANTS)
def test_file_at_a_fallback_location_never_keeps_the_driver_out(
    path: Path, public: Path, clock: SetClock, what: str
) -> None:
    journal = begun(path, public, clock)
    file = place(journal, public)
    journal.close()
    run_as(MALLORY, lambda: PLANTS[what](file), gid=ONCALL)
    again = Journal.open(path, actor="bob@test", clock=clock)
    again.name_fallbacks(public)
    last = [event for event in again.events if event.kind == EventKind.JOURNAL_FALLBACKS][-1]
    assert str(file) not in last.body["files"]
    assert len([name for name in last.body["files"] if Path(name).parent == public]) == 1
    again.append("note", {"text": "on"})
    again.close()
    assert verify(path).ok


def test_file_of_the_named_owner_that_others_can_write_or_that_has_two_names_does_not_count(
    path: Path, public: Path, clock: SetClock
) -> None:
    journal = begun(path, public, clock)
    file, before = place(journal, public), len(journal.events)
    journal.close()
    forge(file, path)
    assert len(read(path)) == before + 1
    file.chmod(0o666)
    assert len(read(path)) == before
    file.chmod(0o640)
    os.link(file, public / "second")
    assert len(read(path)) == before


def test_folder_in_which_others_could_replace_the_file_is_not_used(
    path: Path, reachable: Path, clock: SetClock
) -> None:
    open_to_all = reachable / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    journal = begun(path, open_to_all, clock)
    event = journal.events[-1]
    assert "who could replace the file" in event.body["problem"]
    assert not any(name.startswith(str(open_to_all)) for name in event.body["files"])
    journal.close()


def test_file_of_another_writer_in_a_shared_folder_counts(reachable: Path, public: Path, clock: SetClock) -> None:
    folder = reachable / "INC-2"
    folder.mkdir()
    os.chown(folder, 0, ONCALL)
    folder.chmod(0o2770)
    path = folder / "journal.jsonl"
    journal = begun(path, public, clock)
    journal.close()

    def go_on() -> list[str]:
        again = Journal.open(path, actor="alice@test", clock=clock)
        again.name_fallbacks(public)
        event = [event for event in again.events if event.kind == EventKind.JOURNAL_FALLBACKS][-1]
        again.close()
        forge(next(Path(name) for name in event.body["files"] if Path(name).parent == public), path)
        return [str(event.body["owner"])]

    assert run_as(ALICE, go_on, gid=ONCALL) == [str(ALICE)]
    assert read(path)[-1].body == {"text": "forged"}  # by Alice, who may write the journal anyway


@pytest.mark.parametrize("content", [b"", b"no line end", b"\0\0\0image", b"one line\n", b"two\nlines\n"])
@pytest.mark.parametrize("goes_on_there", [False, True])
def test_file_of_the_drivers_that_a_member_names_as_fallback_is_never_read_written_or_removed(
    reachable: Path, public: Path, clock: SetClock, content: bytes, goes_on_there: bool
) -> None:
    folder = reachable / "INC-3"
    folder.mkdir()
    os.chown(folder, 0, ONCALL)
    folder.chmod(0o2770)
    path = folder / "journal.jsonl"
    begun(path, public, clock).close()
    victims = [reachable / "victim", reachable / f"INC-4.{'0' * 16}.jsonl", reachable / f"INC-3.{'0' * 16}.jsonl.key"]
    for victim in victims:
        victim.write_bytes(content)
        victim.chmod(0o600)

    def name_them() -> None:
        lines = path.read_bytes().rstrip(b"\0").splitlines()
        named = {"files": [str(victim) for victim in victims], "owner": 0}
        over = {"to": str(victims[0]), "host": socket.gethostname(), "in_memory": False}
        for kind, body in [("journal.fallbacks", named), *([("journal.failed_over", over)] if goes_on_there else [])]:
            last, _ = decode(lines[-1])
            event = Event(last.seq + 1, last.time, last.mono, last.boot, last.actor, EventKind(kind), body)
            lines.append(encode(event, digest(lines[-1])))
        path.write_bytes(b"\n".join(lines) + b"\n")

    run_as(MALLORY, name_them, gid=ONCALL)
    read(path)
    verify(path)
    with contextlib.suppress(MidwatchError):
        again = Journal.open(path, actor="bob@test", clock=clock)
        again.name_fallbacks(public)
        again.close(trim=True)
    assert [victim.read_bytes() for victim in victims] == [content] * len(victims)


@pytest.mark.timeout(60)
def test_journal_that_a_member_made_huge_by_a_hole_is_read_verified_and_driven_at_once(
    reachable: Path, public: Path, clock: SetClock
) -> None:
    """On a disk of 8 MB: what is allocated for the hole would fill the machine's own disk."""
    disk = reachable / "disk"
    disk.mkdir()
    run_or_skip("mount", "-t", "tmpfs", "-o", "size=8m", "midwatch-test", str(disk))
    try:
        _read_verify_and_drive(disk, public, clock)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True, timeout=20)


def _read_verify_and_drive(disk: Path, public: Path, clock: SetClock) -> None:
    folder = disk / "INC-5"
    folder.mkdir()
    os.chown(folder, 0, ONCALL)
    folder.chmod(0o2770)
    path = folder / "journal.jsonl"
    journal = begun(path, public, clock)
    journal.close()
    run_as(MALLORY, lambda: os.truncate(path, 1 << 42), gid=ONCALL)
    assert read(path) == journal.events
    assert verify(path).ok
    again = Journal.open(path, actor="bob@test", clock=clock)
    again.append("note", {"text": "on"})
    assert path.stat().st_blocks * 512 < 4 << 20, "space was taken for the hole"
    assert again.away is None
    again.close(trim=True)
    assert path.stat().st_size < 1 << 20
    with path.open("r+b") as file:
        file.seek(1 << 41)
        file.write(b"behind a hole")
    assert not verify(path).ok
    with pytest.raises(Refused, match="is not whole"):
        Journal.open(path, actor="bob@test", clock=clock)


LINES = st.binary(max_size=400) | st.builds(
    lambda kind, body: encode(Event(2, SetClock().now(), 1.0, "b", "a", kind, body), "0" * 64) + b"\n",
    st.sampled_from(["journal.fallbacks", "journal.failed_over", "journal.failed_back", "note"]),
    st.dictionaries(
        st.sampled_from(["files", "owner", "to", "host", "in_memory"]),
        st.none() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=9) | st.integers(), max_size=3),
    ),
)


@settings(max_examples=examples(200))
@given(home=LINES, away=LINES)
def test_journal_and_fallback_of_any_bytes_give_a_sentence_or_events(
    path: Path, public: Path, clock: SetClock, home: bytes, away: bytes
) -> None:
    path.unlink(missing_ok=True)
    journal = begun(path, public, clock)
    file = place(journal, public)
    journal.close(trim=True)
    with path.open("ab") as stream:
        stream.write(home)
    file.write_bytes(away)
    for reader in (Tail(path).poll, lambda: verify(path), lambda: Journal.open(path, actor="a", clock=clock).close()):
        with contextlib.suppress(MidwatchError):
            reader()
    file.unlink(missing_ok=True)


def test_deeply_nested_line_gives_a_sentence(path: Path, clock: SetClock) -> None:
    path.write_bytes(b"[" * 60_000 + b"\n" + b"x\n")
    for reader in (Tail(path).poll, lambda: Journal.open(path, actor="a", clock=clock)):
        with pytest.raises(MidwatchError):
            reader()
    assert not verify(path).ok
