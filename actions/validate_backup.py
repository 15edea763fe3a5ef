"""The action `validate-backup`: reads a backup to its last byte and counts its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from actions.destinations.destination_choice import locate
from actions.dump.dump_progress import in_bytes
from actions.dump.roles_dump import PREFIX
from actions.restoring.backup_validation import Verdict, checksum_of, validate_stream
from actions.restoring.restore_roles import read_globals, roles_beside
from actions.restoring.restore_validation import RestoreValidation
from actions.support.backup_argument import named_backup
from actions.support.bound_servers import bind_servers
from actions.support.proof_record import keep_proof
from midwatch.api.action import Action, Context, Outcome
from midwatch.api.parameters import param
from midwatch.api.plan import Plan, PlanDraft, Verb
from midwatch.runbook.model import Risk
from midwatch.runbook.targets import Target
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput, MidwatchError
from midwatch.system.units import counted, first_few, size
from probes.backup.age_encryption import is_encrypted
from probes.backup.backup_catalog import BACKUPS, backups_of
from probes.backup.checksums import sets_below, verify_set
from probes.backup.dump_file import DumpFile
from probes.backup.manifest import DEPTHS, GOOD, Manifest, stamped
from probes.backup.proof_log import RESTORED
from probes.postgres.temp_server import temp_server_folder
from probes.postgres.tools import Tools, find_tools


@dataclass(frozen=True)
class ValidateBackup(Action):
    """Reads one backup in a single stream, without disk: SHA-256 against its manifest, the gzip file's own checksum and
    end, every byte through `pg_restore`, and the rows of each table against those counted in the dump's snapshot.

    With `restore` it is then restored into a scratch server, which is removed again, and the content of each table is
    compared with the digests in its manifest, or else with the source as it is now; the summary says which. Refuses
    when there is no room for that.

    An encrypted one is decrypted with the key in `identity` as it is read; without that its SHA-256 alone is compared,
    and it keeps the depth that it reached while it was written.

    The depth it reached goes into the manifest, and from there into panel, retention and closure. Fails when the backup
    is not read to its end, or anything differs. A backup on another host or in a bucket is streamed from there, for a
    restore as well; nothing of it is kept here.
    """

    name: ClassVar[str] = "validate-backup"
    summary: ClassVar[str] = "Read a backup to its last byte and count its rows"
    risk: ClassVar[Risk] = Risk.OBSERVE
    is_safeguard: ClassVar[bool] = True
    outputs: ClassVar[tuple[str, ...] | None] = ("path", "set", "depth", "sha256")

    path: str = param("the backup file, also as ssh://host/dir/file", default="")
    target: Target | None = param(
        "or: the newest backup of this target; without both, the newest nightly set", default=None
    )
    restore: bool = param("restore it into a scratch server as well, and compare the content (depth 5)", default=False)
    scratch: Path | None = param(
        "a folder with room for that server (default: the system's temporary ones)", default=None
    )
    identity: Path | None = param("the file with the private key of encrypted backups", default=None)
    image: str = param("or: an image that is on the Docker engine, for a server in a container", default="")

    def plan(self, context: Context) -> Plan:
        """List the files to read and, with `restore`, the space that is needed."""
        draft = self.draft()
        files = self._files(context)
        for file in files:
            location = self._location(file)
            try:
                place, name = locate(context.runbook, location)
                there = place.size(name)
            except MidwatchError as error:
                draft.refusal = str(error)
                continue
            draft.add(Verb.READ, location, size=there)
            if there is None:
                draft.refusal = f"{location} is not there"
            elif self.identity is None and is_encrypted(name):
                draft.fact("encrypted", f"{name}: without --identity FILE only its SHA-256 is compared")
                if self.restore:
                    draft.refusal = f"{name} is encrypted: name its private key to restore it, --identity FILE"
        if any(Manifest.read(file) is not None for file in files):
            draft.fact("notes", "the depth reached goes into the manifest beside each file")
        if self.restore and not draft.refusal:
            self._plan_restore(context, draft, files)
        if self._whole_set:
            draft.fact("set", f"{files[0].parent.name}, the newest; its checksums as well")
        return draft.plan()

    def _plan_restore(self, context: Context, draft: PlanDraft, files: list[Path]) -> None:
        deep = RestoreValidation(context.runbook, self.scratch, self.image)
        try:
            needed = max(deep.room(self._archive(context, file), Manifest.read(file)) for file in files)
            place = temp_server_folder(self.scratch, 0 if self.image else needed)
        except MidwatchError as error:
            draft.refusal = str(error)
            return
        draft.bind("backups", ", ".join(map(self._location, files)))
        bind_servers(draft, context, self._compared_with(context, files))
        where = f"a container of {self.image}" if self.image else f"a server below {place}"
        draft.fact("restored into", f"{where}, about {size(needed)}, removed again")
        for file in files:
            manifest = Manifest.read(file)
            target = context.runbook.targets.get(manifest.target) if manifest else None
            if manifest is not None and manifest.digests:
                draft.fact(
                    "compared", f"{file.name}: with {len(manifest.digests)} digests taken in the dump's snapshot"
                )
            elif target is not None:
                draft.fact("compared", f"{file.name}: rows as in the dump's snapshot; content with {target.label} now")
                draft.add(Verb.READ, f"every table of {target.label}", note="a digest of its rows")

    def _compared_with(self, context: Context, files: list[Path]) -> list[Target]:
        """The targets whose content is read, since no digests of the backup's own are there."""
        manifests = [
            manifest for file in files if (manifest := Manifest.read(file)) is not None and not manifest.digests
        ]
        found = [context.runbook.targets.get(manifest.target) for manifest in manifests]
        return [target for target in found if target is not None]

    @property
    def _whole_set(self) -> bool:
        return not self.path and self.target is None

    def apply(self, context: Context, plan: Plan) -> Outcome:
        """Validate the backup or each backup of the set, and record the depth."""
        files = self._files(context)
        if not self._whole_set:
            return self._one(context, files[0])
        folder = files[0].parent
        outcomes = [self._one(context, file) for file in files]
        for outcome in outcomes:
            context.console.say(outcome.summary)
        checksums = verify_set(folder, context.location("backups"))
        wrong = [] if checksums.ok else [str(checksums)]
        wrong += [outcome.summary for outcome in outcomes if not outcome.ok]
        present = {file.name.partition(".dump")[0] for file in files}
        wrong += [f"{one.label} is missing" for one in context.runbook.targets.values() if one.database not in present]
        values = {"set": str(folder), "depth": min(outcome.values["depth"] for outcome in outcomes)}
        if wrong:
            return Outcome(False, f"The set {folder.name} is NOT good: {first_few(wrong, 5, '; ')}", values)
        return Outcome(
            True, f"{folder.name}: {len(files)} backups are good, depth {values['depth']}; checksums hold", values
        )

    def _one(self, context: Context, file: Path) -> Outcome:
        manifest = Manifest.read(file)
        if manifest is None:
            context.console.say(f"{file.name} has no manifest: rows cannot be compared")
        tools = find_tools(context.runbook, manifest.tool_major if manifest else 0)
        location = self._location(file)
        place, name = locate(context.runbook, location)
        total = manifest.bytes if manifest else place.size(name)
        sha256, tell, closed = manifest.sha256 if manifest else "", in_bytes(context.console), self._closed(name)
        with place.read(name) as raw:
            if closed:
                verdict = checksum_of(raw, total, sha256=sha256, progress=tell)
            else:
                rows = manifest.counts if manifest else None
                verdict = validate_stream(
                    raw,
                    total,
                    tools.pg_restore,
                    name=name,
                    identity=self.identity,
                    sha256=sha256,
                    rows=rows,
                    progress=tell,
                )
        compared, began = "", context.clock.monotonic()
        if self.restore and not verdict.problem and verdict.depth >= GOOD:
            compared = self._restore(context, file, manifest, tools, verdict)
        deeper = manifest is not None and manifest.good and manifest.depth > verdict.depth and not verdict.problem
        deeper = deeper or (closed and not verdict.problem)
        if manifest is not None and not deeper:  # the same bytes reached more before, which stays true
            manifest.judged(verdict.depth, verdict.problem, to_rfc3339(context.clock.now()), compared).write(file)
        if manifest is not None:
            took = context.clock.monotonic() - began if verdict.depth >= RESTORED else 0.0
            keep_proof(
                context, location, manifest, verdict.depth, problem=verdict.problem, seconds=took, compared=compared
            )
        values = {"path": location, "depth": str(verdict.depth), "sha256": verdict.sha256}
        if verdict.problem:
            context.console.say(f"[ERROR] {file.name}: {verdict.problem}")
            return Outcome(False, f"{file.name} is NOT good: {verdict.problem}", values)
        if closed:
            return _unread(file, manifest, verdict, values)
        summary = said(file, verdict)
        return Outcome(verdict.depth >= GOOD, f"{summary}; {compared}" if compared else summary, values)

    def _restore(self, context: Context, file: Path, manifest: Manifest | None, tools: Tools, verdict: Verdict) -> str:
        """Go on to depth 5, and put that or the problem into the verdict. What was compared, in words."""
        context.console.say(f"{file.name} is good to depth {verdict.depth}; restoring it for a look")
        deep = RestoreValidation(context.runbook, self.scratch, self.image)
        archive, roles = self._archive(context, file), self._roles(context, file, manifest)
        known = replace(manifest, depth=max(manifest.depth, verdict.depth)) if manifest is not None else None
        found = deep.run(archive, roles, known, tools, in_bytes(context.console))
        if found.problem:
            verdict.problem = found.problem
        else:
            verdict.depth = RESTORED
        return found.words

    def _closed(self, name: str) -> bool:
        """Whether nobody here can look into it."""
        return self.identity is None and is_encrypted(name)

    def _archive(self, context: Context, file: Path, prefix: str = "") -> DumpFile:
        """The backup where it lies, or what lies beside it under its name and a prefix. Raises `MidwatchError`."""
        place, name = locate(context.runbook, self._location(file))
        return DumpFile(prefix + name, place.size(prefix + name), lambda: place.read(prefix + name), self.identity)

    def _roles(self, context: Context, file: Path, manifest: Manifest | None) -> str:
        """The script of its server's roles, from beside it; empty when there is none. Raises `MidwatchError`."""
        if manifest is None:
            return ""
        if locate(context.runbook, self._location(file))[0].has_local_manifest:
            return roles_beside(file, manifest.database, self.identity)
        return read_globals(self._archive(context, file, PREFIX)) if manifest.globals_sha256 else ""

    def _location(self, file: Path) -> str:
        """Where the backup lies that this file is, or whose manifest is kept beside this name."""
        if "://" in self.path:
            return self.path
        manifest = Manifest.read(file)
        return manifest.location or str(file) if manifest is not None else str(file)

    def _files(self, context: Context) -> list[Path]:
        if "://" in self.path:
            return [context.location("remote_manifests") / self.path.rpartition("/")[2]]
        if self.path:
            return [named_backup(context.runbook.resolve(self.path))]
        if self.target is None:
            return _newest_set(context)
        found = backups_of(context.runbook, self.target)
        if not found:
            raise BadInput(
                f"There is no backup of {self.target.label}", hint="Take one: midwatch action emergency-backup"
            )
        return [found[0].path]


