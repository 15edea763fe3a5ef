"""`midwatch proof`: the newest backup of each database that is proven restorable; `run` proves one by restoring it."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from midwatch.system.errors import BadInput, Exit, Refused
from midwatch.system.suggestion import suggest
from midwatch.system.units import counted, duration
from tui.cli_context import add_runbook, load_runbook
from tui.output import say, say_json

if TYPE_CHECKING:
    from midwatch.runbook.model import Runbook
    from midwatch.runbook.targets import Target
    from probes.backup.backup_catalog import BackupFile
    from probes.backup.proof_log import Proof, ProofLog

_SHOW, _RUN, _VERIFY = "show", "run", "verify"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `midwatch proof` to its parser."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=(_SHOW, _RUN, _VERIFY),
        default=_SHOW,
        help="show (default); run: restore the newest good backup of each database into a scratch server and keep what "
        "was found; verify: check the chain of the log of validations",
    )
    add_runbook(parser)
    parser.add_argument("--target", action="append", default=[], metavar="NAME", help="this database only; repeatable")
    parser.add_argument("--json", action="store_true", help="with show: print JSON")
    parser.add_argument("--scratch", metavar="FOLDER", help="with run: a folder with room for the scratch server")
    parser.add_argument("--image", metavar="IMAGE", help="with run: an image for a server in a container instead")
    parser.add_argument("--identity", metavar="FILE", help="with run: the private key of encrypted backups")
    parser.add_argument("--again", action="store_true", help="with run: also a backup that is proven already")


def run(args: argparse.Namespace) -> int:
    """Show, prove or verify."""
    from probes.backup.proof_log import read_proofs

    runbook = load_runbook(args)
    if args.what == _VERIFY:
        return _verify(read_proofs(runbook))
    targets = list(_targets(runbook, args.target))
    if args.what == _RUN:
        return _prove(runbook, targets, args)
    return _show(runbook, targets, read_proofs(runbook), as_json=args.json)


def _targets(runbook: Runbook, names: list[str]) -> Iterator[Target]:
    if not runbook.targets:
        raise BadInput(f"{runbook.file} names no targets", hint="Name the databases in the site file: targets")
    for name in names or runbook.targets:
        if name not in runbook.targets:
            raise BadInput(f"There is no target {name!r}", hint=suggest(name, runbook.targets, "There are"))
        yield runbook.targets[name]


def _show(runbook: Runbook, targets: list[Target], log: ProofLog, *, as_json: bool) -> int:
    from midwatch.system.clock import SystemClock
    from probes.backup.backup_catalog import backups_of
    from probes.backup.proof_log import newest_proven

    now, shown = SystemClock().now(), list[dict[str, object]]()
    for target in targets:
        found = backups_of(runbook, target)
        proven, last = newest_proven(found, log), log.last(target.name)
        if as_json:
            shown.append(
                {
                    "target": target.name,
                    "newest_proven": proven.backup.location if proven else None,
                    "age_s": (now - proven.backup.started).total_seconds() if proven else None,
                    "proof": asdict(proven.proof) if proven else None,
                    "last_restore": asdict(last) if last else None,
                    "newest": found[0].location if found else None,
                }
            )
            continue
        say(target.label)
        if proven is not None:
            say(f"  proven restorable  {proven.backup.location}, {_ago(proven.backup.started, now, 'old')}")
            say(f"  proven             {_proved(proven.proof, now)}")
        else:
            say(f"  proven restorable  none. To prove one: midwatch proof run --target {target.name}")
            if last is not None:
                say(f"  last restore       {last.backup}, {_proved(last, now)}")
        if not found:
            say("  newest backup      none")
        elif proven is None or found[0] is not proven.backup:
            say(f"  newest backup      {found[0].location}, {_ago(found[0].started, now, 'old')}, {_depth(found[0])}")
    for problem in log.problems:
        say(f"midwatch: The log of validations was changed, so nothing in it counts: {problem}.", error=True)
    if as_json:
        say_json({"databases": shown, "problems": list(log.problems)})
    return Exit.FAILED if log.problems else Exit.DONE


def _depth(backup: BackupFile) -> str:
    if backup.manifest is not None and backup.manifest.problem:
        return f"NOT good: {backup.manifest.problem}"
    return f"validated to depth {backup.depth}" if backup.depth else "never validated"


def _proved(proof: Proof, now: datetime) -> str:
    rows = f"{counted(proof.rows, 'row')} in {counted(proof.tables, 'table')}"
    digests = f", {counted(proof.digests, 'digest')}" if proof.digests else ""
    took = f" in {duration(proof.seconds)}" if proof.seconds else ""
    return f"{_ago(proof.moment, now, 'ago')} on {proof.host} by {proof.actor}: restored{took}, {rows}{digests}"


def _ago(moment: datetime, now: datetime, word: str) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC, {duration(max(0.0, (now - moment).total_seconds()))} {word}"


def _verify(log: ProofLog) -> int:
    for problem in log.problems:
        say(problem, error=True)
    for number in log.cut:
        say(f"line {number} was cut short while it was written; nothing is lost but that line", error=True)
    state = "is NOT as it was written" if log.problems else "holds"
    say(f"The chain {state}: {counted(len(log.proofs), 'validation')}, head {log.head}")
    return Exit.FAILED if log.problems else Exit.DONE


def _prove(runbook: Runbook, targets: list[Target], args: argparse.Namespace) -> int:
    """Prove one backup of each target, one after the other. The worst exit code."""
    from midwatch.incident.permissions import new_folder
    from midwatch.system.file_locks import locked_file
    from probes.backup.proof_log import proof_file

    path = proof_file(runbook)
    if not path.parent.is_dir():
        with contextlib.suppress(FileExistsError):
            new_folder(path.parent)
    busy = Refused("Another midwatch proof run is at work", hint="Wait until it has ended")
    with locked_file(path.with_suffix(".lock"), None, otherwise=busy):
        codes = dict[str, int]()
        for target in targets:
            codes[target.label] = _prove_one(runbook, target, args)
            if codes[target.label] == Exit.INTERRUPTED:
                return Exit.INTERRUPTED
    failed = [label for label, code in codes.items() if code != Exit.DONE]
    say(f"{len(codes) - len(failed)} of {counted(len(codes), 'database')} proven restorable", end="")
    say(f"; NOT {', '.join(failed)}" if failed else "")
    return max(codes.values(), default=Exit.DONE)


def _prove_one(runbook: Runbook, target: Target, args: argparse.Namespace) -> int:
    from midwatch.api.action import Context
    from midwatch.api.parameters import build
    from midwatch.api.registry import find_action
    from midwatch.engine.execute import perform
    from midwatch.engine.process_console import ProcessConsole
    from midwatch.runbook.secret_sources import known_secrets
    from midwatch.system.actor import current_actor
    from midwatch.system.clock import SystemClock
    from probes.backup.backup_catalog import backups_of
    from probes.backup.manifest import Manifest
    from probes.backup.proof_log import read_proofs

    found = backups_of(runbook, target)
    backup = next((one for one in found if one.good), found[0] if found else None)
    if backup is None:
        say(f"{target.label} has no backup.", error=True)
        return Exit.FAILED
    if not args.again and (proof := read_proofs(runbook).of_bytes(backup.manifest)) is not None:
        say(f"{target.label}: {backup.location} is proven since {proof.moment:%Y-%m-%d %H:%M} UTC")
        return Exit.DONE
    say(f"{target.label}: restoring {backup.location} into a scratch server", flush=True)
    given = {"path": backup.location, "restore": "true"}
    given |= {name: value for name in ("scratch", "image", "identity") if (value := getattr(args, name))}
    secrets = known_secrets(runbook)
    context = Context(runbook, ProcessConsole(secrets=secrets), SystemClock(), current_actor())
    code = perform(build(find_action("validate-backup"), given, runbook), context, confirmed=None, secrets=secrets)
    if code == Exit.DONE and read_proofs(runbook).of_bytes(Manifest.read(backup.path)) is None:
        say(f"{target.label}: it was restored, but that is not kept, or the backup has no manifest.", error=True)
        return Exit.FAILED
    return code
