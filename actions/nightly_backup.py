"""The action `nightly-backup`: one set of all databases, validated, with checksums; never a partial set."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from actions.deep_validation import RESTORED, ScratchRestore
from actions.dump_stream import dump
from actions.globals_dump import dump_globals, globals_name
from actions.places.choice import shown
from actions.plan_log import FAILURE, FINISHED, NIGHTLY, STARTED, log, reason_of
from actions.validation import validate
from midwatch.action import Action, Context, Outcome
from midwatch.clock import iso, stamp
from midwatch.errors import Failed, MidwatchError, Refused
from midwatch.parameters import param
from midwatch.plan import Plan, Risk, Verb
from midwatch.runbook.model import Runbook, Target
from midwatch.units import Percent, percent, size
from probes.catalogue import PARTIAL, backups_of
from probes.checksums import LIST
from probes.disk_usage import budgets_of, usage
from probes.manifest import Manifest
from probes.postgres.activity import look
from probes.postgres.routes import login_route, password_file
from probes.postgres.tools import find_tools

SIDE_BY_SIDE = 2
_RATIO = 0.45


@dataclass(frozen=True)
class NightlyBackup(Action):
    """Backs up every target (or those named) into one set `backups/prod/<timestamp>/`, as the nightly job does.

    It logs in as the applications' users, with the bastion's `.pgpass`. The set is built under another name, with the roles
    of each server beside its dump. Each dump is validated to depth 4, `checksums.sha256` is written so that `sha256sum -c`
    takes it, and only then the set gets its name. Any failure leaves no set. Two never run at once. Refuses on a disk that
    is fuller than `unsafe`. A dump less than half as large as the last is warned of, and restored for a look.
    `logs/backup.log` has the plan's lines. Earlier sets are never touched: `clean-backups` does that.
    """

    name: ClassVar[str] = "nightly-backup"
    summary: ClassVar[str] = "Run the nightly backup of all databases now"
    risk: ClassVar[Risk] = Risk.CHANGE

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())
    digests: bool = param("take a digest of each table's rows too, for a validation by restore", default=False)
    unsafe: Percent = param("how full the disk may be", default=Percent(95))

    def plan(self, context: Context) -> Plan:
        draft, place = self.draft(), context.place("backups")
        wanted, expected = self._wanted(context.runbook), 0
        problems = []
        for target in wanted:
            try:
                found = look(context.runbook, target)
            except MidwatchError as error:
                problems.append(f"Unable to connect to {target.name}: {reason_of(error)}")
                continue
            bytes_expected = _expected(context.runbook, target, found.size)
            expected += bytes_expected
            note = f"an estimate; PostgreSQL {found.version}"
            folder = shown(context.runbook, place / "<timestamp>")
            draft.add(
                Verb.CREATE,
                f"{folder}/{_name(target)}",
                size=bytes_expected,
                note=note,
                identity=f"nightly {target.name}",
            )
            draft.add(
                Verb.CREATE,
                f"{folder}/{globals_name(target.database)}",
                note="its server's roles, without passwords",
                identity=f"nightly roles {target.name}",
            )
        draft.add(Verb.KEEP, "every earlier set")
        disk = usage(place, budgets_of(context.runbook), nearest=True)
        draft.fact("disk", f"{percent(disk.percent)} → {percent(disk.after(expected))}, {size(disk.free)} free")
        if disk.percent >= self.unsafe:
            problems.append(_unsafe(disk.percent))
        elif disk.after(expected) >= self.unsafe:
            problems.append(f"The disk would be {percent(disk.after(expected))} full: unsafe for backup")
        draft.refusal = "; ".join(problems)
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        place, began = context.place("backups"), context.clock.now()
        final, partial = place / stamp(began), place / f".{stamp(began)}{PARTIAL}"
        log(context, NIGHTLY, STARTED)
        try:
            with _alone(place):
                self._check_disk(context, place)
                partial.mkdir(mode=0o700)
                try:
                    done = self._dump_all(context, partial)
                    _write_list(partial, done)
                    smaller = [target.label for one in done if (target := _smaller(context, partial, one)) is not None]
                    if final.exists():
                        raise Failed(f"The set {final.name} is there already", hint="Run it again")
                    partial.rename(final)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
        except (MidwatchError, OSError) as error:
            sentence = error.sentence if isinstance(error, MidwatchError) else error.strerror or str(error)
            if not sentence.startswith("[ERROR]"):
                log(context, NIGHTLY, f"[ERROR] {sentence}")
            log(context, NIGHTLY, FAILURE)
            if isinstance(error, OSError):
                raise Failed(f"The nightly backup failed: {sentence}", hint=f"Look at {place}") from error
            raise
        for one in done:
            log(context, NIGHTLY, f"[OK] Backup saved: backups/prod/{final.name}/{one.database} ({size(one.bytes)})")
        log(context, NIGHTLY, f"{FINISHED}: {len(done)} databases")
        total = sum(one.bytes for one in done)
        summary = f"{final.name}: {len(done)} databases with their roles, {size(total)}, validated"
        values = {"set": str(final)}
        if smaller:
            summary += f"; less than half of the last: {', '.join(smaller)}"
            values["smaller"] = ", ".join(smaller)
        return Outcome(True, summary, values)

    def verify(self, context: Context, since: datetime) -> Outcome:
        """A set gets its name last of all, so one that has it and began since then is whole."""
        missing = [
            target.label
            for target in self._wanted(context.runbook)
            if not any(not one.emergency and one.good and one.started >= since for one in backups_of(context.runbook, target))
        ]
        if missing:
            return Outcome(False, f"No set has been published since {iso(since)} with {', '.join(missing)}")
        return Outcome(True, "A validated set of every database has been published since")

    def _wanted(self, runbook: Runbook) -> tuple[Target, ...]:
        wanted = self.targets or tuple(runbook.targets.values())
        if not wanted:
            raise Refused("The runbook names no targets", hint="Name them under 'targets:'")
        return wanted

    def _check_disk(self, context: Context, place: Path) -> None:
        full = usage(place, budgets_of(context.runbook)).percent
        if full >= self.unsafe:
            raise Failed(_unsafe(full), hint="Clean up first: midwatch action clean-backups")

    def _dump_all(self, context: Context, folder: Path) -> list[Manifest]:
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="dump") as pool:
            futures = [
                pool.submit(_dump_one, context, target, folder, self.digests) for target in self._wanted(context.runbook)
            ]
            return [future.result() for future in futures]


def _dump_one(context: Context, target: Target, folder: Path, digests: bool) -> Manifest:
    """One database of the set, dumped and validated. Raises `MidwatchError`."""
    from dataclasses import replace

    try:
        found = look(context.runbook, target)
    except MidwatchError as error:
        raise Failed(f"Unable to connect to {target.name}: {reason_of(error)}", hint=error.hint) from error
    route = replace(login_route(context.runbook, target), passfile=str(password_file(context.runbook)))
    tools = find_tools(context.runbook, int(found.version.partition(".")[0]))
    began, file = iso(context.clock.now()), folder / _name(target)
    dumped = dump(route, tools, file, lambda done, total: None, digests=digests)
    roles = dump_globals(route, tools, folder / globals_name(target.database))
    verdict = validate(file, tools.pg_restore, sha256=dumped.sha256, rows=dumped.rows)
    if verdict.problem:
        raise Failed(f"The backup of {target.name} is not good: {verdict.problem}", hint="Run it again")
    ended = iso(context.clock.now())
    manifest = Manifest(
        target=target.name,
        database=target.database,
        started=began,
        ended=ended,
        bytes=dumped.bytes,
        sha256=dumped.sha256,
        unpacked=dumped.unpacked,
        server=found.version,
        tool=str(tools),
        route=str(route),
        lsn=dumped.lsn,
        rows=dumped.rows,
        digests=dumped.digests,
        globals_sha256=roles,
        actor=context.actor,
        incident=context.incident.name if context.incident else "",
        depth=verdict.depth,
        validated=ended,
    )
    manifest.write(file)
    context.console.say(f"{target.label}: {size(dumped.bytes)}, depth {verdict.depth}, its roles beside it")
    return manifest


def _name(target: Target) -> str:
    return f"{target.database}.dump.gz"


def _smaller(context: Context, folder: Path, made: Manifest) -> Target | None:
    """The target of a backup that holds less than half of its last good one; None for others.

    Such a backup is warned of and restored for a look. Raises `Failed` when that finds it bad.
    """
    target = context.runbook.targets[made.target]
    last = next((one.manifest for one in backups_of(context.runbook, target) if one.good and one.manifest), None)
    if last is None or made.unpacked * 2 >= last.unpacked:
        return None
    was = f"{size(last.unpacked)} of {last.started[:16]}Z"
    log(context, NIGHTLY, f"[WARN] The backup of {made.target} holds {size(made.unpacked)}, less than half of the {was}")
    file = folder / _name(target)
    try:
        found = ScratchRestore(context.runbook).run(
            file, made, find_tools(context.runbook, made.tool_major), lambda done, total: None
        )
    except MidwatchError as error:
        log(context, NIGHTLY, f"[WARN] It cannot be restored for a look: {error.sentence}")
        return target
    if found.problem:
        raise Failed(f"The backup of {made.target} is not good: {found.problem}", hint="Look at the database itself")
    made.judged(RESTORED, "", iso(context.clock.now()), found.words).write(file)
    context.console.say(f"{target.label}: depth {RESTORED}, {found.words}")
    return target


def _unsafe(full: float) -> str:
    return f"Disk usage at {percent(full).replace(' ', '')} – unsafe for backup"


def _expected(runbook: Runbook, target: Target, there: int) -> int:
    with contextlib.suppress(OSError):
        for backup in backups_of(runbook, target):
            return backup.size
    return int(there * _RATIO)


def _write_list(folder: Path, done: list[Manifest]) -> None:
    """`checksums.sha256` as `sha256sum -c` reads it, and everything of the set on disk."""
    with (folder / LIST).open("w", encoding="utf-8") as file:
        for one in done:
            file.write(f"{one.sha256}  {one.database}.dump.gz\n{one.globals_sha256}  {globals_name(one.database)}\n")
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold the lock of the nightly job. Raises `Refused` when another one runs."""
    place.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(place / ".nightly.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused("Another nightly backup is running", hint="Wait for it: its output is in logs/backup.log") from None
        yield
    finally:
        os.close(descriptor)
