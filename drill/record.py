"""The record of a drill: what was made for it and who looks after it, kept outside of what is torn down.

Every drill of one user is a record `ID.json` in one folder, so that any later process can find it, take it over or
remove its remains. The record is written before the thing it names is made, and goes last.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from midwatch.errors import BadInput
from midwatch.process import Process

DRILLS = "MIDWATCH_DRILLS"
"""Environment variable: the folder for drills, where another than the one for temporary files is wanted."""


@dataclass(slots=True)
class Record:
    """One drill. `save` makes every change permanent."""

    file: Path
    scenario: str
    folder: str
    """The production's folder; removed whole."""
    den: str = ""
    """Where the servers live: the folder itself, or one of its own where the servers' user can reach it."""
    mount: str = ""
    """Where a file system is mounted; empty when a quota stands in for it."""
    clusters: list[str] = field(default_factory=list)
    """Data directories of the servers."""
    engine: str = ""
    """Address of the Docker engine that runs the servers; empty when none does."""
    label: str = ""
    """`KEY=VALUE` that everything of this drill on that engine carries, and nothing else; removed with the drill."""
    linger: float = 0.0
    """Seconds that the production outlives its owner."""
    ready: bool = False
    owner: Process | None = None
    janitor: Process | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    """What `Production` is made of."""

    @property
    def lock(self) -> Path:
        return self.file.with_suffix(".lock")

    @property
    def looked_after(self) -> bool:
        """Whether a living process will tear it down."""
        return any(process is not None and process.alive for process in (self.owner, self.janitor))

    def save(self) -> None:
        """Write it, whole or not at all."""
        data = asdict(self) | {"file": str(self.file)}
        for name in ("owner", "janitor"):
            process: Process | None = getattr(self, name)
            data[name] = process.to_json() if process else None
        partial = self.file.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(data, indent=1))
        partial.replace(self.file)

    @classmethod
    def load(cls, file: Path) -> Self | None:
        """Read it; None when it is gone, or is none that this version wrote."""
        try:
            data = json.loads(file.read_text())
            values = {item.name: data[item.name] for item in fields(cls) if item.name in data}
            for name in ("owner", "janitor"):
                values[name] = Process.from_json(data[name]) if data.get(name) else None
            return cls(**values | {"file": file})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from changing or tearing down this drill meanwhile."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield


def drills_folder() -> Path:
    """The folder of this user's drills, whether it is there or not."""
    given = os.environ.get(DRILLS)
    return Path(given).absolute() if given else Path(tempfile.gettempdir()).absolute() / f"midwatch-drill-{os.geteuid()}"


def make_drills_folder() -> Path:
    """Make the folder of this user's drills. Raises `BadInput` when it cannot be made or is not safe to use."""
    folder = drills_folder()
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            folder.chmod(0o711)  # the servers' user passes through, and cannot list it
        found = folder.lstat()
    except OSError as error:
        raise BadInput(f"The folder for drills cannot be made: {error}", hint=f"Set {DRILLS} to another folder") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise BadInput(
            f"{folder} is not a folder that only you may write to", hint=f"Remove it, or set {DRILLS} to another folder"
        )
    return folder


def new_record(scenario: str, folder: Path | None, linger: float) -> Record:
    """A record, saved, for a drill that is about to be built by this process; its folder is not made yet."""
    while True:
        name = secrets.token_hex(3)
        drills = make_drills_folder()
        file = drills / f"{name}.json"
        where = folder.absolute() if folder is not None else drills / name
        record = Record(file, scenario, str(where), linger=linger, owner=Process.current())
        with contextlib.suppress(FileExistsError, FileNotFoundError):  # the name is taken; the drills' folder just went
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            record.save()
            return record


def records() -> list[Record]:
    """Every drill of this user that was not torn down, oldest first."""
    found = []
    for file in sorted(drills_folder().glob("*.json"), key=_age):
        record = Record.load(file)
        if record is not None:
            found.append(record)
    return found


def _age(file: Path) -> float:
    try:
        return file.stat().st_ctime
    except OSError:
        return 0.0
