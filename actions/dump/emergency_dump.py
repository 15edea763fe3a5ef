"""One emergency backup of one database: dumped, verified while it is written, published with roles and manifest."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from actions.destinations.destination import Destination
from actions.destinations.folder import CRITICAL
from actions.dump.dump_manifest import manifest_of
from actions.dump.dump_progress import Progress
from actions.dump.dump_stream import Dumped, dump_into
from actions.dump.dump_target import Source, inspect_target, reader_of
from actions.dump.load_limits import LoadLimits, RateLimiter
from actions.dump.previous_dump import far_below_last, last_unpacked
from actions.dump.roles_dump import PREFIX, packed_globals
from actions.dump.sidecar_files import finish, named_at, put_roles
from actions.support.plan_log import log
from midwatch.api.action import Context, Outcome
from midwatch.runbook.targets import Target
from midwatch.system.clock import file_timestamp, to_rfc3339
from midwatch.system.errors import Failed, MidwatchError, Refused, in_words, shortage
from midwatch.system.units import duration, first_few, size
from probes.backup.age_encryption import SUFFIX
from probes.backup.age_keys import Recipient
from probes.backup.backup_catalog import emergency_stem
from probes.backup.manifest import DEPTHS
from probes.storage.disk_usage import budgets_of, usage

LOG = "emergency-backup.log"


@dataclass(frozen=True, slots=True)
class EmergencyDump:
    """How and where the databases of one run are saved."""

    context: Context
    place: Destination
    began: datetime
    confirmed: frozenset[str]
    """The identities of all effects of the confirmed plan."""
    recipients: Sequence[Recipient]
    roles: bool
    """Whether the server's roles are saved beside it."""
    digests: bool
    validate: bool
    limits: LoadLimits
    limiter: RateLimiter

    def save(self, target: Target, progress: Progress) -> Outcome:
        """Dump the target. Raises `MidwatchError`, and then nothing is left of it."""
        context, started = self.context, self.context.clock.monotonic()
        source = inspect_target(context.runbook, target)
        if source.limited and limited_identity(source) not in self.confirmed:
            sentence = f"{source.limited}; what {source.route.user} may read is not what was confirmed"
            raise Refused(sentence, hint="Plan again: less would be in the backup")
        name = backup_name(emergency_stem(target), file_timestamp(self.began), self.recipients)
        named = named_at(self.place, name)
        try:
            packed = b""
            if self.roles:  # first: they fail it before anything lies there
                assert source.tools is not None
                packed = packed_globals(source.route, source.tools, self.recipients)
            reader = reader_of(context.runbook, source) if self.validate or self.recipients else None
            found = self._dump(source, name, reader, progress)
            below = far_below_last(context.runbook, target, found.unpacked)
            self._finish(source, found, name, packed)
        except (MidwatchError, OSError, MemoryError, RuntimeError) as error:
            said = in_words(error)
            log(context, LOG, f"[ERROR] Emergency backup of {target.name} failed: {said}")
            if isinstance(error, OSError) or shortage(error):
                raise Failed(f"The backup failed: {said}", hint=f"Look at {self.place}") from error
            raise
        took = context.clock.monotonic() - started
        log(context, LOG, f"[OK] Backup saved: {named}")
        for table, rows in sorted(found.rows.items(), key=lambda item: -item[1])[:5]:
            context.console.say(f"table {table} {rows} rows")
        rate = found.unpacked / took if took > 0 else 0.0
        summary = f"{named}: {size(found.bytes)} in {duration(took)}, {size(rate)}/s of dump"
        summary += "".join(f"; {part}" for part in self._parts(source, found, reader))
        where = self.place.location(name) or str(self.place)
        if below:
            warning = f"The dump of {target.name} holds {size(found.unpacked)}, {below}"
            log(context, LOG, f"[WARN] {warning}")
            context.console.say(
                f"{warning}: restore it for a look: midwatch action validate-backup --restore --path {where}"
            )
            summary += f"; {below}: restore it for a look"
        return Outcome(True, summary, {"path": where, "sha256": found.sha256, "bytes": str(found.bytes)})

    def _dump(self, source: Source, name: str, reader: Path | None, progress: Progress) -> Dumped:
        context, target = self.context, source.target
        with contextlib.ExitStack() as stack:
            writing = self.place.open(name)
            stack.callback(writing.abort)
            log(context, LOG, _opening(context))
            for obstacle in source.ahead.warnings(self.recipients):
                log(context, LOG, f"[WARN] {target.name}: {obstacle}")
            data = f"PostgreSQL {source.server}, {size(source.bytes)}, by {source.route}"
            context.console.say(f"source {target.name}, {data}, to {named_at(self.place, name)}")
            return dump_into(
                source.route,
                source.tools,
                writing,
                progress,
                digests=self.digests and not source.limited,
                pg_restore=reader,
                recipients=self.recipients,
                before=last_unpacked(context.runbook, target),
                say=lambda text: context.console.say(f"{target.label}: {text}"),
                options=source.ahead.options if source.limited else (),
                limits=self.limits,
                limiter=self.limiter,
            )

    def _finish(self, source: Source, found: Dumped, name: str, packed: bytes) -> None:
        """Put roles and manifest beside it."""
        digest, missing = put_roles(self.place, f"{PREFIX}{name}", packed) if packed else ("", "")
        manifest = manifest_of(
            self.context,
            source.target,
            found,
            began=to_rfc3339(self.began),
            server=source.server,
            tool=source.tool,
            route=source.route,
            roles=digest,
            recipients=self.recipients,
            depth=found.depth,
            location="" if self.place.has_local_manifest else self.place.location(name) or f"{self.place}",
            left_out=source.left_out,
        )
        finish(manifest, self.context, self.place, name, missing)

    def _parts(self, source: Source, found: Dumped, reader: Path | None) -> list[str]:
        """What the summary says besides."""
        parts = []
        if self.recipients:
            count = len(self.recipients)
            parts.append(f"encrypted to {f'{count} keys' if count > 1 else self.recipients[0]}")
        if reader is not None:
            parts.append(f"read as it was written: depth {found.depth}, {DEPTHS[found.depth]}")
        if source.left_out:
            parts.append(f"taken by {source.route.user} WITHOUT {first_few(source.left_out)}")
        if found.uncounted:
            parts.append(f"its rows were not counted: {found.uncounted}")
        return parts


def backup_name(stem: str, moment: str, recipients: Sequence[Recipient]) -> str:
    """`arp-prod-20261123-021407.sql.gz`, or of an encrypted one `….sql.gz.age`."""
    return f"{stem}-{moment}.sql.gz{SUFFIX if recipients else ''}"


def limited_identity(source: Source) -> str:
    """What a confirmed plan says of a backup that is not taken by a superuser."""
    return f"{source.target.name} by {source.route.user} without {', '.join(source.left_out)}"


def _opening(context: Context) -> str:
    try:
        full = usage(context.location("backups"), budgets_of(context.runbook), nearest=True).percent
    except MidwatchError:
        full = 100.0
    state = "Disk usage critical – performing" if full >= CRITICAL else "Performing"
    return f"[EMERGENCY] {state} streamed backup"
