"""The files beside an emergency backup: the roles of its server, and its manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from actions.destinations.destination import Destination
from actions.support.proof_record import keep_proof
from midwatch.api.action import Context
from midwatch.system.durable import make_missing_folders
from midwatch.system.errors import Failed, MidwatchError
from probes.backup.manifest import Manifest


def put_roles(place: Destination, name: str, packed: bytes) -> tuple[str, str]:
    """Put the roles there, 0600 like the backup: SHA-256 (hex) of the file and no words, or none and why they are not
    there."""
    digest = hashlib.sha256(packed).hexdigest()
    try:
        writing = place.open(name)
        try:
            writing.write(packed)
            writing.commit(len(packed), digest)
        finally:
            writing.abort()
    except MidwatchError as error:
        return "", f"its roles are not: {error.sentence}"
    return digest, ""


def named_at(place: Destination, name: str) -> str:
    """A backup as the plan writes it: `emergency-backup/arp-prod-….sql.gz`."""
    return f"{place}/{name}" if place.location(name) else str(place)


def finish(manifest: Manifest, context: Context, place: Destination, name: str, missing: str) -> None:
    """Write the manifest. Raises `Failed` when anything is missing beside a backup that is there, and then says
    both."""
    problems = [missing] if missing else []
    try:
        manifest.write(_note(context, place, name))
        keep_proof(context, place.location(name) or str(place), manifest, manifest.depth)
    except (Failed, OSError) as error:
        told = (
            error.sentence if isinstance(error, Failed) else f"The folder of manifests cannot be made: {error.strerror}"
        )
        problems.append(f"nothing vouches for it: {told}")
    if problems:
        sentence = f"{named_at(place, name)} is saved, but {'; '.join(problems)}"
        raise Failed(sentence, hint="It stays as it is; make room, and run it again")


def _note(context: Context, place: Destination, name: str) -> Path:
    """The file whose manifest it is: the backup, or for one that lies elsewhere, the name that it has in our own
    folder."""
    if place.has_local_manifest:
        return Path(place.location(name))
    folder = context.location("remote_manifests")
    make_missing_folders(folder, mode=0o700)
    return folder / name
