"""The record of a drill: what was made for it and who looks after it, kept outside of what is torn down.

Every drill of one user is a record `ID.json` in one folder, so that any later process can find it, take it over or
remove its remains. The record is written before the thing it names is made, and goes last.

Root reads these records and removes what they name, and the folder may lie in `/tmp`. A record is therefore believed
only when this user made the folder and the record. It names two paths, the production's folder and that of its servers:
each lies where the id of the record says, or holds a marker with that id. Every other path, the label and the programs
follow from these.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from drill.scenarios import find
from midwatch.system.errors import BadInput, Failed, MidwatchError
from midwatch.system.file_locks import locked_file
from midwatch.system.mounts import require_answer
from midwatch.system.process import ProcessIdentity
from midwatch.system.trust import Trust, UntrustedFile
from midwatch.system.trusted_files import atomic_write, create_exclusive, make_folders, open_folder, read_trusted

DRILLS = "MIDWATCH_DRILLS"
"""Environment variable: the folder for drills, where another than the one for temporary files is wanted."""
SOCKET = "unix:///var/run/docker.sock"
"""Address of the Docker engine where `DOCKER_HOST` names none."""
LABEL_KEY = "midwatch.drill"
"""Key of the label of everything that a drill makes on an engine; its value is one drill's own."""
SERVER_NAMES = ("otc", "gps", "arp")
MARKER = ".midwatch-drill"
"""Name of the file that holds the id of the drill that a folder belongs to."""
_LIMIT_BYTES = 64 * 1024
_LINGER_LIMIT_S = 366 * 86400.0


@dataclass(slots=True)
class DrillState:
    """One drill. `save` makes every change permanent."""

    file: Path
    scenario: str
    folder: str
    """The production's folder; removed whole."""
    server_directory: str = ""
    """Where the servers live: the folder itself, or one of its own where the servers' user can reach it."""
    engine: str = ""
    """Address of the Docker engine that runs the servers; empty when none does."""
    linger: float = 0.0
    """Seconds that the production outlives its owner."""
    ready: bool = False
    owner: ProcessIdentity | None = None
    reaper: ProcessIdentity | None = None

    @property
    def id(self) -> str:
        """Of this drill and no other."""
        return self.file.stem

    @property
    def lock(self) -> Path:
        """The path of the lock file beside the state file."""
        return self.file.with_suffix(".lock")

    @property
    def label(self) -> str:
        """`KEY=VALUE` that everything of this drill on its engine carries, and nothing else; removed with the drill."""
        return f"{LABEL_KEY}={self.id}" if self.engine else ""

    @property
    def mount(self) -> Path:
        """Where a file system is mounted, if this machine allows a mount."""
        return Path(self.folder) / "backups"

    @property
    def clusters(self) -> list[Path]:
        """Data directories of the servers; none when they run in containers."""
        return (
            []
            if self.engine or not self.server_directory
            else [Path(self.server_directory) / "servers" / name for name in SERVER_NAMES]
        )

    @property
    def looked_after(self) -> bool:
        """Whether a living process will tear it down."""
        return any(process is not None and process.alive for process in (self.owner, self.reaper))

    def save(self) -> None:
        """Write it, whole or not at all."""
        data = asdict(self)
        del data["file"]
        atomic_write(self.file, json.dumps(data, indent=1).encode(), mode=0o600, trust=own_trust())

    @classmethod
    def load(cls, file: Path) -> Self | None:
        """Read and check it; None when it is gone. Raises `UntrustedFile` and `Failed` for one that is not believed."""
        try:
            content = read_trusted(file, own_trust(), limit_bytes=_LIMIT_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failed(f"The drill's record {file} cannot be read: {error.strerror}") from error
        try:
            record = cls(file, **_values(json.loads(content)))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, BadInput):
            hint = "Another version of Midwatch may have written it; end that drill manually and remove the record"
            raise Failed(f"{file} is not a drill's record, and nothing that it names was touched", hint=hint) from None
        record._require_own()
        return record

    def _require_own(self) -> None:
        """Raise `Failed` unless everything that the record names is something that this very drill can have made."""
        if self.engine and self.engine not in (os.environ.get("DOCKER_HOST"), SOCKET):
            hint = f"If that engine is yours: DOCKER_HOST={self.engine} midwatch drill --clean"
            raise Failed(f"{self.file} names the Docker engine {self.engine}, and yours is another", hint=hint)
        require_own_folder(Path(self.folder), self)
        if self.server_directory not in ("", self.folder):
            require_own_folder(Path(self.server_directory), self)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from changing or tearing down this drill meanwhile. Raises `UntrustedFile`."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(FileNotFoundError):
                stack.enter_context(locked_file(self.lock, own_trust()))
            yield


