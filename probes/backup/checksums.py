"""Verifies a folder against its `checksums.sha256`, both ways: what is listed, and what is not."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.errors import Failed
from midwatch.system.trusted_files import open_regular_file
from midwatch.system.units import first_few

LIST = "checksums.sha256"
NOTES = (".json", ".json.sig")
"""Ends of names that need not be listed: manifests, which hold no data and may be added to after the list was made."""
CHUNK = 1 << 20
LARGEST_LIST = 10_000_000
"""Bytes of a list; a larger one is not a list of a backup set."""
_GNU = re.compile(r"^(\\?)([0-9a-fA-F]{64}) [ *](.+)$")
_BSD = re.compile(r"^(\\?)SHA256 \((.+)\) = ([0-9a-fA-F]{64})$")
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}


@dataclass(frozen=True, slots=True)
class SetVerdict:
    """What a set's list and its files say of one another. File names are foreign text."""

    folder: Path
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    """Listed, there, and different."""
    missing: tuple[str, ...] = ()
    """Listed and not there."""
    unlisted: tuple[str, ...] = ()
    """There and not listed: nothing vouches for them."""
    problem: str = ""
    """Why the list itself cannot be trusted; empty when it can."""
    bytes: int = 0
    """Read in all."""

    @property
    def ok(self) -> bool:
        """Every listed file is good and nothing else lies there. An empty list vouches for nothing, so it is not."""
        return bool(self.good) and not (self.bad or self.missing or self.unlisted or self.problem)

    @property
    def word(self) -> str:
        """`ok`, `corrupt` (a file differs or is gone) or `unverified` (nothing proves or disproves it)."""
        if self.ok:
            return "ok"
        return "corrupt" if self.bad or self.missing else "unverified"

    def __str__(self) -> str:
        if self.ok:
            return f"{self.folder.name}: ok, {len(self.good)} files"
        told = [
            f"{what} {first_few(names)}"
            for what, names in (("differs:", self.bad), ("missing:", self.missing), ("not listed:", self.unlisted))
            if names
        ]
        return f"{self.folder.name}: {self.word}, {'; '.join([*told, self.problem] if self.problem else told)}"


def read_list(path: Path) -> list[tuple[str, str]]:
    """Name and SHA-256 (lower-case hex) of each entry, in GNU or BSD form, escaped names undone.

    Raises `Failed` when the list is not there, is empty, is no list, or names something outside its folder.
    """
    try:
        with open_regular_file(path) as file:
            data = file.read(LARGEST_LIST + 1)
    except Failed as error:
        raise Failed(f"{path.name} is not a regular file", hint="The set is unverified, not good") from error
    except OSError as error:
        raise Failed(f"{path.name} cannot be read: {error.strerror}", hint="The set is unverified, not good") from error
    if len(data) > LARGEST_LIST:
        raise Failed(f"{path.name} is too large for a list of checksums", hint="The set is unverified, not good")
    entries = []
    for number, line in enumerate(os.fsdecode(data).split("\n"), start=1):
        if line.strip():
            name, digest = _entry(line.removesuffix("\r"), f"{path.name}:{number}")
            entries.append((name, digest))
    if not entries:
        raise Failed(f"{path.name} is empty: it vouches for nothing", hint="The set is unverified, not good")
    return entries


def _entry(line: str, place: str) -> tuple[str, str]:
    if gnu := _GNU.match(line):
        escaped, digest, name = gnu[1], gnu[2], gnu[3]
    elif bsd := _BSD.match(line):
        escaped, name, digest = bsd[1], bsd[2], bsd[3]
    else:
        raise Failed(f"{place} is not a SHA-256 entry", hint="The set is unverified, not good")
    if escaped:
        name = re.sub(r"\\[\\nr]", lambda match: _ESCAPES[match[0]], name)
    if name.startswith("/") or ".." in Path(name).parts or "\0" in name:
        raise Failed(f"{place} names a file outside the set", hint="Nobody but us should write there: look who did")
    return name, digest.lower()


def verify_set(
    folder: Path, base: Path | None = None, *, read: Callable[[int], None] = lambda count: None
) -> SetVerdict:
    """Verify every file of a set by streaming; `read` is told the bytes as they go. Never raises for a bad set.

    Names count from the set's own folder, wherever this runs. A list that was made from `base` (`backups/prod/…/x.gz`)
    is understood too. Links are not followed: a linked file is a bad one.
    """
    try:
        entries = read_list(folder / LIST)
    except Failed as error:
        return SetVerdict(folder, problem=error.sentence)
    good: list[str] = []
    bad: list[str] = []
    missing: list[str] = []
    total = 0
    listed: dict[str, str] = {}
    problem = ""
    for name, digest in entries:
        name = _from_folder(name, folder, base)
        if listed.setdefault(name, digest) != digest:
            problem = f"{LIST} lists {name} twice, differently"
            continue
        try:
            found, size = _digest(folder, name, read)
        except FileNotFoundError:
            missing.append(name)
        except OSError as error:
            bad.append(f"{name} ({error.strerror or error})")
        else:
            total += size
            (good if found == digest else bad).append(name)
    try:
        unlisted = sorted(name for name in _files(folder) - set(listed) - {LIST} if not name.endswith(NOTES))
    except OSError as error:
        unlisted, problem = [], f"its folder cannot be read: {error.strerror}"
    return SetVerdict(folder, tuple(good), tuple(bad), tuple(missing), tuple(unlisted), problem, total)


def _from_folder(name: str, folder: Path, base: Path | None) -> str:
    """The name as counted from the set's folder; lists made from the project's root are common."""
    plain = str(Path(name))  # without ./ and doubled slashes
    if base is not None and not (folder / plain).exists() and (base / plain).is_relative_to(folder):
        return str((base / plain).relative_to(folder))
    return plain


def _digest(folder: Path, name: str, read: Callable[[int], None]) -> tuple[str, int]:
    """SHA-256 and size; every part of the name is opened without following links."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *parents, last = Path(name).parts
        for parent in parents:
            inner = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            os.close(handle)
            handle = inner
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
    finally:
        os.close(handle)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(None, "not a file")
        digest, size = hashlib.sha256(), 0
        while chunk := os.read(file, CHUNK):
            digest.update(chunk)
            size += len(chunk)
            read(len(chunk))
        return digest.hexdigest(), size
    finally:
        os.close(file)


def _files(folder: Path) -> set[str]:
    found: set[str] = set()
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                else:
                    found.add(str(Path(entry.path).relative_to(folder)))
    return found


def sets_below(folder: Path) -> list[Path]:
    """The folders directly below, and below `old/`, that hold a list or any file: newest name first. Links are left
    out. Raises `OSError` when the folder is there and cannot be listed."""
    found = []
    for parent in (folder, folder / "old"):
        try:
            with os.scandir(parent) as entries:
                inner = [
                    Path(e.path) for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")
                ]
        except FileNotFoundError:
            continue
        found += [path for path in inner if path != folder / "old" and any(path.iterdir())]
    return sorted(found, key=lambda path: path.name, reverse=True)
