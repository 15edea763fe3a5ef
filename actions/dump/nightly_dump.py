"""Dumps and validates one database of a nightly set with its roles, and writes the checksums of the set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from actions.destinations.folder import FolderWriter
from actions.dump.dump_manifest import manifest_of
from actions.dump.dump_progress import Progress
from actions.dump.dump_stream import Dumped, dump_into
from actions.dump.load_limits import RateLimiter
from actions.dump.previous_dump import last_unpacked
from actions.dump.roles_dump import dump_globals, file_stem, globals_name
from actions.restoring.backup_validation import validate
from actions.support.plan_log import NIGHTLY, log, reason_of
from midwatch.api.action import Context
from midwatch.runbook.targets import Target
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import Failed, MidwatchError, OutcomeUnknown
from midwatch.system.trusted_files import atomic_write
from midwatch.system.units import size
from probes.backup.age_encryption import SUFFIX
from probes.backup.age_keys import Recipient
from probes.backup.checksums import LIST
from probes.backup.manifest import Manifest
from probes.postgres.activity import read_activity
from probes.postgres.connect import Route
from probes.postgres.dump_readiness import dump_readiness
from probes.postgres.routes import password_route
from probes.postgres.tools import Tools, find_tools


def dump_name(database: str, recipients: Sequence[object] = ()) -> str:
    """What its dump is called in a set: `arp.dump.gz`, encrypted `arp.dump.gz.age`."""
    return f"{file_stem(database)}.dump.gz{SUFFIX if recipients else ''}"


def roles_name(database: str, recipients: Sequence[object] = ()) -> str:
    """What the roles of its server are called: `globals.arp.sql.gz`, encrypted `globals.arp.sql.gz.age`."""
    return f"{globals_name(database)}{SUFFIX if recipients else ''}"


def dump_one(
    context: Context,
    target: Target,
    folder: Path,
    recipients: Sequence[Recipient],
    progress: Progress,
    limiter: RateLimiter,
    *,
    digests: bool,
) -> Manifest:
    """Dump it into the folder of the set. Raises `MidwatchError` that names the target."""
    try:
        found = read_activity(context.runbook, target)
    except MidwatchError as error:
        raise Failed(f"Unable to connect to {target.name}: {reason_of(error)}", hint=error.hint) from error
    try:
        return _dump(context, target, found.version, folder, recipients, progress, limiter, digests)
    except MidwatchError as error:
        if not re.search(rf"(?<![\w-]){re.escape(target.name)}(?![\w-])", error.sentence):
            error.sentence = f"{target.name}: {error.sentence}"
        raise


def _dump(
    context: Context,
    target: Target,
    server: str,
    folder: Path,
    recipients: Sequence[Recipient],
    progress: Progress,
    limiter: RateLimiter,
    digests: bool,
) -> Manifest:
    route = password_route(context.runbook, target)
    ahead = dump_readiness(route)
    for obstacle in ahead.warnings(recipients):
        log(context, NIGHTLY, f"[WARN] {target.name}: {obstacle}")
    tools = find_tools(context.runbook, int(server.partition(".")[0]))
    began, file = to_rfc3339(context.clock.now()), folder / dump_name(target.database, recipients)
    dumped, depth = _validated(context, route, tools, file, recipients, digests, target, progress, limiter)
    roles = dump_globals(route, tools, folder / roles_name(target.database, recipients), recipients)
    manifest = manifest_of(
        context,
        target,
        dumped,
        began=began,
        server=server,
        tool=str(tools),
        route=route,
        roles=roles,
        recipients=recipients,
        depth=depth,
        left_out=ahead.not_here,
    )
    manifest.write(file)
    uncounted = f", since its rows were not counted: {dumped.uncounted}" if dumped.uncounted else ""
    context.console.say(f"{target.label}: {size(dumped.bytes)}, depth {depth}{uncounted}, its roles beside it")
    return manifest


def _validated(
    context: Context,
    route: Route,
    tools: Tools,
    file: Path,
    recipients: Sequence[Recipient],
    digests: bool,
    target: Target,
    progress: Progress,
    limiter: RateLimiter,
) -> tuple[Dumped, int]:
    """The dump and its depth: read back from the file, or in the stream before encryption, since nobody here could."""
    reader = tools.pg_restore if recipients else None
    dumped = dump_into(
        route,
        tools,
        FolderWriter(file),
        progress,
        digests=digests,
        pg_restore=reader,
        recipients=recipients,
        before=last_unpacked(context.runbook, target),
        say=lambda text: context.console.say(f"{target.label}: {text}"),
        limiter=limiter,
    )
    if recipients:
        return dumped, dumped.depth
    try:
        verdict = validate(file, tools.pg_restore, sha256=dumped.sha256, rows=dumped.counts)
    except OutcomeUnknown as error:
        sentence = f"The backup of {target.name} was not read to its end: {error.sentence}"
        raise Failed(sentence, hint="There is no set; free memory, and run it again") from error
    if verdict.problem:
        raise Failed(f"The backup of {target.name} is not good: {verdict.problem}", hint="Run it again")
    return dumped, verdict.depth


def write_list(folder: Path, done: Sequence[Manifest]) -> None:
    """`checksums.sha256` as `sha256sum -c` reads it, and everything of the set on disk."""
    lines = []
    for one in done:
        lines.append(f"{one.sha256}  {dump_name(one.database, one.recipients)}\n")
        lines.append(f"{one.globals_sha256}  {roles_name(one.database, one.recipients)}\n")
    atomic_write(folder / LIST, "".join(lines).encode(), mode=0o600, trust=None)
