"""The file `post-mortem.md` of an incident: generated from the journal, edited by people, and generated again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path

from midwatch.incident.paths import IncidentFolder
from midwatch.incident.permissions import read_file, replace_file
from midwatch.incident.state import Incident
from midwatch.reports.markdown import text
from midwatch.reports.sections import missing_sections, unwritten_sections
from midwatch.reports.three_way import conflicts_in, merge
from midwatch.reports.time_format import LOCAL_TIMES
from midwatch.system.errors import BadInput, Failed, Refused
from midwatch.system.local_zone import named_zone
from midwatch.system.units import counted

PUBLISHING_STEP = "publish-post-mortem"
_PLACE_KEYS = ("published", "link", "where", "url")
_UNWRITTEN = "; still to be written: "
_LIMIT_BYTES = 64 << 20
_STATUS = re.compile(r"^\*\*Status:\*\* (?P<word>draft|in review|published)\b.*$", re.MULTILINE)
_ZONE = re.compile(rf"^\| {LOCAL_TIMES} \| (?P<zone>.+) \|$", re.MULTILINE)


class Status(StrEnum):
    """How far people are with a post-mortem."""

    DRAFT = "draft"
    IN_REVIEW = "in review"
    PUBLISHED = "published"


def status_line(status: Status, more: str = "") -> str:
    """The line that says it; `more` is Markdown."""
    return f"**Status:** {status}{more}"


def status_of(document: str) -> Status:
    """The status that a post-mortem says of itself; one that says none is a draft."""
    found = _STATUS.search(document)
    return Status(found["word"]) if found else Status.DRAFT


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a document is."""

    sha256: str
    status: Status
    conflicts: int
    missing: tuple[str, ...]
    """Required sections that are not written."""
    unwritten: tuple[str, ...]
    """All sections in which something is still to be written."""

    @classmethod
    def of(cls, document: str) -> Progress:
        """What this document lacks."""
        sha256 = hashlib.sha256(_encoded(document)).hexdigest()
        missing, unwritten = tuple(missing_sections(document)), tuple(unwritten_sections(document))
        return cls(sha256, status_of(document), conflicts_in(document), missing, unwritten)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to write or to resolve."""
        return not self.missing and not self.conflicts

    @property
    def words(self) -> str:
        """`complete`, or what people still have to do, in a clause."""
        parts = [f"still empty: {', '.join(self.missing)}"] if self.missing else []
        if self.conflicts:
            parts.append(f"{counted(self.conflicts, 'conflict')} to resolve between what people wrote and the journal")
        more = f"complete, but still to be written: {', '.join(self.unwritten)}" if self.unwritten else "complete"
        return "; ".join(parts) or more


class PostMortemFile:
    """One post-mortem on disk. What was generated last is kept beside it, as the base of the next merge."""

    def __init__(self, folder: IncidentFolder) -> None:
        self.path = folder.post_mortem
        self.before = folder.post_mortem.with_name("post-mortem.md.before")
        self._base = folder.path / ".post-mortem.generated"

    def read(self) -> str | None:
        """The document; None before it is written. Raises `Failed`."""
        return _read(self.path)

    def was_edited(self) -> bool:
        """Whether people changed it since it was generated. Raises `Failed`."""
        document = self.read()
        return document is not None and _without_status(document) != _without_status(_read(self._base))

    def zone(self, otherwise: tzinfo | None) -> tzinfo | None:
        """The zone of the local times in what was generated last, so that the next generation changes no time.

        `otherwise` before anything was generated, and where the document names no zone.
        """
        base = _read(self._base)
        if base is None:
            return otherwise
        named = _ZONE.search(base)
        try:
            return named_zone(named["zone"]) if named else None
        except BadInput:
            return otherwise

    def write(self, generated: str) -> Progress:
        """Write what was generated, with what people wrote in it since the last time. Raises `Failed`.

        The former document is kept as `post-mortem.md.before`.
        """
        mine, document = self.read(), self.merged(generated)
        if mine is not None:
            self._replace(self.before, mine)
        self._replace(self.path, document)
        self._replace(self._base, generated)  # last: after a crash in between, the next merge finds both sides equal
        return Progress.of(document)

    def merged(self, generated: str) -> str:
        """What was generated, with what people wrote in the file since the last time. Raises `Failed`."""
        mine = self.read()
        if mine is None:
            return _with_unwritten(generated)
        status = _STATUS.search(mine)
        merged = merge(_without_status(_read(self._base)), _without_status(mine) or "", generated)
        return _with_unwritten(_further(merged.text, status[0] if status else ""))

    def set_status(self, status: Status, more: str) -> None:
        """Write the status into the document. Raises `BadInput`, `Refused` and `Failed`."""
        document = self.read()
        if document is None:
            raise BadInput(f"{self.path} is not written yet", hint="Write it: midwatch post-mortem --write")
        found = Progress.of(document)
        if status is not Status.DRAFT and found.conflicts:
            raise Refused(
                f"{self.path.name} has {counted(found.conflicts, 'conflict')} that nobody has resolved",
                hint="Look for the lines that begin with <<<<<<<, and keep what is right",
            )
        lacking = list(dict.fromkeys([*found.missing, *found.unwritten]))
        if status is Status.PUBLISHED and lacking:
            raise Refused(
                f"{self.path.name} lacks: {', '.join(lacking)}", hint="Write them first; a word such as None counts"
            )
        line = status_line(status, more)
        if _STATUS.search(document):
            document = _STATUS.sub(lambda _: line, document, count=1)
        else:
            title, _, rest = document.partition("\n")
            document = f"{title}\n\n{line}\n{rest}"
        self._replace(self.path, document)

    def _replace(self, path: Path, document: str) -> None:
        try:
            replace_file(path, _encoded(document))
        except OSError as error:
            raise Failed(f"{path} cannot be written: {error.strerror}", hint="Export it elsewhere") from error


def _encoded(document: str) -> bytes:
    """As UTF-8; bytes of people that are none stay as they are."""
    return document.encode("utf-8", "surrogateescape")


def _read(path: Path) -> str | None:
    try:
        return read_file(path, limit_bytes=_LIMIT_BYTES).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}", hint="Put it right, or move it away") from error


def _without_status(document: str | None) -> str | None:
    """The document as a draft: its status is no text to be merged."""
    return None if document is None else _STATUS.sub(status_line(Status.DRAFT), document, count=1)


def _further(document: str, former: str) -> str:
    """The document with the status that is further: the journal's, or the one that people gave it."""
    found = _STATUS.search(former)
    order = list(Status)
    if found and order.index(Status(found["word"])) >= order.index(status_of(document)):
        return _STATUS.sub(lambda _: former, document, count=1)
    return document


def _with_unwritten(document: str) -> str:
    """The document; what is published although sections are not written says so in its status."""
    found = _STATUS.search(document)
    if found is None or found["word"] != Status.PUBLISHED:
        return document
    unwritten = unwritten_sections(document)
    line = found[0].partition(_UNWRITTEN)[0] + (f"{_UNWRITTEN}{', '.join(unwritten)}" if unwritten else "")
    return _STATUS.sub(lambda _: line, document, count=1)


def published_at(incident: Incident, step: str = PUBLISHING_STEP) -> str:
    """Where the answers of this step say that the post-mortem was published; empty where they do not."""
    where = next(filter(None, (incident.value(step, key) for key in _PLACE_KEYS)), "").strip()
    return "" if where.lower() == "no" else where


def status_by(incident: Incident) -> str:
    """The line of the status as the journal knows it."""
    where = published_at(incident)
    return status_line(Status.PUBLISHED, f" at {text(where)}") if where else status_line(Status.DRAFT)
