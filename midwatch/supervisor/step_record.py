"""What is kept of a step: its output, its progress, its values and its result. Every secret in them is masked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from midwatch.incident.paths import AttemptFolder
from midwatch.redaction import Redactor
from midwatch.supervisor.other_user import OtherUser
from midwatch.supervisor.output import OutputFile
from midwatch.supervisor.progress import ProgressFile, ProgressFilter
from midwatch.supervisor.result import ReservedFile, Result, result_bytes
from midwatch.supervisor.step_outputs import LARGEST_FILE, ReportFile

_IDLE_S = 0.1
"""Seconds of silence after which what was held back is shown as far as it is safe."""
_PROGRESS_EVERY_S = 0.25


class StepRecord:
    """The files of one attempt. The space for values and result is taken at the start."""

    def __init__(self, folder: AttemptFolder, secrets: Mapping[str, str], output_limit: int) -> None:
        """Make the files. Raises `OSError`."""
        self._redactor = Redactor(secrets)
        self._result = ReservedFile(folder.result)
        self._values = ReservedFile(folder.values, LARGEST_FILE)
        self._output = OutputFile(folder.output, folder.timing, output_limit)
        self._progress_file, self._progress = ProgressFile(folder.progress), ProgressFilter()
        self._progress_due = 0.0
        self._discovered: dict[str, None] = {}

    def mask(self, name: str, value: str) -> bool:
        """Mask this secret from here on; False when it is too short for that."""
        try:
            self._discovered[self._redactor.add(name, value)] = None
        except ValueError:
            return False
        return True

    def write(self, data: bytes, seconds: float) -> None:
        """Take in what the step wrote, `seconds` after its start; nothing while it is silent."""
        self._output.write(self._redactor.feed(self._progress.feed(data)) if data else self._redactor.idle(), seconds)

    def write_progress(self) -> None:
        """Store what the step has told of its progress, four times a second at most."""
        if self._progress.changed and time.monotonic() >= self._progress_due:
            self._store_progress()

    def due(self, now: float) -> list[float]:
        """Monotonic times at which there is something to be written."""
        return [self._progress_due] * self._progress.changed + [now + _IDLE_S] * self._redactor.holds

    def end_try(self, line: str, seconds: float) -> None:
        """Write what was held back of a try, and a line of our own."""
        self._output.write(self._held(cut=True) + line.encode(), seconds)

    def finish(self, report: ReportFile | OtherUser, seconds: float, *, cut: bool) -> None:
        """Write what was held back, and keep what the step reported. `cut`: the step did not come to its end."""
        self._output.write(self._held(cut=cut), seconds)
        self._output.finish(seconds)
        if self._progress.changed:
            self._store_progress()
        self._progress_file.close()
        self._keep_values(report)

    def publish(self, result: Result) -> None:
        """Write the result, with what is known here of output and secrets. Raises `OSError`."""
        whole = replace(
            result,
            error=self._redactor.once(result.error.encode("utf-8", "replace")).decode("utf-8", "replace"),
            output_bytes=self._output.stored,
            output_dropped=self._output.dropped,
            output_sha256=self._output.sha256,
            discovered=tuple(self._discovered),
        )
        counted = replace(whole, masked=self._redactor.masked, secrets=dict(self._redactor.counts))
        self._result.publish(result_bytes(counted))

    def _held(self, *, cut: bool) -> bytes:
        return self._redactor.feed(self._progress.flush()) + self._redactor.flush(cut=cut)

    def _store_progress(self) -> None:
        self._progress_file.write(self._progress.latest)
        self._progress.changed = False
        self._progress_due = time.monotonic() + _PROGRESS_EVERY_S

    def _keep_values(self, report: ReportFile | OtherUser) -> None:
        """Replace what the step wrote by its redacted form, in space that was taken at the start."""
        try:
            content = report.read()
        except OSError:
            self._values.discard()
        else:
            redacted = self._redactor.once(content)
            if report.in_place and len(content) <= LARGEST_FILE and redacted == content:
                self._values.discard()
            else:
                self._values.publish(redacted[:LARGEST_FILE])
        report.remove()
