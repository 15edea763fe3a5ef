"""Reads a small text file written by a person, and reports in one sentence why the file cannot be read."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import stat
from pathlib import Path

from midwatch.system.errors import BadInput, OutcomeUnknown, SourceLocation
from midwatch.system.mounts import require_answer
from midwatch.system.trust import Trust, UntrustedFile
from midwatch.system.trusted_files import open_trusted

LIMIT = 1024 * 1024
"""Bytes. A runbook of a hundred steps has about 60,000."""

_OTHER_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# YAML 1.1 breaks lines at U+0085, U+2028 and U+2029, most editors do not: what looks like a remark could be a key.
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(path: Path, trust: Trust | None = None) -> tuple[str, str]:
    """The text of a UTF-8 file (a byte order mark left out) and the SHA-256 (hex) of its bytes.

    Raises `BadInput` for what is missing, no regular file, unreadable, longer than `LIMIT`, not UTF-8 or not text, and
    with `trust` for what somebody else could have made.
    """
    data = _read(path, trust)
    for mark, name in _OTHER_ENCODINGS:
        if data.startswith(mark):
            raise BadInput(
                f"The file is written in {name}", place=SourceLocation(str(path), 1, 1), hint="Save it as UTF-8"
            )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place(path, data[: error.start].decode("utf-8", "replace"))
        raise BadInput(
            f"The byte 0x{data[error.start]:02X} is not UTF-8 text", place=place, hint="Save it as UTF-8"
        ) from error
    bad = _CONTROL.search(text)
    if bad:
        sentence = f"A control character (U+{ord(bad[0]):04X}) stands here"
        raise BadInput(sentence, place=_place(path, text[: bad.start()]), hint="Take it out; is this a text file?")
    return text, hashlib.sha256(data).hexdigest()


def require_reachable(path: Path) -> None:
    """Raise `BadInput` for a path on a mount that does not answer."""
    try:
        require_answer(path)
    except OutcomeUnknown as error:
        raise BadInput(error.sentence, place=SourceLocation(str(path)), hint=error.hint) from error


def _read(path: Path, trust: Trust | None) -> bytes:
    where = SourceLocation(str(path))
    require_reachable(path)
    try:
        # Without O_NONBLOCK, a pipe without a writer would hang here.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags) if trust is None else open_trusted(path, trust)
        try:
            return _limited(descriptor, where)
        finally:
            os.close(descriptor)
    except UntrustedFile as error:
        hint = "Read it. If you trust it, name it: a runbook as RUNBOOK or --runbook, a site file as --site"
        raise BadInput(error.sentence, hint=hint) from error
    except FileNotFoundError as error:
        raise BadInput("There is no such file", place=where) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadInput(f"The file cannot be read: {reason}", place=where) from error


def _limited(descriptor: int, where: SourceLocation) -> bytes:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise BadInput("This is a folder, not a file", place=where)
    if not stat.S_ISREG(status.st_mode):
        raise BadInput("This is not a regular file", place=where)
    data, length = b"", status.st_size
    while length <= LIMIT and (piece := os.read(descriptor, LIMIT + 1)):
        data += piece
        length = max(length, len(data))  # what the kernel makes up, and what still grows, has no length beforehand
    if length > LIMIT:
        raise BadInput(f"The file is longer than 1 MiB ({length:,} bytes)", place=where, hint="Is this the right file?")
    return data


def _place(path: Path, before: str) -> SourceLocation:
    """The position that follows `before`."""
    return SourceLocation(str(path), before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
