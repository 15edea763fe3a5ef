"""The usage of a file system. Panels, checks, plans and refusals all use this computation."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.runbook.model import Runbook
from midwatch.system.errors import BadInput, Failed
from midwatch.system.mounts import read_mounts, require_answer
from midwatch.system.units import Size, percent
from probes.storage.timeout import within

LIMIT = 3.0
"""Seconds after which a file system counts as not answering."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit of size that a folder is given where it has no file system of its own: the drill's stand-in for a
    mount."""

    path: Path
    total: int
    label: str
    """Says whose limit it is: shown beside every figure that comes from it."""

    @classmethod
    def parse(cls, text: str, resolve: Callable[[str], Path] = Path) -> Budget:
        """Read `PATH=SIZE=LABEL`. Raises `BadInput`."""
        path, _, rest = text.partition("=")
        size, _, label = rest.partition("=")
        try:
            total = int(Size.parse(size))
        except ValueError as error:
            raise BadInput(
                f"The budget {text!r} has no size: {error}", hint="Write it like 'backups=16 MB=quota'"
            ) from None
        if not path or total <= 0:
            raise BadInput(
                f"The budget {text!r} needs a path and a size above 0", hint="Write it like 'backups=16 MB=quota'"
            )
        return cls(resolve(path), total, label or "quota")


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a file system (or a budget) is. Bytes."""

    path: Path
    """Where it was measured: the path asked for, or its nearest existing parent."""
    total: int
    used: int
    free: int
    """What an ordinary user can still write; the blocks reserved for root are not in it."""
    percent: float
    """Used over used and free, as `df` computes it; above 100 when a budget is overdrawn."""
    label: str = ""
    """Whose figure it is when it is not the file system's own: `quota of the drill`."""
    reserved: int = 0
    """Free bytes that only root may use."""
    inodes_percent: float | None = None
    """Inodes used, in percent; None where the file system does not count them."""
    read_only: bool = False
    device: int = 0
    """`st_dev` of the file system; 0 for a budget."""

    @property
    def obstacles(self) -> list[str]:
        """What keeps files from being written although there may be space."""
        found = ["read only"] if self.read_only else []
        if self.inodes_percent is not None and self.inodes_percent >= max(90.0, self.percent):
            found.append(f"inodes {percent(self.inodes_percent)}")
        return found

    def after(self, added: int) -> float:
        """The percentage once `added` more bytes are used (negative: freed)."""
        usable = self.used + self.free
        return 100.0 * (self.used + added) / usable if usable else 100.0


def budgets_of(runbook: Runbook) -> tuple[Budget, ...]:
    """The budgets of the runbook's disk panel, so that actions and checks judge by what the panel shows."""
    panel = next((panel for panel in runbook.panels if panel.probe == "disk"), None)
    given = panel.with_.get("budgets", ()) if panel is not None else ()
    texts = given.split(",") if isinstance(given, str) else given
    return tuple(Budget.parse(str(text).strip(), runbook.resolve) for text in texts)


def usage(path: Path, budgets: Sequence[Budget] = (), *, nearest: bool = False, limit: float = LIMIT) -> Usage:
    """How full the file system that holds `path` is, or the innermost budget that `path` lies in.

    `nearest` measures at the nearest existing parent when `path` is not there yet. Raises `Failed` when it is not
    there or cannot be read, `OutcomeUnknown` when the file system does not answer within `limit` seconds.
    """

    require_answer(path, limit)

    def look() -> Usage:
        where = path
        while nearest and not where.exists() and where != where.parent:
            where = where.parent
        found = _of_file_system(where)
        budget = _budget_for(where, budgets)
        return found if budget is None else _of_budget(where, budget, found)

    try:
        return within(limit, f"the file system of {path}", look)
    except FileNotFoundError:
        raise Failed(f"{path} is not there", hint="Is it mounted?") from None
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror or error}", hint="Look at it manually") from error


def _of_file_system(path: Path) -> Usage:
    import psutil

    space = psutil.disk_usage(str(path))
    found = os.statvfs(path)
    inodes = None
    if found.f_files:
        taken = found.f_files - found.f_ffree
        inodes = 100.0 * taken / (taken + found.f_favail) if taken + found.f_favail else 100.0
    return Usage(
        path=path,
        total=space.total,
        used=space.used,
        free=space.free,
        percent=_percent(space.used, space.free),
        reserved=space.total - space.used - space.free,
        inodes_percent=inodes,
        read_only=bool(found.f_flag & os.ST_RDONLY),
        device=path.stat().st_dev,
    )


def _of_budget(path: Path, budget: Budget, real: Usage) -> Usage:
    used = sum(size for _, size in files_below(budget.path))
    free = max(0, min(budget.total - used, real.free))
    percent = 100.0 * used / budget.total
    return Usage(path, budget.total, used, free, percent, budget.label, 0, real.inodes_percent, real.read_only)


def _percent(used: int, free: int) -> float:
    """As `df` has it, with a full disk never rounded down by the reserve that only root can use."""
    return 100.0 * used / (used + free) if used + free else (100.0 if used else 0.0)


def _budget_for(path: Path, budgets: Sequence[Budget]) -> Budget | None:
    inside = [budget for budget in budgets if path == budget.path or budget.path in path.parents]
    return max(inside, key=lambda budget: len(budget.path.parts), default=None)


def files_below(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every regular file below `folder` with its length in bytes, each hard-linked file once.

    Links are not followed, other file systems are not entered, and what vanishes meanwhile is left out.
    """
    seen: set[int] = set()
    mounted = frozenset(str(point) for point in read_mounts())
    try:
        device = folder.stat().st_dev
    except OSError:
        return
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.path in mounted:
                        continue
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    if found.st_dev != device:
                        continue
                    if stat.S_ISDIR(found.st_mode):
                        waiting.append(Path(entry.path))
                    elif stat.S_ISREG(found.st_mode) and not (found.st_nlink > 1 and found.st_ino in seen):
                        seen.add(found.st_ino)
                        yield Path(entry.path), found.st_size
        except OSError:
            continue
