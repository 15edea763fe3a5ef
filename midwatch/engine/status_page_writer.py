"""Keeps a status page current: a thread writes it after each event, so that a slow disk holds up no step."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from midwatch.engine.journal_session import JournalSession
from midwatch.reports.status_page import Audience, PageSource, status_page
from midwatch.system.errors import BadInput, MidwatchError, in_words
from midwatch.system.mounts import require_answer
from midwatch.system.trust import Trust
from midwatch.system.trusted_files import atomic_write, make_folders, read_regular

_LOG = logging.getLogger(__name__)
PAGE = "index.html"
_FOLDER_MODE, _FILE_MODE = 0o755, 0o644
"""A web server reads both, whatever the umask is."""
_AGAIN_S, _LAST_S = 10.0, 5.0
"""Seconds until a page that could not be written is tried again, and for the last one."""
_READ_LIMIT_BYTES = 16 * 1024 * 1024


def prepare_folder(folder: Path, audience: Audience) -> None:
    """Make the folder of a page. Raises `BadInput` where that fails, where this user may not write, and where
    `index.html` is no page of Midwatch for this audience."""
    page, problem, hint = folder / PAGE, "", "Name a folder that you can write to"
    try:
        require_answer(folder)
        make_folders(folder, mode=_FOLDER_MODE, trust=Trust.own().in_any_folder())
        if not os.access(folder, os.W_OK | os.X_OK):
            problem = "this user may not write there"
        with contextlib.suppress(FileNotFoundError):
            if audience.mark.encode() not in read_regular(page, limit_bytes=_READ_LIMIT_BYTES):
                problem = f"its {PAGE} is no page of Midwatch for {audience.readers}"
                hint = f"Name another folder, or remove that {PAGE}"
    except (OSError, MidwatchError) as error:
        problem = in_words(error)
    if problem:
        raise BadInput(f"The status page cannot be written to {folder}: {problem}", hint=hint)


class StatusPageWriter:
    """Writes `index.html` in one folder."""

    def __init__(self, session: JournalSession, folder: Path, audience: Audience) -> None:
        self._session, self._folder, self._audience = session, folder, audience
        self.problem = ""
        """Why the last page could not be written; empty when it was."""

    @contextlib.contextmanager
    def keeping_current(self) -> Iterator[None]:
        """Write the page now, after each event, and at the end."""
        changed, ended = threading.Event(), threading.Event()
        changed.set()  # the first page
        self._session.watchers.append(changed)
        thread = threading.Thread(target=self._follow, args=(changed, ended), name="status page", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            changed.set()
            thread.join(_LAST_S)
            self._session.watchers.remove(changed)

    def _follow(self, changed: threading.Event, ended: threading.Event) -> None:
        is_last = False
        while not is_last:
            changed.wait(_AGAIN_S if self.problem else None)
            changed.clear()
            is_last = ended.is_set()
            try:
                self._write()
                self.problem = ""
            except Exception as error:  # the incident goes on without its page
                self.problem = in_words(error)
                _LOG.warning("The status page cannot be written to %s: %s", self._folder, self.problem)

    def _write(self) -> None:
        session = self._session
        with session.mutex:
            source = PageSource(
                session.runbook, session.incident, tuple(session.events), session.secrets, session.next_update_due
            )
        content = status_page(source, self._audience).encode()
        atomic_write(self._folder / PAGE, content, mode=_FILE_MODE, trust=None)
