"""The options of a command that keep a status page while the command runs."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tui.output import say

if TYPE_CHECKING:
    from midwatch.engine.incident_controller import IncidentController


def add_status_page(parser: argparse.ArgumentParser) -> None:
    """Add the options that keep a status page."""
    parser.add_argument(
        "--status-page", metavar="DIR", help="keep DIR/index.html current at each event, for any web server"
    )
    parser.add_argument(
        "--status-audience",
        choices=("external", "internal"),
        default="external",
        help="who reads the status page: people outside (default; no hosts, users, steps or output) or the team",
    )


def prepare_status_page(args: argparse.Namespace) -> None:
    """Make the folder of the status page, if one is wanted. Raises `BadInput` where no page can be written."""
    if args.status_page:
        from midwatch.engine.status_page_writer import prepare_folder
        from midwatch.reports.status_page import Audience

        prepare_folder(Path(args.status_page), Audience(args.status_audience))


@contextlib.contextmanager
def kept_status_page(args: argparse.Namespace, controller: IncidentController) -> Iterator[None]:
    """Keep the status page, if one is wanted."""
    if not args.status_page:
        yield
        return
    from midwatch.engine.status_page_writer import StatusPageWriter
    from midwatch.reports.status_page import Audience

    writer = StatusPageWriter(controller.session, Path(args.status_page), Audience(args.status_audience))
    with writer.keeping_current():
        yield
    if writer.problem:
        with contextlib.suppress(OSError):  # the terminal may be gone
            say(f"midwatch: the status page in {args.status_page} is not current: {writer.problem}.", error=True)
