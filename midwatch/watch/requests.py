"""Requests to declare: a file for each trigger that fired, in the watcher's own folder, and what people answered.

The watcher writes `requests/`. Whoever drives incidents writes the answers, beside the incidents. Both are foreign text
for the other: files are read only where nobody else could have made them, and their texts are cleaned before they are
shown.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from midwatch.incident.permissions import new_folder, replace_file
from midwatch.runbook.model import Runbook
from midwatch.system.clock import from_rfc3339
from midwatch.system.errors import BadInput, Failed, MidwatchError
from midwatch.system.sanitize import safe_text
from midwatch.system.strict_json import number_of, read_object, text_of
from midwatch.system.suggestion import suggest
from midwatch.system.trust import OTHERS_WRITE, Trust, UntrustedFile
from midwatch.system.trusted_files import read_trusted

EVIDENCE_LIMIT = 2_000
"""Characters of the evidence."""
_FORMAT = 1
_FILE_LIMIT_BYTES = 64 * 1024
_READ_AT_MOST = 500
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,119}")
_TEXTS = ("id", "runbook", "trigger", "title", "kind", "severity", "evidence", "at", "seen_at", "host", "joins")
FIRED, SILENT = "fired", "silent"
DECLARED, JOINED, DISMISSED = "declared", "joined", "dismissed"


@dataclass(frozen=True, slots=True)
class DeclareRequest:
    """A trigger that fired, and why."""

    id: str
    number: int
    """Counts the requests of a watcher."""
    runbook: str
    """The id of the runbook."""
    trigger: str
    title: str
    kind: str
    """`fired`, or `silent` where nothing is known of what is watched."""
    severity: str
    evidence: str
    at: str
    """When it happened, as RFC 3339."""
    seen_at: str
    """When the watcher saw it, as RFC 3339."""
    host: str
    joins: str = ""
    """The incident that was open then; empty for none."""

    @property
    def moment(self) -> datetime:
        """When it happened."""
        return from_rfc3339(self.at)

    @property
    def line(self) -> str:
        """One line for people: what happened, when, and how that is known."""
        return safe_text(f"{self.title}, {self.moment:%Y-%m-%d %H:%M:%S} UTC: {self.evidence}")

    def to_json(self) -> dict[str, Any]:
        """As its file has it."""
        return {"format": _FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises `ValueError` for what is none."""
        if data.get("format") != _FORMAT or set(data) != {"format", "number", *_TEXTS}:
            raise ValueError("it is no request of this version of Midwatch")
        texts = {name: safe_text(text_of(data, name)) for name in _TEXTS}
        request = cls(number=int(number_of(data, "number")), **texts)
        if not _ID.fullmatch(request.id) or request.kind not in (FIRED, SILENT):
            raise ValueError("its id or kind is none")
        if request.moment.tzinfo is None or from_rfc3339(request.seen_at).tzinfo is None:
            raise ValueError("its times have no zone")
        return request


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """What somebody did about a request."""

    request: str
    word: str
    """`declared`, `joined` or `dismissed`."""
    by: str
    at: str
    """As RFC 3339."""
    incident: str = ""
    reason: str = ""