def _values(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record, each of its own type. Raises what a wrong one raises."""
    values = {item.name: data[item.name] for item in fields(DrillState) if item.name != "file"}
    texts = [values[name] for name in ("scenario", "folder", "server_directory", "engine")]
    linger, ready = float(values["linger"]), values["ready"]
    if not all(isinstance(text, str) for text in texts) or not isinstance(ready, bool):
        raise TypeError
    if not math.isfinite(linger) or not 0.0 <= linger <= _LINGER_LIMIT_S:
        raise ValueError
    find(values["scenario"])
    for name in ("owner", "reaper"):
        values[name] = ProcessIdentity.from_json(values[name]) if values[name] is not None else None
    return values | {"linger": linger}


def own_trust() -> Trust:
    """Whose drills this process believes: its own user's."""
    return Trust.of(os.geteuid())


def mark_folder(folder: Path, record: DrillState) -> None:
    """Write the marker that makes an empty folder this drill's. Raises `UntrustedFile` and `OSError`."""
    descriptor = create_exclusive(folder / MARKER, mode=0o600, trust=own_trust())
    try:
        os.write(descriptor, record.id.encode())
    finally:
        os.close(descriptor)


def require_own_folder(folder: Path, record: DrillState) -> None:
    """Raise `Failed` unless this folder is missing, empty, or was made by this very drill."""
    if not folder.is_absolute() or ".." in folder.parts:
        raise Failed(
            f"{record.file} names {folder}, which no drill has made; nothing was removed", hint="Remove the record"
        )
    try:
        os.close(open_folder(folder, own_trust()))
        if folder == record.file.parent / record.id or not any(folder.iterdir()):
            return
        marked = read_trusted(folder / MARKER, own_trust(), limit_bytes=len(record.id)).decode("ascii", "replace")
    except FileNotFoundError:
        if not os.path.lexists(folder):
            return
        marked = ""
    except (OSError, MidwatchError) as error:
        why = error.sentence if isinstance(error, MidwatchError) else error.strerror
        raise Failed(
            f"{record.file} names {folder}, and that is not this drill's: {why}", hint="It was left alone"
        ) from None
    if marked != record.id:
        why = "it does not hold this drill's marker"
        raise Failed(f"{record.file} names {folder}, and that is not this drill's: {why}", hint="It was left alone")


def drills_folder() -> Path:
    """The folder of this user's drills, whether it is there or not."""
    given = os.environ.get(DRILLS)
    return (
        Path(given).absolute() if given else Path(tempfile.gettempdir()).absolute() / f"midwatch-drill-{os.geteuid()}"
    )


def make_drills_folder() -> Path:
    """Make the folder of this user's drills. Raises `BadInput` when it cannot be made or is not safe to use."""
    folder = drills_folder()
    require_answer(folder)
    with _explained():
        make_folders(folder, mode=0o711, trust=own_trust())  # the servers' user passes through, and cannot list it
    return folder


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turns what is wrong with the folder for drills into `BadInput` that says how to have another one."""
    try:
        yield
    except UntrustedFile as error:
        sentence = f"The folder for drills cannot be used: {error.sentence}"
        raise BadInput(sentence, hint=f"Remove it, or set {DRILLS} to another folder") from error
    except OSError as error:
        sentence = f"The folder for drills cannot be made: {error}"
        raise BadInput(sentence, hint=f"Set {DRILLS} to another folder") from error


def new_record(scenario: str, folder: Path | None, linger: float, engine: str = "") -> DrillState:
    """A record, saved, for a drill that is about to be built by this process; its folder is not made yet."""
    while True:
        drills, name = make_drills_folder(), secrets.token_hex(8)
        where = folder.absolute() if folder is not None else drills / name
        record = DrillState(
            drills / f"{name}.json", scenario, str(where), engine=engine, linger=linger, owner=ProcessIdentity.current()
        )
        with contextlib.suppress(FileNotFoundError):  # the drills' folder just went, with the last other drill
            record.save()
            return record


def survey() -> tuple[list[DrillState], list[MidwatchError]]:
    """Every drill of this user that was not torn down, oldest first; and what is wrong with each record that is not
    believed.

    Raises `BadInput` when the folder of the drills is not this user's own: then nothing in it is read.
    """
    folder = drills_folder()
    require_answer(folder)
    try:
        with _explained():
            os.close(open_folder(folder, own_trust()))
    except BadInput as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return [], []
        raise
    found, refused = list[DrillState](), list[MidwatchError]()
    for file in sorted(folder.glob("*.json"), key=_age):
        try:
            record = DrillState.load(file)
        except MidwatchError as error:
            refused.append(error)
        else:
            found += [record] if record is not None else []
    return found, refused


def records() -> list[DrillState]:
    """Every drill of this user that was not torn down, oldest first. Raises `BadInput` as `survey` does."""
    return survey()[0]


def _age(file: Path) -> float:
    try:
        return file.lstat().st_ctime
    except OSError:
        return 0.0