def _newest_set(context: Context) -> list[Path]:
    """The dumps of the newest nightly set. Raises `BadInput` when there is none."""
    place = context.location("backups")
    now = context.clock.now()
    sets = [
        one for one in sets_below(place) if one.parent == place and (at := stamped(one.name)) is not None and at <= now
    ]
    files = sorted(file for file in sets[0].glob("*.dump.*") if file.name.endswith(BACKUPS)) if sets else []
    if not files:
        where = f"no dump in {sets[0]}" if sets else f"no nightly set in {place}"
        raise BadInput(f"Which backup is not said, and there is {where}", hint="Give --path FILE or --target NAME")
    return files


def _unread(file: Path, manifest: Manifest | None, verdict: Verdict, values: dict[str, str]) -> Outcome:
    """The end for an encrypted backup whose key is not here: what was reached before counts, for the same bytes."""
    sealed = "its content was not read again, since it is encrypted: --identity FILE"
    if manifest is None or not verdict.depth:
        return Outcome(False, f"{file.name}: it has no manifest to compare with, and {sealed}", values)
    if manifest.problem:
        return Outcome(False, f"{file.name} was found bad before: {manifest.problem}; {sealed}", values)
    depth = max(manifest.depth, verdict.depth)
    before = (
        f"depth {depth} ({DEPTHS[depth]}) of {manifest.validated[:16]}Z stands"
        if depth >= GOOD
        else f"depth {depth} only"
    )
    return Outcome(depth >= GOOD, f"{file.name}: SHA-256 holds, {before}; {sealed}", values | {"depth": str(depth)})


def said(file: Path, verdict: Verdict) -> str:
    """What was found of a good backup, in a sentence."""
    rows = (
        f", {counted(sum(verdict.rows.values()), 'row')} in {counted(len(verdict.rows), 'table')}"
        if verdict.rows
        else ""
    )
    return f"{file.name} is good, depth {verdict.depth} ({DEPTHS[verdict.depth]}): {size(verdict.bytes)}{rows}"
