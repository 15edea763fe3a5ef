"""The application that declares an incident: severity, inputs and roles; an introduction on the first run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from midwatch.engine.repository import Summary
from midwatch.runbook.declaration import Declaration
from midwatch.runbook.model import Runbook
from midwatch.system.errors import MidwatchError
from screens.dialogs.declare import declaration_of, declare_form
from screens.widgets.background import start_work
from tui.app.base_app import BaseApp


class DeclareApp(BaseApp[Declaration]):
    """Returns what is declared; None when nothing is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q,ctrl+c", "quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
    ]

    def __init__(
        self,
        runbook: Runbook,
        earlier: list[Summary],
        given: Mapping[str, str],
        *,
        ascii: bool = False,
        environment: Mapping[str, str] | None = None,
        waiting: Sequence[str] = (),
        seen: Sequence[str] = (),
    ) -> None:
        """`earlier` are the incidents that there were, newest first; `given` what is known already of what it asks
        for; `waiting` the requests of the watcher; `seen` a line on each of the last incidents of this runbook."""
        super().__init__(os.environ if environment is None else environment, ascii=ascii)
        self._runbook, self._earlier, self._given = runbook, earlier, given
        self._waiting, self._seen = waiting, seen

    def on_mount(self) -> None:
        """Open the form that declares an incident."""
        self.end_with_the_terminal()
        start_work(self, self._declare)

    async def _declare(self) -> None:
        form = declare_form(self.text_styles, self._runbook, self._earlier, self._given, self._waiting, self._seen)
        async for values in form.answers(self):
            try:
                self.exit(declaration_of(self._runbook, values))
            except MidwatchError as error:
                form.complain(str(error))
        self.exit(self.return_value)
