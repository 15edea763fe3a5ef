"""The evidence bundle: all that an incident left, in one archive that another person verifies without Midwatch.

A gzipped tar archive with one folder, named after the incident. `SHA256SUMS` lists every other file and is what is
signed; `VERIFY.txt` says how to verify it with tar, sha256sum, ssh-keygen and a shell (docs/bundle.md).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from midwatch.incident.events import Event, EventKind
from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import open_file
from midwatch.journal.merged_reader import merge_files
from midwatch.system.errors import Failed, in_words

SUMS, SIGNATURE, WITHHELD = "SHA256SUMS", "SHA256SUMS.sig", "WITHHELD.txt"
_PARTS = ("plan.json", "launch_spec.json", "supervisor.json", "output", "output.timing", "tries", "result.json")
"""Of an attempt. Its file `values` is left out: nothing masked it. The journal has the values, masked."""
_TOP = ("runbook.yaml", "site.yaml", "post-mortem.md", "post-mortem.md.before", "follow-ups.jsonl")
_BLOCK_BYTES = 1 << 20
_HOW = """How to verify this bundle without Midwatch. Each command has to end with status 0.

  sha256sum --quiet --strict -c SHA256SUMS      # each file is as it was bundled
  find . -type f ! -name 'SHA256SUMS*' | wc -l  # as many files as SHA256SUMS has lines: wc -l < SHA256SUMS
  ssh-keygen -Y verify -f ALLOWED_SIGNERS -I WHO -n midwatch -s SHA256SUMS.sig < SHA256SUMS   # where it is signed

The journal is a chain: each line holds the SHA-256 of the line before it.

  prev=$(printf '%064d' 0); n=0
  while IFS= read -r line; do
    n=$((n + 1))
    case $line in *"\\"prev\\":\\"$prev\\"}") ;; *) echo "event $n does not continue the one before it"; exit 1 ;; esac
    prev=$(printf %s "$line" | sha256sum | cut -d' ' -f1)
  done < journal.jsonl
  echo "$n events, head $prev"

Compare count and head with a status update, or with the end of exports/timeline.md.
"""


@dataclass(slots=True)
class Bundle:
    """What was bundled."""

    files: int = 0
    withheld: list[str] = field(default_factory=list)
    """Files that hold a known secret, so that they are not in it."""


@dataclass(slots=True)
class _Archive:
    """A tar archive whose files have the time of the last event, and the sums of those files."""

    tar: tarfile.TarFile
    root: str
    at: datetime
    sums: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, source: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(f"{self.root}/{name}")
        info.size, info.mtime, info.mode = size, int(self.at.timestamp()), 0o644
        reader = _Hashing(source)
        self.tar.addfile(info, reader)  # type: ignore[arg-type]  # it calls `read` and nothing else
        self.sums[name] = reader.digest.hexdigest()

    def add_bytes(self, name: str, content: bytes) -> None:
        self.add(name, io.BytesIO(content), len(content))


class _Hashing:
    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data


def write_bundle(
    folder: IncidentFolder,
    events: Sequence[Event],
    documents: Mapping[str, str],
    to: IO[bytes],
    *,
    secrets: Mapping[str, str],
    sign: Callable[[bytes], str] | None,
) -> Bundle:
    """Write the bundle of an incident. The same incident and documents give the same bytes before the signature.

    Raises `Failed`, also when the journal or a document holds a known secret.
    """
    found, known = Bundle(), [secret.encode() for secret in secrets.values()]
    with _Gzip(to) as packed, tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        archive = _Archive(tar, folder.id, events[-1].time)
        journal = b"".join(line.data.rstrip(b"\n") + b"\n" for line in merge_files(folder.journal).lines)
        texts = {"journal.jsonl": journal, "exports/readings.jsonl": _readings(events)}
        texts |= {name: text.encode("utf-8", "replace") for name, text in documents.items()}
        for name, content in texts.items():
            if any(secret in content for secret in known):
                raise Failed(f"{name} holds a known secret, so no bundle is made", hint="Change the secret, then retry")
            archive.add_bytes(name, content)
        for path in _files(folder):
            name = str(path.relative_to(folder.path))
            if not _add_file(archive, name, path, known):
                found.withheld.append(name)
        if found.withheld:
            archive.add_bytes(WITHHELD, "".join(f"{name}\n" for name in found.withheld).encode())
        archive.add_bytes("VERIFY.txt", _HOW.encode())
        found.files = len(archive.sums)
        sums = "".join(f"{digest}  {name}\n" for name, digest in archive.sums.items()).encode()
        archive.add_bytes(SUMS, sums)
        if sign is not None:
            archive.add_bytes(SIGNATURE, sign(sums).encode())
    return found


def _add_file(archive: _Archive, name: str, path: Path, secrets: Sequence[bytes]) -> bool:
    """Whether the file is in; one that holds a secret is not. What is appended meanwhile is left out."""
    try:
        with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if _holds(file, secrets):
                return False
            file.seek(0)
            archive.add(name, file, size)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise Failed(f"{path} cannot be bundled: {in_words(error)}") from error
    return True


def _holds(file: IO[bytes], secrets: Sequence[bytes]) -> bool:
    longest, rest = max(map(len, secrets), default=1), b""
    while block := file.read(_BLOCK_BYTES):
        rest += block
        if any(secret in rest for secret in secrets):
            return True
        rest = rest[-longest:]
    return False


def _files(folder: IncidentFolder) -> Iterator[Path]:
    """The files that belong to the record, in the order of their names."""
    yield from (folder.path / name for name in _TOP if (folder.path / name).is_file())
    attempts = [path for path in folder.path.glob("steps/*/*") if path.is_dir() and path.name.isdigit()]
    for attempt in sorted(attempts, key=lambda path: (path.parent.name, int(path.name))):
        yield from (attempt / name for name in _PARTS if (attempt / name).is_file())
    yield from sorted(folder.outbox.glob("*.json"))


def _readings(events: Sequence[Event]) -> bytes:
    rows = [
        {"event": event.seq, "time": event.time.isoformat(), **event.body}
        for event in events
        if event.kind == EventKind.READING
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


class _Gzip:
    """A gzip stream without a name and time of its own."""

    def __init__(self, to: IO[bytes]) -> None:
        self._to = to
        self._packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def __enter__(self) -> IO[bytes]:
        return self  # type: ignore[return-value]  # tarfile calls `write` and nothing else

    def __exit__(self, *_: object) -> None:
        self._to.write(self._packer.flush())

    def write(self, data: bytes) -> int:
        self._to.write(self._packer.compress(data))
        return len(data)
