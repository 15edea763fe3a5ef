"""Fallback locations: files on other disks for a journal whose own disk is full, named by the journal itself."""

from __future__ import annotations

import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from midwatch.incident.events import Event, EventKind
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import OutcomeUnknown
from midwatch.system.filesystems import in_memory
from midwatch.system.mounts import require_answer


@dataclass(frozen=True, slots=True)
class Named:
    """A file that an event names as a place where the journal may go on."""

    path: Path
    owner: int | None
    """The user whose file counts; None when the event does not say: the owner of the journal."""
    after: int
    """The number of the event. The file holds later events only."""


def named_files(events: Iterable[Event], incident: str) -> dict[Path, Named]:
    """Every file that the events of this incident name as a place where its journal may go on, in the order named.

    The last naming of a file counts. Only names as `new_name` makes them for this very incident count: a driver writes
    to such a file and removes it, and whoever may write the journal could name any file of the driver's.
    """
    made_here = re.compile(rf"{re.escape(incident)}\.[0-9a-f]{{16}}\.jsonl")
    found: dict[Path, Named] = {}
    for event in events:
        files = event.body.get("files") if event.kind == EventKind.JOURNAL_FALLBACKS else None
        owner = event.body.get("owner")
        for file in files if isinstance(files, list) else ():
            if isinstance(file, str) and file.startswith("/") and made_here.fullmatch(Path(file).name):
                found[Path(file)] = Named(Path(file), owner if type(owner) is int else None, event.seq)
    return found


def new_name(incident: str) -> str:
    """A name that nobody knows before the file is there: it may lie where everybody can make files."""
    return f"{incident}.{secrets.token_hex(8)}.jsonl"


def choose(journal: Path, declared: Path | None) -> tuple[list[Path], str]:
    """Folders that could carry the journal on, the best one first, and what is wrong with the declared one.

    The declared folder comes first, then usual folders on other file systems, those in memory last. Folders in which
    another user could replace a file are left out. Nothing is made but the declared folder.
    """
    problem = ""
    folders: list[Path] = []
    if declared is not None:
        try:
            require_answer(declared)
            make_missing_folders(declared, mode=0o700)
            declared = Path(os.path.realpath(declared))
        except OSError as error:
            problem = f"{declared} cannot be made: {error.strerror}"
        except OutcomeUnknown as error:
            problem = error.sentence
        else:
            folders.append(declared)
            if not _takes_files(declared):
                problem = f"{declared} cannot be written"
            elif not _keeps_files(declared):
                problem = f"{declared} can be written by others, who could replace the file"
    devices = {_device(journal.parent), *map(_device, folders)}
    usual = sorted(filter(_takes_files, usual_folders()), key=in_memory)
    for folder in usual:
        if (device := _device(folder)) not in devices:
            devices.add(device)
            folders.append(Path(os.path.realpath(folder)))
    return [folder for folder in folders if _keeps_files(folder)], problem


def usual_folders() -> Iterator[Path]:
    """Folders that most machines have, with those of the person first."""
    import platformdirs

    yield platformdirs.user_state_path()
    yield from (Path("/var/tmp"), Path(tempfile.gettempdir()))  # noqa: S108 - the file's name cannot be guessed
    if "XDG_RUNTIME_DIR" in os.environ:
        yield Path(os.environ["XDG_RUNTIME_DIR"])
    yield Path("/dev/shm")  # noqa: S108


def _takes_files(folder: Path) -> bool:
    try:
        require_answer(folder)
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
    except (OSError, OutcomeUnknown):
        return False
    return folder.is_dir() and not read_only and os.access(folder, os.W_OK | os.X_OK)


def _keeps_files(folder: Path) -> bool:
    """Whether nobody else can replace a file there: by the folder's rights, or each keeps their own in it (sticky).

    A folder that is shared on purpose (setgid) is shared by those who may write the journal as well.
    """
    mode = folder.stat().st_mode
    shared = stat.S_IWGRP if mode & stat.S_ISGID else 0
    return bool(mode & stat.S_ISVTX) or not mode & (stat.S_IWGRP | stat.S_IWOTH) & ~shared


def _device(folder: Path) -> int:
    return folder.stat().st_dev
