"""The freeze file: while it exists and has not expired, deployments and migrations are stopped."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from midwatch.system.clock import from_rfc3339
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import Failed, OutcomeUnknown
from midwatch.system.mounts import read_mounts
from midwatch.system.trusted_files import atomic_write, read_regular

_LIMIT_BYTES = 64 * 1024
_MODE = 0o644
"""CI runners and migration scripts of other users read it."""
_FOLDER_MODE = 0o755


@dataclass(frozen=True, slots=True)
class Freeze:
    """Who froze deployments, why, since when and until when. Times are UTC, to the second."""

    who: str
    why: str
    since: datetime
    until: datetime
    incident: str = ""
    enforced_on: tuple[str, ...] = ()
    """The targets whose migration roles it makes read only."""

    def stands(self, now: datetime) -> bool:
        """Whether it is in force: it ends by itself, so that a forgotten freeze does not block for ever."""
        return now < self.until

    def __str__(self) -> str:
        return f"frozen by {self.who} since {_short(self.since)} until {_short(self.until)}: {self.why}"

    def to_bytes(self) -> bytes:
        """JSON with one key a line: `freeze-guard.sh` reads `until_epoch` without a JSON parser."""
        fields = {
            "who": self.who,
            "why": self.why,
            "since": _stamp(self.since),
            "until": _stamp(self.until),
            "until_epoch": int(self.until.timestamp()),
            "incident": self.incident,
            "enforced_on": list(self.enforced_on),
        }
        return (json.dumps(fields, indent=1) + "\n").encode()  # ASCII: a shell on any locale reads it


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def read(path: Path) -> Freeze | None:
    """The freeze in the file; None when there is no file. Raises `OutcomeUnknown` when it cannot be read or
    understood."""
    try:
        if Path(os.path.realpath(path)) in read_mounts():
            reason = "the file itself is a mount, so it keeps the state of the day it was mounted"
            raise OutcomeUnknown(f"{path} tells nothing: {reason}", hint=f"Mount its folder {path.parent} instead")
        data = json.loads(read_regular(path, limit_bytes=_LIMIT_BYTES))
        since, until = from_rfc3339(data["since"]), from_rfc3339(data["until"])
        enforced_on = tuple(str(name) for name in data.get("enforced_on", ()))
        return Freeze(data["who"], data["why"], since, until, data.get("incident", ""), enforced_on)
    except FileNotFoundError:
        return None
    except (OSError, Failed) as error:
        raise _not_understood(
            path, error.sentence if isinstance(error, Failed) else error.strerror or str(error)
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _not_understood(path, "it is not what freeze writes") from error


def _not_understood(path: Path, reason: str) -> OutcomeUnknown:
    hint = "Guards treat it as frozen; inspect it, then freeze again or remove it"
    return OutcomeUnknown(f"{path} cannot be understood: {reason}", hint=hint)


def write(path: Path, freeze: Freeze) -> None:
    """Store the freeze, mode 0644; a guard that reads meanwhile sees the old file or the new one, never half.

    Raises `Failed`.
    """
    try:
        make_missing_folders(path.parent, mode=_FOLDER_MODE)
        atomic_write(path, freeze.to_bytes(), mode=_MODE, trust=None)
    except OSError as error:
        raise Failed(
            f"{path} cannot be written: {error.strerror}", hint="Name another place 'freeze' in the site file"
        ) from error


def remove(path: Path) -> None:
    """Take the freeze away; that there is none is fine. Raises `Failed`."""
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_folder(path.parent)
    except OSError as error:
        raise Failed(f"{path} cannot be removed: {error.strerror}", hint="Remove it manually") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
