"""Finds the runbook of a command (argument, environment variable or current folder) and its incidents."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.system.errors import BadInput, Refused
from midwatch.system.trust import Trust

if TYPE_CHECKING:
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.incident.paths import IncidentFolder
    from midwatch.runbook.model import Runbook

_HERE = Path("runbook.yaml")


def add_runbook(parser: argparse.ArgumentParser, *, positional: bool = False) -> None:
    """Add the options that say which runbook, and on which site."""
    parser.set_defaults(name_runbook="midwatch RUNBOOK" if positional else "--runbook FILE")
    text = "the runbook (default: $MIDWATCH_RUNBOOK, else ./runbook.yaml if nobody else can write to it)"
    if positional:
        parser.add_argument("runbook", nargs="?", metavar="RUNBOOK", help=text)
    else:
        parser.add_argument("--runbook", metavar="FILE", help=text)
    parser.add_argument(
        "--site", metavar="FILE", help="the site file (default: $MIDWATCH_SITE, else site.yaml beside the runbook)"
    )


def add_incident(
    parser: argparse.ArgumentParser,
    help: str = "its id, the beginning of one, or 'latest' (default): the open one declared last, else the last",
) -> None:
    """Add the argument that says which incident."""
    parser.add_argument("incident", nargs="?", default="latest", metavar="INCIDENT", help=help)


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the option that gives what the runbook asks for when an incident is declared."""
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        dest="inputs",
        metavar="NAME=VALUE",
        help="the value of an input of the runbook; once for each input",
    )


def inputs_given(given: Sequence[str]) -> dict[str, str]:
    """Each `NAME=VALUE`, split at its first `=`. Raises `BadInput` for one without, and for a name that comes twice."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"--input takes NAME=VALUE, not {text!r}", hint="Such as --input ticket=OPS-4711")
        if name in found:
            raise BadInput(f"--input gives {name!r} twice", hint="Give it once")
        found[name] = value
    return found


def refuse_inputs(args: argparse.Namespace, folder: IncidentFolder) -> None:
    """Raise `BadInput` when inputs are given to an incident that has its own since it was declared."""
    if args.inputs:
        raise BadInput(
            f"--input is for a new incident, and {folder.id} was declared before",
            hint="Leave it out, or declare a new one",
        )


def find_runbook(given: str | None, name_it: str) -> Path:
    """The runbook's path. Raises `BadInput` when none is given and none is here; `name_it` says how to give one."""
    if given:
        return Path(given)
    if os.environ.get("MIDWATCH_RUNBOOK"):
        from midwatch.runbook.loader import there_by_environment

        return there_by_environment("MIDWATCH_RUNBOOK", os.environ)
    if _HERE.exists():
        return _HERE
    raise BadInput("There is no runbook.yaml in this folder", hint=f"Name one: {name_it}; or rehearse: midwatch drill")


def load_runbook(args: argparse.Namespace, *, to_run: bool = True, outline: bool = False) -> Runbook:
    """The runbook that the arguments and the environment name, read and checked; of an `outline`, read only.

    Raises `BadInput`, also when nobody named the runbook in this folder and others could have made it; for whoever only
    looks for incidents (not `to_run`) that does not matter.
    """
    from midwatch.runbook.loader import load, load_outline

    trust = _trust_unnamed() if to_run and not _is_named(args) else None
    runbook = (load_outline if outline else load)(
        find_runbook(args.runbook, args.name_runbook), site=Path(args.site) if args.site else None, trust=trust
    )
    _require_confirmed(runbook, args)
    base = os.environ.get("MIDWATCH_BASE")  # a step of an incident: paths start where they did on the day
    return dataclasses.replace(runbook, base=Path(base)) if base else runbook


def _is_named(args: argparse.Namespace) -> bool:
    return bool(args.runbook or os.environ.get("MIDWATCH_RUNBOOK"))


def _trust_unnamed() -> Trust:
    """Whose `runbook.yaml` is run without being named: this user's, root's, and that of who called sudo, as in git."""
    caller = os.environ.get("SUDO_UID", "") if os.geteuid() == 0 else ""
    return Trust.of(os.geteuid(), *([int(caller)] if caller.isdecimal() else []))


def own_runbook(args: argparse.Namespace) -> Runbook | None:
    """The runbook that the operator named or has here; None when there is none, or none that can be used."""
    try:
        return load_runbook(args)
    except BadInput:
        return None


def _require_confirmed(runbook: Runbook, args: argparse.Namespace) -> None:
    """In a step of an incident: raise `Refused` unless these are the files that the step was confirmed with."""
    for named, variable, path, sha256 in (
        (args.runbook, "MIDWATCH_RUNBOOK_SHA256", runbook.file, runbook.sha256),
        (args.site, "MIDWATCH_SITE_SHA256", runbook.site, runbook.site_sha256),
    ):
        if not named and variable in os.environ and os.environ[variable] != sha256:
            raise Refused(
                f"{path or 'The site file'} was changed after this step was confirmed: its SHA-256 is not ${variable}",
                hint="Put it back as it was, and run the step again",
            )


def logs_folder(args: argparse.Namespace) -> Path:
    """Where incidents lie: the place `logs` of the runbook when there is one here, else `./logs`."""
    if _is_named(args) or _HERE.exists():
        return load_runbook(args, to_run=False).location_of("logs")
    return Path("logs").absolute()


def runbook_id(args: argparse.Namespace) -> str:
    """The id of the runbook that the command line names, whose incidents are meant; empty where none is named."""
    return load_runbook(args, to_run=False).id if args.runbook else ""


def incident_folder(args: argparse.Namespace) -> IncidentFolder:
    """The incident that the command line means. Raises `BadInput`."""
    from midwatch.engine.repository import find

    return find(logs_folder(args), args.incident, runbook_id(args))


def debug_log(controller: IncidentController) -> AbstractContextManager[None]:
    """Keep the messages of this process in the incident's debug log while this process drives the incident."""
    from midwatch.incident.debug_log import kept_in
    from midwatch.runbook.secret_sources import known_secrets

    secrets = partial(known_secrets, controller.runbook)
    return kept_in(controller.folder.debug_log, secrets, wanted=lambda: controller.driving)


def observed(args: argparse.Namespace) -> IncidentController:
    """The incident that the command line means, to be observed."""
    from midwatch.engine.incident_controller import IncidentController
    from midwatch.system.actor import current_actor

    return IncidentController.observe(incident_folder(args), actor=current_actor(), own=own_runbook(args))


def is_driven(controller: IncidentController) -> bool:
    """Whether a driver may answer; one whose process has ended does not."""
    from midwatch.control.lease import DriverState

    return controller.lease.state not in (DriverState.NOBODY, DriverState.EXITED)


@contextlib.contextmanager
def in_control(args: argparse.Namespace) -> Iterator[IncidentController]:
    """Drive the incident that the command line means for one command. Raises `Refused` while somebody drives it."""
    from midwatch.engine.policy import require_open

    controller = observed(args)
    require_open(controller.incident)
    controller.take_control()
    try:
        yield controller
    finally:
        controller.leave()
