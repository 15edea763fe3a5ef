"""The action `diagnose-disk`: reports the largest consumers of disk space."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.runbook.model import Risk
from midwatch.runbook.targets import Target, TargetKind
from midwatch.system.errors import Failed, MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.units import counted, percent, size
from probes.containers.client import STOPPED, NoEngine, engine, root_here
from probes.containers.command import run_in
from probes.containers.space import Thing, docker_targets, log_of, space
from probes.disk import short_name
from probes.postgres.activity import read_activity
from probes.storage.balance import Searched, balances
from probes.storage.disk_usage import budgets_of, usage
from probes.storage.largest_entries import LargestEntries, largest_entries
from probes.storage.open_deleted_files import OpenDeletedFile, open_deleted_files

if TYPE_CHECKING:
    from docker import DockerClient

SHOWN = 3
"""Logs of containers that are named."""
LEFT_BEHIND_BYTES = 100_000_000
"""The engine's own files take less."""
ROOMY = 60.0
"""Percent below which a file system is not the culprit, and searching it would only cost time."""


@dataclass(frozen=True)
class DiagnoseDisk(Action):
    """Says what fills the disks: file systems, largest folders and files, deleted files still open, Docker by kind.

    A balance for each file system says how much of the used space was found, and how much was not and where it can lie.
    A file system with more than 40 % free is not searched unless `paths` names it.

    With `target` in a container, also what `df` says inside it, which is the host's file system seen from there; and
    how large its database is, by SQL.
    Container logs are counted, which `docker system df` leaves out. Each part has a limit of time and fails alone:
    what could not be looked at is said. Fails only when no file system could be read.
    """

    name: ClassVar[str] = "diagnose-disk"
    summary: ClassVar[str] = "Find out what fills the disks"
    risk: ClassVar[Risk] = Risk.OBSERVE
    outputs: ClassVar[tuple[str, ...] | None] = (
        "percent", "largest", "deleted_open", "unexplained", "docker_unused", "database",
    )  # fmt: skip

    target: Target | None = param("a database whose container is looked into as well", default=None)
    paths: tuple[Path, ...] = param("folders to look at; those of the disk panel when left out", default=())

    def plan(self, context: Context) -> Plan:
        """List the folders and services to inspect."""
        draft = self.draft()
        for path in self._paths(context):
            draft.add(Verb.READ, f"names and sizes below {path}")
        draft.add(Verb.READ, "open files of running processes")
        if docker_targets(context.runbook):
            draft.add(Verb.READ, "Docker: images, containers, volumes, build cache and their sizes")
        if self.target is not None and self.target.kind is TargetKind.DOCKER:
            draft.add(Verb.READ, f"df -h and df -i inside the container {self.target.container}")
        if self.target is not None:
            draft.add(Verb.READ, f"the size of the database {self.target.database}, by SQL")
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Measure each part and report the largest consumers."""
        values: dict[str, str] = {}
        searched: list[Searched] = []
        told = [self._file_system(path, context, values, searched) for path in self._paths(context)]
        deleted = self._deleted(context, values)
        for balance in balances(searched, deleted):
            values.setdefault("unexplained", str(balance.unexplained))
            for count, text in balance.lines():
                context.console.say(f"  {size(count):>8}  {safe_text(text)}")
        self._docker(context, values, searched)
        if self.target is not None:
            self._database(self.target, context, values)
        if not values.get("percent"):
            raise Failed(f"No file system could be read: {'; '.join(told)}", hint="Name the folders with --paths")
        return Outcome(True, "; ".join(told), values)

    def _paths(self, context: Context) -> tuple[Path, ...]:
        if self.paths:
            return self.paths
        panel = next((panel for panel in context.runbook.panels if panel.probe == "disk"), None)
        given = panel.with_.get("paths", ()) if panel is not None else ()
        texts = given.split(",") if isinstance(given, str) else given
        return tuple(context.runbook.resolve(str(text).strip()) for text in texts) or (context.runbook.base,)

    def _file_system(self, path: Path, context: Context, values: dict[str, str], searched: list[Searched]) -> str:
        """Report one file system, and search it where it is full. Returns its part of the summary."""
        say, name = context.console.say, short_name(path, context.runbook)
        try:
            found = usage(path, budgets_of(context.runbook))
        except MidwatchError as error:
            say(f"{name}: {error}")
            return f"{name} could not be read"
        label = f" ({found.label})" if found.label else ""
        say(f"{name}: {percent(found.percent)} full, {size(found.free)} free of {size(found.total)}{label}")
        if found.inodes_percent is not None:
            say(f"  inodes {percent(found.inodes_percent)} used")
        if found.read_only:
            say("  read only: nothing can be written, whatever is free")
        values.setdefault("percent", f"{found.percent:.1f}")
        if found.reserved and not found.free:
            say(f"  only root's reserve is left: {size(found.reserved)}")
        summary = ", ".join([f"{name} {percent(found.percent)} full", *found.obstacles])
        if not self.paths and max(found.percent, found.inodes_percent or 0.0) < ROOMY:
            say("  there is room, so it is not searched; name it with --paths to have it searched")
            return summary
        held = largest_entries(path)
        searched.append(Searched(path, found, held))
        return summary + self._largest(
            path, held, context, values, by_entries=(found.inodes_percent or 0.0) > found.percent
        )

    def _largest(
        self, path: Path, held: LargestEntries, context: Context, values: dict[str, str], *, by_entries: bool
    ) -> str:
        """Report what was found below a path. Returns where most of it lies, for the summary."""
        say = context.console.say
        about = "" if held.complete else " at least"
        folders = held.crowded if by_entries else held.folders
        for one in folders:
            name = safe_text(str(one.path.relative_to(path)))
            say(f"  {size(one.size):>8}{about} in {counted(one.entries, 'file')}  {name}/")
        for inner, count in held.files[:5]:
            say(f"  {size(count):>8}  {safe_text(str(inner.relative_to(path)))}")
        for mount in held.skipped:
            say(f"  not looked at, since it may not answer: {safe_text(mount)}")
        if held.stuck:
            say(f"  {safe_text(held.stuck)} does not answer; what was found until then is above")
        if not held.complete:
            say("  not everything could be looked at in time or with these rights; the figures are lower bounds")
        largest = folders[0].path if folders else held.files[0][0] if held.files else None
        if largest is None:
            return ""
        values.setdefault("largest", str(largest))
        what = (
            f"{folders[0].entries} files"
            if by_entries and folders
            else size(folders[0].size if folders else held.files[0][1])
        )
        return f", most of it in {safe_text(str(largest.relative_to(path)))} ({what})"

    def _deleted(self, context: Context, values: dict[str, str]) -> list[OpenDeletedFile]:
        held, complete = open_deleted_files()
        total = sum(item.size for item in held)
        values["deleted_open"] = str(total)
        limited = "" if complete else " (of the processes that may be looked at)"
        context.console.say(f"Deleted files still open{limited}: {size(total)}")
        names = _container_names() if any(item.container for item in held[:5]) else {}
        for item in held[:5]:
            inside = f" in the container {names.get(item.container, item.container[:12])}" if item.container else ""
            context.console.say(
                f"  {size(item.size):>8}  {safe_text(f'{item.path}, held by {item.process} ({item.pid}){inside}')}"
            )
        return held

    def _database(self, target: Target, context: Context, values: dict[str, str]) -> None:
        """What no `df` can say."""
        say = context.console.say
        if target.kind is TargetKind.LOCAL:
            say(f"{target.name} runs in no container: the file systems above are the ones it sees")
        try:
            held = read_activity(context.runbook, target).size
        except MidwatchError as error:
            say(f"How large the database {target.database} is, only the server knows: {error}")
            return
        values["database"] = str(held)
        say(f"The database {target.database} takes {size(held)}, by its own count")

    def _container_logs(
        self, client: DockerClient, containers: Sequence[Thing], root: Path | None, say: Callable[[str], None]
    ) -> int:
        """Report the logs of containers. Returns the bytes of those that could be measured."""
        logs = [(log_of(client, thing.id, root), safe_text(thing.name)) for thing in containers]
        for log, name in sorted(logs, key=lambda item: item[0].size, reverse=True)[:SHOWN]:
            if log.size:
                say(f"  {size(log.size):>8}  log of {name}, which docker system df leaves out")
        unknown = [f"{name}: {safe_text(log.unknown)}" for log, name in logs if log.unknown]
        for text in unknown[:SHOWN]:
            say(f"  not measured  log of {text}")
        if len(unknown) > SHOWN:
            say(f"  not measured  logs of {len(unknown) - SHOWN} more containers")
        return sum(log.size for log, _ in logs)

    def _left_behind(
        self, root: Path | None, accounted: int, searched: Sequence[Searched], say: Callable[[str], None]
    ) -> None:
        """Report what lies in the engine's folder and belongs to nothing that it lists, on a file system that was
        searched."""
        if root is None or usage(root).device not in {one.usage.device for one in searched}:
            return
        rest = largest_entries(root).total - accounted
        if rest >= LEFT_BEHIND_BYTES:
            say(f"  {size(rest):>8}  more lie below {root} and belong to nothing that Docker lists: layers left behind")

    def _docker(self, context: Context, values: dict[str, str], searched: Sequence[Searched]) -> None:
        say = context.console.say
        try:
            with engine(60) as client:
                held = space(client)
                say(
                    f"Docker: {size(held.total)}, of which {size(held.unused)} are images and build cache that "
                    "nothing uses"
                )
                kinds = (("images", held.images), ("containers", held.containers), ("volumes", held.volumes))
                for kind, things in (*kinds, ("build cache records", held.cache)):
                    spare = [thing for thing in things if thing.unused or thing.attrs.get("State") in STOPPED]
                    count = sum(thing.size for thing in things) if kind != "images" else held.layers
                    word = "stopped" if kind == "containers" else "unused"
                    could = f"{size(sum(thing.size for thing in spare))} could be reclaimed"
                    name = kind[:-1] if len(things) == 1 else kind
                    say(f"  {size(count):>8}  {len(things)} {name}, {len(spare)} {word}: {could}")
                root = root_here(client)
                logs = self._container_logs(client, held.containers, root, say)
                self._left_behind(root, held.total + logs, searched, say)
                values["docker_unused"] = str(held.unused)
                if self.target is not None and self.target.kind is TargetKind.DOCKER:
                    for option, what in (("-h", "space"), ("-i", "inodes")):
                        said = run_in(client, self.target.container, "df", option)
                        seen = "its file systems are the host's, seen from there"
                        say(f"df {option} inside {self.target.container} ({what}; {seen}):")
                        for line in (said.out + said.err).splitlines():
                            say(f"  {safe_text(line)}")
        except NoEngine:
            say("Docker: no engine here")
        except MidwatchError as error:
            say(f"Docker: {error}")


def _container_names() -> dict[str, str]:
    """Id → name of the running containers; empty where the engine does not answer."""
    with contextlib.suppress(MidwatchError), engine() as client:
        return {one["Id"]: one["Names"][0].lstrip("/") for one in client.api.containers()}
    return {}
