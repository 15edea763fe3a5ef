"""The production of a drill: built, found again after a crash of the screen, and removed completely."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from drill.reaper import spawn
from drill.scenarios import find
from drill.seed.backup_history import write_history
from drill.seed.docker_seed import seed_docker
from drill.servers.containers import running
from drill.servers.databases import break_bases, make_bases
from drill.servers.runtime_selection import address, choose
from drill.site import answers_of, environment_of, reference_runbook, site_of, write_site
from drill.state import DrillState, mark_folder, new_record, own_trust, records
from drill.teardown import PID_FILE_LIMIT_BYTES, sweep, tear_down
from drill.volume import open_volume
from midwatch.system.errors import BadInput, Failed, MidwatchError
from midwatch.system.process import ProcessIdentity
from midwatch.system.trust import UntrustedFile
from midwatch.system.trusted_files import make_folders, read_regular
from probes.postgres.embedded import Identity, clients, engine_for, programs_of
from probes.storage.disk_usage import usage

SEED = 20261123
LINGER = 1800.0
"""Seconds that a production waits for its operator to come back, unless it is told otherwise."""
NEEDED = 700 << 20
"""Bytes that have to be free where it is built."""
SOCKET_LIMIT = 107
"""Bytes of the longest path of a Unix socket."""


@dataclass(frozen=True, slots=True)
class Production:
    """A throwaway production, and what is needed to work on it."""

    record: DrillState
    folder: Path
    runbook: Path
    """The reference runbook."""
    site: Path
    """The site file that lays this production over it."""
    environment: Mapping[str, str]
    """What a process needs in its environment to work on this production and no other."""

    @property
    def answers(self) -> Path:
        """What a person would decide in the reference drill, for a run without a screen."""
        return answers_of(self.record)

    @property
    def in_docker(self) -> bool:
        """Whether its servers run in containers."""
        return bool(self.record.engine)

    @property
    def scenario(self) -> str:
        """The name of the scenario that it was built for."""
        return self.record.scenario

    @property
    def owned(self) -> bool:
        """Whether this process owns it: the one that should tear it down."""
        current = DrillState.load(self.record.file)
        return current is not None and current.owner == ProcessIdentity.current()

    def alive(self) -> bool:
        """Whether it is still there and all three servers run."""
        if DrillState.load(self.record.file) is None or not self.site.exists():
            return False
        if self.in_docker:
            return running(self.record)
        return all(_postmaster(cluster) for cluster in self.record.clusters)

    def take_over(self) -> bool:
        """Become its owner if its owner is gone. True when this process owns it now."""
        with self.record.held():
            current = DrillState.load(self.record.file)
            if current is None:
                return False
            if current.owner is None or not current.owner.alive:
                current.owner = ProcessIdentity.current()
                if current.reaper is None or not current.reaper.alive:
                    current.reaper = spawn(current)
                current.save()
            return current.owner == ProcessIdentity.current()

    def tear_down(self) -> None:
        """Remove processes, containers, mount and files. Harmless the second time. Raises `Failed` naming what is
        left."""
        tear_down(self.record)


def build(
    scenario: str = "reference",
    *,
    folder: Path | None = None,
    seed: int = SEED,
    linger: float | None = None,
    docker: bool | None = False,
    say: Callable[[str], None] = lambda text: None,
) -> Production:
    """Build a production that this process owns; whatever goes wrong, nothing of it is left.

    `folder` must be missing or empty. After the owner's end it stays for `linger` seconds (default: half an hour), so
    that a screen that was killed can come back to it. `docker`: whether its servers run in containers, None for where
    they can. Raises `BadInput`, `Refused` and `Failed`.
    """
    chosen = find(scenario)
    try:
        for gone in sweep():
            say(f"Removed the remains of an earlier drill: {gone}")
    except BadInput:  # the folder of the drills is not ours
        raise
    except MidwatchError as error:
        say(str(error))
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} is not an empty folder", hint="Name a new one: it is removed with all that is in it")
    contained = choose(docker, say)
    record = new_record(chosen.name, folder, LINGER if linger is None else linger, address() if contained else "")
    try:
        record.reaper = spawn(record)
        record.save()
        where = Path(record.folder)
        _make_own(where, record)
        _require_room(where)
        den = where if contained else _make_server_directory(record, where)
        engine = clients() if contained else engine_for(den)
        bases = make_bases(engine, den, record, seed, say)
        volume = open_volume(where / "backups", say)
        write_history(where, volume.path, bases, engine, chosen, say)
        break_bases(engine, bases, chosen)
        if contained:
            seed_docker(record)
        budget = volume.fit(chosen.percent)
        write_site(record, bases, engine, chosen, budget)
        record.ready = True
        record.save()
    except BaseException as error:
        with contextlib.suppress(MidwatchError):  # what is left is the reaper's, or the next sweep's
            tear_down(record)
        if isinstance(error, OSError):
            raise Failed(f"The drill cannot be built: {error}", hint="Is the disk full here too?") from error
        raise
    say("The production is ready")
    return _production(record)


def find_open() -> Production | None:
    """The newest production of this user that is ready and looked after, or None. Raises `BadInput` as `survey` does.

    If its owner is gone, this process becomes its owner, so that it is not taken down under the operator's hands.
    """
    for record in reversed(records()):
        if record.ready and record.looked_after:
            production = _production(record)
            production.take_over()
            if production.alive():
                return production
    return None


def _production(record: DrillState) -> Production:
    folder = Path(record.folder)
    programs = str(programs_of(Path(record.server_directory or folder)))
    environment = environment_of(record) | {"PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])}
    return Production(record, folder, reference_runbook(), site_of(record), MappingProxyType(environment))


def _make_own(folder: Path, record: DrillState) -> None:
    """Make the production's folder and mark it as this drill's. Raises `BadInput` where others could change it."""
    try:
        make_folders(folder, mode=0o700, trust=own_trust())
        mark_folder(folder, record)
    except UntrustedFile as error:
        raise BadInput(error.sentence, hint="Name a folder that only you may write to") from error


def _make_server_directory(record: DrillState, folder: Path) -> Path:
    """A folder for the servers that their user can reach and whose sockets have a path short enough."""
    identity = Identity.choose()
    if identity.switch:
        os.chown(folder, 0, identity.gid)
        folder.chmod(0o710)  # the servers' user passes through; nobody else looks in
    longest = len(os.fsencode(folder / "run" / ".s.PGSQL.65535.lock"))
    if longest <= SOCKET_LIMIT and identity.can_reach(folder):
        record.server_directory = str(folder)
    else:
        den = Path(tempfile.gettempdir()).absolute() / f"mw-{record.file.stem}"
        record.server_directory = str(den)
        record.save()
        den.mkdir(mode=0o700)
        mark_folder(den, record)
        if identity.switch:
            os.chown(den, 0, identity.gid)
            den.chmod(0o710)
        if not identity.can_reach(den):
            raise BadInput(
                f"{den} cannot be reached by the user that runs the servers", hint="Set TMPDIR to a folder like /tmp"
            )
    record.save()
    return Path(record.server_directory)


def _require_room(folder: Path) -> None:
    free = usage(folder).free
    if free < NEEDED:
        raise Failed(
            f"The drill needs {NEEDED >> 20} MiB, and {folder} has {free >> 20} MiB free",
            hint="Set MIDWATCH_DRILLS to a folder with more room",
        )


def _postmaster(cluster: Path) -> bool:
    try:
        pid = int(read_regular(cluster / "postmaster.pid", limit_bytes=PID_FILE_LIMIT_BYTES).split(b"\n", 1)[0])
    except (OSError, ValueError, Failed):
        return False
    return ProcessIdentity.of(pid) is not None
