"""Verifies a backup while it is written: unpacks the written bytes again in a second thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path

from actions.restoring.backup_validation import Verdict, compare, unpack, validate_stream
from midwatch.system.errors import Failed, OutcomeUnknown, shortage
from probes.backup.byte_pipe import BytePipe


class StreamVerifier:
    """Takes the compressed bytes as they come, and judges them in a thread of its own.

    Without a `pg_restore` it reaches depth 1: the gzip file's checksum and end are right, and what comes out of it is
    as long as what went in. With one it reads the archive through that as well, and counts the rows: depth 3, and 4
    when they are those of the dump's snapshot. At most a few megabytes wait; a reader that is slower slows the dump.
    """

    def __init__(self, pg_restore: Path | None) -> None:
        self._pg_restore = pg_restore
        self._passage = BytePipe()
        self._verdict = Verdict()
        self._unpacked = 0
        self._unread: Failed | None = None
        self._thread = threading.Thread(target=self._run, name="reading along", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Pass the data to the verifier; ignored after the verifier has given up."""
        with contextlib.suppress(BrokenPipeError):  # it has given up, and its verdict says why
            self._passage.pass_on(data)

    def verdict(self, unpacked: int, rows: Mapping[str, int] | None) -> Verdict:
        """What it found, once everything was written; `unpacked` bytes went into the compressor.

        Raises `Failed` when its `pg_restore` was killed, or memory ran out: then nobody knows.
        """
        self._passage.end()
        self._thread.join()
        if self._unread is not None:
            raise self._unread
        found = self._verdict
        if self._pg_restore is not None:
            compare(found, rows)
        elif not found.problem and self._unpacked != unpacked:
            found.problem = f"{self._unpacked} bytes came out of the compressor where {unpacked} went in"
        elif not found.problem:
            found.depth = 1
        return found

    def stop(self) -> None:
        """Give up, if it has not ended yet."""
        self._passage.fail(EOFError("the dump was given up"))
        self._thread.join()

    def _run(self) -> None:
        try:
            if self._pg_restore is None:
                self._verdict.problem = unpack(self._passage, self._count)
            else:
                self._verdict = validate_stream(self._passage, None, self._pg_restore)
        except Exception as error:  # whatever it is: what could not be read is not good
            self._verdict = Verdict(problem=f"it cannot be read along: {error}")
            if short := error.sentence if isinstance(error, OutcomeUnknown) else shortage(error):
                self._unread = Failed(short, hint="Nothing was published; free memory, and run it again")
        finally:
            self._passage.close()

    def _count(self, chunk: bytes) -> None:
        self._unpacked += len(chunk)