class RequestStore:
    """The requests of one runbook, and their answers."""

    def __init__(self, runbook: Runbook) -> None:
        self._runbook = runbook.id
        self.folder = runbook.location_of("watch") / "requests"
        self.answers_folder = runbook.location_of("logs") / "watch-answers"
        self.problems: list[str] = []
        """Why files could not be read, from the last reading."""
        self._answered: set[str] = set()
        """Requests whose answer was read: it stays."""

    def write(self, request: DeclareRequest) -> None:
        """Put a request on disk. Raises `OSError`."""
        with contextlib.suppress(FileExistsError):
            new_folder(self.folder)
        replace_file(self.folder / f"{request.id}.json", _encoded(request.to_json()))

    def forget_before(self, moment: float) -> None:
        """Take the requests away that were answered, and made before this time of day. Raises `OSError`."""
        for name in _names(self.folder, before=moment):
            if self.answer_to(name) is not None:
                (self.folder / f"{name}.json").unlink(missing_ok=True)

    def every(self) -> list[DeclareRequest]:
        """The requests of this runbook, the oldest first; what cannot be read is told in `problems`."""
        return self._requests(self._names()[-_READ_AT_MOST:])

    def _names(self) -> list[str]:
        self.problems = []
        try:
            return _names(self.folder)
        except OSError as error:
            self.problems.append(f"{self.folder} cannot be read: {error.strerror}")
            return []

    def _requests(self, names: Iterable[str]) -> list[DeclareRequest]:
        found = []
        for name in names:
            try:
                request = DeclareRequest.from_json(self._read(self.folder, name))
                if request.id != name:
                    raise ValueError("it has the name of another one")
                if request.runbook == self._runbook:
                    found.append(request)
            except (OSError, ValueError, MidwatchError) as error:
                words = error.sentence if isinstance(error, MidwatchError) else str(error)
                self.problems.append(safe_text(f"{name}.json: {words}"))
        return sorted(found, key=lambda request: (request.seen_at, request.number))

    def pending(self) -> list[DeclareRequest]:
        """Those that nobody has answered, however many were answered since."""
        names = [name for name in self._names() if name not in self._answered]
        if len(names) > _READ_AT_MOST:
            with contextlib.suppress(OSError):
                answered = {*_names(self.answers_folder)}
                names = [name for name in names[:-_READ_AT_MOST] if name not in answered] + names[-_READ_AT_MOST:]
        waiting = [name for name in names if self.answer_to(name) is None]
        self._answered |= {*names} - {*waiting}
        return self._requests(waiting[-_READ_AT_MOST:])

    def find(self, name: str) -> DeclareRequest:
        """The pending request with this id or beginning of one, or the `latest`. Raises `BadInput`."""
        pending = self.pending()
        exact = [request for request in pending if request.id == name] or pending[-1:] * (name == "latest")
        found = exact or [request for request in pending if name and request.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        if answer := self.answer_to(name) if _ID.fullmatch(name) else None:
            raise BadInput(f"The request {name} was answered: {answer.word} by {answer.by}", hint=answer.incident)
        hint = suggest(name, [request.id for request in pending], "Pending") if pending else "No request is pending"
        raise BadInput(f"There is no request {name!r} that is pending", hint=hint)

    def answer(self, answer: RequestAnswer) -> None:
        """Put an answer on disk. Raises `Failed`."""
        try:
            with contextlib.suppress(FileExistsError):
                new_folder(self.answers_folder)
            replace_file(self.answers_folder / f"{answer.request}.json", _encoded(asdict(answer)))
        except OSError as error:
            raise Failed(f"The answer to {answer.request} cannot be written: {error.strerror}") from error

    def answer_to(self, request_id: str) -> RequestAnswer | None:
        """What was answered to this request; None without an answer that can be read."""
        with contextlib.suppress(OSError, ValueError, MidwatchError, TypeError):
            data = self._read(self.answers_folder, request_id)
            return RequestAnswer(**{name: safe_text(text_of(data, name)) for name in data})
        return None

    def changed_at(self) -> tuple[int, int]:
        """Changes whenever a request or an answer comes or goes."""
        return _changed_at(self.folder), _changed_at(self.answers_folder)

    def _read(self, folder: Path, name: str) -> dict[str, Any]:
        """One file that the owner of the folder made, or a member of its group where the folder is shared."""
        path, of_folder = folder / f"{name}.json", folder.stat()
        if of_folder.st_mode & OTHERS_WRITE & ~0o020:
            raise UntrustedFile(f"{folder} can be changed by every user", hint="chmod o-w")
        owner = path.lstat().st_uid if of_folder.st_mode & 0o020 else of_folder.st_uid
        trust = Trust.of(owner, os.geteuid()).in_any_folder().shared()
        return read_object(read_trusted(path, trust, limit_bytes=_FILE_LIMIT_BYTES))


def _names(folder: Path, before: float = math.inf) -> list[str]:
    """The names of the requests in a folder, as they were made; none without a folder. Raises `OSError`."""
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".json") and not entry.name.startswith("."):
                made_at = entry.stat(follow_symlinks=False).st_mtime
                if made_at < before:
                    found.append((made_at, entry.name.removesuffix(".json")))
    return [name for _, name in sorted(found)]


def _changed_at(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _encoded(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"
