"""The balance of a file system: how much of its used space was found, and what may hold the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.mounts import Mount, mount_of, read_mounts
from midwatch.system.units import counted
from probes.storage.disk_usage import Usage
from probes.storage.largest_entries import LargestEntries
from probes.storage.open_deleted_files import OpenDeletedFile


@dataclass(frozen=True, slots=True)
class Searched:
    """A folder with the usage of its file system and what was found below it."""

    path: Path
    usage: Usage
    found: LargestEntries


@dataclass(frozen=True, slots=True)
class Balance:
    """One file system. Bytes."""

    mount: Mount
    used: int
    reserved: int
    """Free space that only root can use; not in `used`."""
    searched: tuple[Searched, ...]
    """Folders that do not overlap, also not by a bind mount."""
    deleted: tuple[OpenDeletedFile, ...]
    is_whole: bool
    """Whether one of the folders is the root of the file system."""

    @property
    def found(self) -> int:
        """Bytes of what was found."""
        return sum(one.found.total for one in self.searched)

    @property
    def unexplained(self) -> int:
        """Used bytes that were not found; negative where files share blocks or were removed meanwhile."""
        return self.used - self.found - sum(item.size for item in self.deleted)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Bytes and what they are; the text holds foreign names."""
        yield self.used, f"used on {self.mount}, of which"
        yield self.found, f"found below {' and '.join(str(one.path) for one in self.searched)}"
        yield sum(item.size for item in self.deleted), "in deleted files that are still open"
        yield self.unexplained, f"not explained{self._reasons()}"
        if self.reserved:
            yield self.reserved, "more are a reserve that only root can use"

    def _reasons(self) -> str:
        """Where the rest can be, as far as this search gives a reason to think so."""
        if self.unexplained < 0:
            return ": files share blocks, or were removed meanwhile"
        found = [one.found for one in self.searched]
        unreadable = sum(one.unreadable for one in found)
        reasons = [
            "" if self.is_whole else "in folders outside of these",
            f"in {counted(unreadable, 'folder')} that could not be read" if unreadable else "",
            "in folders that the time did not suffice for" if any(_was_cut(one) for one in found) else "",
            "in folders below a mount point, which the mount hides",
            "in what the file system needs for itself",
        ]
        return f": it can lie {', or '.join(filter(None, reasons))}"


def _was_cut(found: LargestEntries) -> bool:
    return not found.complete and not found.unreadable


def balances(searched: Sequence[Searched], deleted: Sequence[OpenDeletedFile]) -> list[Balance]:
    """One for each file system that was searched, in order. Budgets have none: their usage is not a file system's."""
    mounts = read_mounts()
    located: dict[str, list[tuple[Path, Mount, Searched]]] = {}
    for one in searched:
        mount = mount_of(one.found.real_folder, mounts) if not one.usage.label else None
        if mount is not None:
            inside = mount.root / one.found.real_folder.relative_to(mount.point)
            located.setdefault(mount.device, []).append((inside, mount, one))
    return [_balance(places, deleted) for places in located.values()]


def _balance(places: list[tuple[Path, Mount, Searched]], deleted: Sequence[OpenDeletedFile]) -> Balance:
    distinct: dict[Path, tuple[Path, Mount, Searched]] = {}
    for place in sorted(places, key=lambda place: len(place[0].parts)):
        if not any(inside == place[0] or inside in place[0].parents for inside in distinct):
            distinct[place[0]] = place
    mount, first = next((mount, one) for _, mount, one in distinct.values())
    return Balance(
        mount,
        first.usage.used,
        first.usage.reserved,
        tuple(one for _, _, one in distinct.values()),
        tuple(item for item in deleted if item.device == first.usage.device),
        Path("/") in distinct,
    )
