"""The action `nightly-backup`: writes one validated set of all databases with checksums; never a partial set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from actions.destinations.destination_choice import shown
from actions.dump.dump_progress import Together, in_unpacked_bytes
from actions.dump.load_limits import LoadParameters, RateLimiter
from actions.dump.nightly_dump import dump_name, dump_one, roles_name, write_list
from actions.dump.previous_dump import far_below_last
from actions.dump.roles_dump import file_stem
from actions.restoring.restore_roles import roles_beside
from actions.restoring.restore_validation import RestoreValidation
from actions.support.bound_servers import bind_servers
from actions.support.folder_identity import folder_identity
from actions.support.plan_log import FAILURE, FINISHED, NIGHTLY, STARTED, log, reason_of
from actions.support.proof_record import keep_proof
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, Verb
from midwatch.runbook.model import Risk, Runbook
from midwatch.runbook.targets import Target
from midwatch.system.clock import file_timestamp, to_rfc3339
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown, Refused, in_words, shortage
from midwatch.system.file_locks import locked_file
from midwatch.system.trusted_files import remove_tree
from midwatch.system.units import Percent, first_few, percent, size
from probes.backup.age_keys import Recipient, chosen
from probes.backup.backup_catalog import PARTIAL, backups_of
from probes.backup.dump_file import DumpFile
from probes.backup.manifest import Manifest
from probes.backup.proof_log import RESTORED
from probes.postgres.activity import read_activity
from probes.postgres.dump_readiness import dump_readiness
from probes.postgres.routes import password_route
from probes.postgres.tools import find_tools
from probes.storage.disk_usage import budgets_of, usage

SIDE_BY_SIDE = 2
_RATIO = 0.45


@dataclass(frozen=True)
class NightlyBackup(LoadParameters, Action):
    """Backs up every target (or those named) into one set `backups/prod/<timestamp>/`, as the nightly job does.

    It logs in as the applications' users, with the bastion's `.pgpass`. The set is built under another name, with the
    roles of each server beside its dump; with `encrypt_to` every file is encrypted, its dump validated in the stream
    before. Each dump is validated to depth 4, `checksums.sha256` is written so that `sha256sum -c` takes it, and only
    then the set gets its name. Any failure leaves no set. Two never run at once. Refuses on a disk that is fuller than
    `unsafe`. A dump less than half as large as the last is warned of, and restored for a look. `logs/backup.log` has
    the plan's lines. Earlier sets are never touched: `clean-backups` does that.
    """

    name: ClassVar[str] = "nightly-backup"
    summary: ClassVar[str] = "Run the nightly backup of all databases now"
    risk: ClassVar[Risk] = Risk.CHANGE
    outputs: ClassVar[tuple[str, ...] | None] = ("set", "smaller")

    targets: tuple[Target, ...] = param("which targets (default: all)", default=())
    digests: bool = param("take a digest of each table's rows too, for a validation by restore", default=False)
    encrypt_to: tuple[str, ...] = param("public keys of age or ssh, or files of them (default: the site's)", default=())
    unsafe: Percent = param("how full the disk may be", default=Percent(95))

    def plan(self, context: Context) -> Plan:
        """Inspect the targets and estimate the size of the set."""
        draft, place = self.draft(), context.location("backups")
        wanted, expected, to_read = self._wanted(context.runbook), 0, 0
        problems, recipients = list[str](), tuple[Recipient, ...]()
        bind_servers(draft, context, wanted)
        draft.bind("destination", folder_identity(place))
        try:
            self.limits.require_known()
            recipients = chosen(context.runbook, self.encrypt_to)
        except MidwatchError as error:
            problems.append(error.sentence)
        for name in sorted({file_stem(target.database) for target in wanted}):
            same = [target.name for target in wanted if file_stem(target.database) == name]
            if len(same) > 1:
                problems.append(f"{' and '.join(same)} both have a database {name}, and a set holds one dump of a name")
        for target in wanted:
            try:
                found = read_activity(context.runbook, target)
                find_tools(context.runbook, int(found.version.partition(".")[0]))
            except Refused as error:
                problems.append(f"{target.name}: {error.sentence}")
                continue
            except MidwatchError as error:
                problems.append(f"Unable to connect to {target.name}: {reason_of(error)}")
                continue
            for obstacle in dump_readiness(password_route(context.runbook, target)).warnings(recipients):
                if obstacle.is_fatal:
                    problems.append(f"{target.name}: {obstacle}")
                else:
                    draft.fact("warning", f"{target.name}: {obstacle}")
            to_read += found.size
            bytes_expected = _expected(context.runbook, target, found.size)
            expected += bytes_expected
            note = f"packed, an estimate; PostgreSQL {found.version}"
            folder = shown(context.runbook, place / "<timestamp>")
            draft.add(
                Verb.CREATE,
                f"{folder}/{dump_name(target.database, recipients)}",
                size=bytes_expected,
                note=note,
                identity=f"nightly {target.name}{_for(recipients)}",
                kind="backup",
            )
            draft.add(
                Verb.CREATE,
                f"{folder}/{roles_name(target.database, recipients)}",
                note="its server's roles, without passwords",
                identity=f"nightly roles {target.name}",
                kind="roles file",
            )
        draft.fact("writes", f"{size(expected)} packed")
        draft.add(Verb.KEEP, "every earlier set")
        if recipients:
            draft.fact(
                "encrypted", f"to {', '.join(map(str, recipients))}; who has none of their private keys cannot read it"
            )
        disk = usage(place, budgets_of(context.runbook), nearest=True)
        draft.fact("disk", f"{percent(disk.percent)} → {percent(disk.after(expected))}, {size(disk.free)} free")
        self.limits.add_facts(draft, to_read, min(SIDE_BY_SIDE, len(wanted)))
        if disk.percent >= self.unsafe:
            problems.append(_unsafe(disk.percent))
        elif disk.after(expected) >= self.unsafe:
            problems.append(f"The disk would be {percent(disk.after(expected))} full: unsafe for backup")
        draft.refusal = first_few(problems, 5, "; ")
        return draft.plan()

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Dump and validate every target, then give the complete set its name."""
        place, began = context.location("backups"), context.clock.now()
        final, partial = place / file_timestamp(began), place / f".{file_timestamp(began)}{PARTIAL}"
        log(context, NIGHTLY, STARTED)
        self.limits.take_effect()
        try:
            with _alone(place):
                self._check_disk(context, place)
                partial.mkdir(mode=0o700)
                try:
                    done = self._dump_all(context, partial)
                    write_list(partial, done)
                    smaller = [target.label for one in done if (target := _smaller(context, partial, final, one))]
                    if final.exists():
                        raise Failed(f"The set {final.name} is there already", hint="Run it again")
                    partial.rename(final)
                finally:
                    remove_tree(partial)
        except (MidwatchError, OSError, MemoryError, RuntimeError) as error:
            sentence = in_words(error)
            if not sentence.startswith("[ERROR]"):
                log(context, NIGHTLY, f"[ERROR] {sentence}")
            log(context, NIGHTLY, FAILURE)
            if isinstance(error, OSError) or shortage(error):
                raise Failed(f"The nightly backup failed: {sentence}", hint=f"Look at {place}") from error
            raise
        for one in done:
            keep_proof(context, str(final / dump_name(one.database, one.recipients)), one, one.depth)
            log(context, NIGHTLY, f"[OK] Backup saved: backups/prod/{final.name}/{one.database} ({size(one.bytes)})")
        log(context, NIGHTLY, f"{FINISHED}: {len(done)} databases")
        total = sum(one.bytes for one in done)
        summary = f"{final.name}: {len(done)} databases with their roles, {size(total)}, validated"
        values = {"set": str(final)}
        if smaller:
            summary += f"; less than half of the last: {first_few(smaller)}"
            values["smaller"] = ", ".join(smaller)
        return Outcome(True, summary, values)

    def verify(self, context: Context, since: datetime) -> Outcome:
        """A set gets its name last of all, so one that has it and began since then is whole."""
        missing = [
            target.label
            for target in self._wanted(context.runbook)
            if not any(
                not one.emergency and one.good and one.started >= since for one in backups_of(context.runbook, target)
            )
        ]
        if missing:
            return Outcome(False, f"No set has been published since {to_rfc3339(since)} with {first_few(missing)}")
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
        recipients = chosen(context.runbook, self.encrypt_to)
        wanted = self._wanted(context.runbook)
        limiter = RateLimiter(self.limits)
        together = Together(in_unpacked_bytes(context.console), len(wanted))
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="dump") as pool:
            futures = [
                pool.submit(
                    dump_one, context, target, folder, recipients, together.part(number), limiter, digests=self.digests
                )
                for number, target in enumerate(wanted)
            ]
            failed = [error for future in futures if (error := future.exception()) is not None]
            if len(failed) > 1 and all(isinstance(error, MidwatchError) for error in failed):
                raise Failed(
                    first_few(map(in_words, failed), between="; "),
                    hint="There is no set; earlier backups are untouched",
                )
            return [future.result() for future in futures]


