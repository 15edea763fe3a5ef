"""The action `emergency-backup`: streams a dump of a database to another destination, complete or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from actions.destinations.destination import Destination
from actions.destinations.destination_choice import destinations_of, first_with_room, locate
from actions.dump import lock_conflicts
from actions.dump.dump_progress import Progress, Together, in_unpacked_bytes
from actions.dump.dump_target import Source, expected_size, inspect_target, reader_of
from actions.dump.emergency_dump import EmergencyDump, backup_name, limited_identity
from actions.dump.load_limits import LoadParameters, RateLimiter
from actions.dump.orphaned_dumps import end_dump, orphaned_dumps
from actions.dump.roles_dump import PREFIX
from actions.dump.sidecar_files import named_at
from actions.support.bound_servers import bind_servers
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.runbook.model import Risk
from midwatch.runbook.targets import Target
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput, MidwatchError, OutcomeUnknown, Refused
from midwatch.system.units import first_few, size
from probes.backup.age_keys import Recipient, chosen
from probes.backup.backup_catalog import backups_of, emergency_stem
from probes.postgres.routes import superuser_route

_NO_ROLES = "The roles can be saved neither from inside a container nor to standard output"


@dataclass(frozen=True)
class EmergencyBackup(LoadParameters, Action):
    """Dumps a target into the first destination with room, compressed while it streams, without a temporary file.

    It takes the superuser's fastest way in, so it works without the application's password. The file gets its name
    only when the dump, the compressor and the destination have all succeeded, on another host after size and
    SHA-256 there agree; else nothing is left. A manifest beside it (kept here for another host) has checksum,
    source, versions, LSN and the rows of each table in the dump's own snapshot. What is written is unpacked again
    beside it; with `validate` it is read through `pg_restore` as well; what is not good is not published. Refuses
    when no destination has room, and names each. Earlier backups are never changed. Several targets are saved
    independently; if one fails, the action fails.
    """

    name: ClassVar[str] = "emergency-backup"
    summary: ClassVar[str] = "Stream a backup of one database to another destination"
    risk: ClassVar[Risk] = Risk.CHANGE
    is_safeguard: ClassVar[bool] = True
    outputs: ClassVar[tuple[str, ...] | None] = ("path", "sha256", "bytes", "paths")

    target: Target | None = param("the database to save", default=None)
    targets: tuple[Target, ...] = param("or: several, side by side", default=())
    destination: tuple[str, ...] = param(
        "destinations, tried in order; the first with room is used: folder, ssh://host/dir, s3://bucket/dir, - "
        "(default: the site's)",
        default=(),
    )
    parallel: int = param("how many side by side", default=2, least=1)
    globals: bool = param("save the server's roles beside it, without their passwords", default=False)
    digests: bool = param("take a digest of each table's rows too, for a validation by restore", default=False)
    encrypt_to: tuple[str, ...] = param("public keys of age or ssh, or files of them (default: the site's)", default=())
    validate: bool = param(
        "read it through pg_restore while it is written, and count its rows (depth 4)", default=False
    )

    def plan(self, context: Context) -> Plan:
        """Inspect the targets and choose the first destination with enough space."""
        draft = self.draft()
        try:
            self.limits.require_known()
            bind_servers(draft, context, self._wanted())
            sources = [inspect_target(context.runbook, target) for target in self._wanted()]
            expected = {source.target.name: expected_size(context.runbook, source) for source in sources}
            places, recipients = (
                destinations_of(context.runbook, self.destination),
                chosen(context.runbook, self.encrypt_to),
            )
            if len(sources) > 1 and any(str(place) == "standard output" for place in places):
                raise BadInput("Standard output takes one backup", hint="Name one --target")
            for source in sources:
                draft.fact("route", f"{source.route.user} by {source.route}")
                if source.limited:
                    self._plan_limited(draft, source)
                draft.fact("versions", f"{source.tool}, server {source.server}, {size(source.bytes)} of data")
                if self.globals and (source.tools is None or "-" in self.destination):
                    raise Refused(
                        _NO_ROLES, hint="Leave out --globals, and save the roles with pg_dumpall --roles-only"
                    )
                draft.facts += lock_conflicts.facts(source.route)
                draft.facts += [
                    ("warning", str(one))
                    for one in source.ahead.warnings(recipients)
                    if not (one.is_fatal and source.limited)
                ]
                for lost in orphaned_dumps(source.route):
                    note = "it holds its locks and its snapshot; no file came of it"
                    draft.add(Verb.REMOVE, f"{lost}, in {source.target.label}", note=note, identity=lost.application)
                if self.validate or recipients:
                    draft.fact("depth", _depth(context, source))
            place, room, passed = first_with_room(places, sum(expected.values()))
            draft.bind("destination", place.identity())
        except MidwatchError as error:
            draft.refusal = str(error)
            return draft.plan()
        for source in sources:
            stem, identity = emergency_stem(source.target), _identity(place, source.target, recipients)
            named = named_at(place, backup_name(stem, "<timestamp>", recipients))
            draft.add(
                Verb.CREATE,
                named,
                size=expected[source.target.name],
                note="packed, an estimate",
                identity=identity,
                kind="backup",
            )
            if self.globals:
                named = named_at(place, PREFIX + backup_name(stem, "<timestamp>", recipients))
                draft.add(
                    Verb.CREATE, named, note="roles, without passwords", identity=f"{identity} roles", kind="roles file"
                )
        draft.fact("writes", f"{size(sum(expected.values()))} packed")
        draft.add(Verb.KEEP, "every earlier backup")
        for reason in passed:
            draft.fact("passed over", reason)
        draft.fact("room", room.words)
        self.limits.add_facts(
            draft,
            sum(source.bytes for source in sources),
            min(self.parallel, len(sources)),
            are_rows_counted=any(source.tools is not None for source in sources),
        )
        if recipients:
            draft.fact(
                "encrypted", f"to {', '.join(map(str, recipients))}; who has none of their private keys cannot read it"
            )
        if not place.has_local_manifest:
            draft.fact("manifest", f"kept in {context.location('remote_manifests')}")
        return draft.plan()

    def _plan_limited(self, draft: PlanDraft, source: Source) -> None:
        """Say what a backup by the application's user holds."""
        draft.fact("no superuser", source.limited)
        left_out = first_few(source.left_out, 10) or "nothing"
        draft.add(
            Verb.READ,
            f"what {source.route.user} may read of {source.target.label}",
            note=f"left out: {left_out}",
            identity=limited_identity(source),
        )

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Dump each target to the confirmed destination."""
        wanted, recipients = self._wanted(), chosen(context.runbook, self.encrypt_to)
        confirmed = {effect.identity for effect in plan.effects}
        places = destinations_of(context.runbook, self.destination)
        place = next((one for one in places if _identity(one, wanted[0], recipients) in confirmed), None)
        if place is None:
            raise Refused("The plan names no destination", hint="Plan again")
        self._end_lost(context, wanted, confirmed)
        self.limits.take_effect()
        together = Together(in_unpacked_bytes(context.console), len(wanted))
        dump = EmergencyDump(
            context,
            place,
            context.clock.now(),
            frozenset(confirmed),
            recipients,
            self.globals,
            self.digests,
            self.validate,
            self.limits,
            RateLimiter(self.limits),
        )
        if len(wanted) == 1:
            return dump.save(wanted[0], together.part(0))
        with ThreadPoolExecutor(self.parallel, thread_name_prefix="dump") as pool:
            futures = [pool.submit(_tried, dump, target, together.part(number)) for number, target in enumerate(wanted)]
            outcomes = [future.result() for future in futures]
        for outcome in outcomes:
            context.console.say(outcome.summary)
        failed = [target.label for target, outcome in zip(wanted, outcomes, strict=True) if not outcome.ok]
        values = {"paths": ",".join(outcome.values["path"] for outcome in outcomes if outcome.ok)}
        if failed:
            return Outcome(False, f"{first_few(failed, 10)} of {len(wanted)} not saved; the others are", values)
        return Outcome(True, f"{len(wanted)} backups saved to {place}", values)

    def _end_lost(self, context: Context, wanted: tuple[Target, ...], confirmed: set[str]) -> None:
        """End the dumps that lost their reader, as far as the plan names them."""
        for target in wanted:
            try:
                route = superuser_route(context.runbook, target)
                for lost in orphaned_dumps(route):
                    if lost.application in confirmed:
                        end_dump(route, lost.application, target.container)
                        context.console.say(f"Ended {lost}, in {target.label}")
            except MidwatchError:
                continue  # the dump of this target meets the same, and has the word

    def verify(self, context: Context, since: datetime) -> Outcome:
        """Whether every target has a backup that began at `since` or later, as long as its manifest tells where that
        can be seen. Such a file has its name, so its dump, its compressor and its place had all succeeded.
        """
        found = []
        for target in self._wanted():
            try:
                backups = backups_of(context.runbook, target)
            except OSError as error:
                raise OutcomeUnknown(
                    f"The backups cannot be listed: {error.strerror}", hint="Look at the disk"
                ) from error
            newer = [one for one in backups if one.emergency and one.started >= since.replace(microsecond=0)]
            if not newer:
                return Outcome(False, f"No emergency backup of {target.label} was published since {to_rfc3339(since)}")
            one = newer[0]
            if one.manifest is None:
                raise OutcomeUnknown(f"{one.path} has no manifest", hint=f"Validate it: --path {one.path}")
            lies, name = locate(context.runbook, one.location)
            there = lies.size(name)
            if there != one.manifest.bytes:
                told = "is not there" if there is None else f"has {there} bytes"
                raise OutcomeUnknown(
                    f"{one.location} {told}, its manifest tells {one.manifest.bytes}", hint="Look there"
                )
            found.append(one)
        values = {"path": found[0].location, "sha256": found[0].manifest.sha256 if found[0].manifest else ""}
        return Outcome(
            True,
            f"Published since: {first_few((one.location for one in found), 10)}",
            values if len(found) == 1 else {},
        )

    def _wanted(self) -> tuple[Target, ...]:
        wanted = ((self.target,) if self.target is not None else ()) + self.targets
        if not wanted:
            raise BadInput("Which database is not said", hint="Give --target NAME, or --targets NAME,NAME")
        return tuple({target.name: target for target in wanted}.values())


def _tried(dump: EmergencyDump, target: Target, progress: Progress) -> Outcome:
    try:
        return dump.save(target, progress)
    except MidwatchError as error:
        return Outcome(False, f"{target.label}: {error}")


def _depth(context: Context, source: Source) -> str:
    """How deeply it will be read while it is written, in words."""
    if reader_of(context.runbook, source) is None:
        return f"1 while it is written: there is no pg_restore here that reads what PostgreSQL {source.server} dumps"
    return (
        "3 while it is written; no rows to compare by this route" if source.tools is None else "4 while it is written"
    )


def _identity(place: Destination, target: Target, recipients: Sequence[Recipient]) -> str:
    stem = emergency_stem(target)
    named = place.location(stem) or f"{place} {stem}"
    return f"{named} for {', '.join(one.text for one in recipients)}" if recipients else named