def _smaller(context: Context, folder: Path, final: Path, made: Manifest) -> Target | None:
    """The target of a backup that holds less than half of its last good one; None for others.

    Such a backup is warned of and restored for a look. Raises `Failed` when that finds it bad.
    """
    target = context.runbook.targets[made.target]
    below = far_below_last(context.runbook, target, made.unpacked)
    if not below:
        return None
    log(context, NIGHTLY, f"[WARN] The backup of {made.target} holds {size(made.unpacked)}, {below}")
    if made.recipients:
        log(context, NIGHTLY, "[WARN] It is encrypted, so it cannot be restored for a look")
        return target
    file, began = folder / dump_name(made.database), context.clock.monotonic()
    try:
        tools, roles = find_tools(context.runbook, made.tool_major), roles_beside(file, made.database)
        found = RestoreValidation(context.runbook).run(DumpFile.of(file), roles, made, tools, lambda done, total: None)
    except MidwatchError as error:
        log(context, NIGHTLY, f"[WARN] It cannot be restored for a look: {error.sentence}")
        return target
    if found.problem:
        raise Failed(f"The backup of {made.target} is not good: {found.problem}", hint="Look at the database itself")
    made.judged(RESTORED, "", to_rfc3339(context.clock.now()), found.words).write(file)
    took = context.clock.monotonic() - began
    keep_proof(context, str(final / file.name), made, RESTORED, seconds=took, compared=found.words)
    context.console.say(f"{target.label}: depth {RESTORED}, {found.words}")
    return target


def _for(recipients: Sequence[Recipient]) -> str:
    """What a confirmed plan is bound to besides the target."""
    return f" for {', '.join(one.text for one in recipients)}" if recipients else ""


def _unsafe(full: float) -> str:
    return f"Disk usage at {percent(full).replace(' ', '')} – unsafe for backup"


def _expected(runbook: Runbook, target: Target, there: int) -> int:
    with contextlib.suppress(OSError, OutcomeUnknown):
        for backup in backups_of(runbook, target):
            return backup.size
    return int(there * _RATIO)


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold the lock of the nightly job. Raises `Refused` when another one runs."""
    make_missing_folders(place, mode=0o755)  # a set in it is 0700; the folder's name and room are no secret
    running = Refused("Another nightly backup is running", hint="Wait for it: its output is in logs/backup.log")
    with locked_file(place / ".nightly.lock", None, otherwise=running):
        yield
