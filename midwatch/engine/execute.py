"""Runs one action the way `midwatch action` does: plan afresh, hold it against what was confirmed, apply, report."""

from __future__ import annotations

import contextlib
import errno
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import partial
from types import FrameType, MappingProxyType
from typing import Any

from midwatch.api.action import Action, Check, Console, Context, Outcome
from midwatch.api.plan import Plan
from midwatch.engine.consent import planned
from midwatch.incident.server_pins import servers_in
from midwatch.redaction import mask
from midwatch.runbook.targets import Target
from midwatch.system.errors import Exit, MidwatchError, Refused, shortage
from midwatch.system.sanitize import safe_text


def perform(
    action: Action, context: Context, *, confirmed: Plan | None, secrets: Mapping[str, str] = MappingProxyType({})
) -> Exit:
    """Do it, and say how it went: the summary on the console, an error as the last line on stderr.

    0 done, 1 failed or a check that does not hold, 2 bad input, 3 not known, 130 interrupted. With `confirmed`,
    anything beyond that plan is refused; without, the caller has decided that no consent is needed. TERM ends the
    action like INT: it can clean up what it has begun. Errors are masked: `secrets`, what the action told as one, and
    what looks like one.
    """
    overheard = _Overheard(context.console)
    try:
        with _term_interrupts():
            outcome = carry_out(action, replace(context, console=overheard), confirmed)
            _report(action, context, outcome)
    except MidwatchError as error:
        said, code = str(error), error.exit
    except KeyboardInterrupt:
        said, code = "Interrupted.", Exit.INTERRUPTED
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        said, code = f"{place}{error.strerror or error}.", Exit.FAILED
        if error.errno == errno.EPIPE and not error.filename:
            said = f"Whoever read what {action.name} says has left, so it ended before its end."
    except Exception as error:  # a fault of ours or of a plug-in: all of it for whoever mends it, then the sentence
        if short := shortage(error):
            said, code = f"{short}.", Exit.FAILED
        else:
            sentence = f"The action {action.name} has a fault: {type(error).__name__}: {error}."
            said, code = f"{traceback.format_exc().rstrip()}\n{sentence}", Exit.FAILED
    else:
        return Exit.DONE if outcome.ok else Exit.FAILED
    return _complain(said, code, {**secrets, **overheard.secrets})


class _Overheard:
    """Passes on what an action says, and remembers the secrets that it told: its errors are said past the console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.secrets: dict[str, str] = {}

    def say(self, text: str) -> None:
        self._console.say(text)

    def progress(self, done: float, total: float | None = None, unit: str = "") -> None:
        self._console.progress(done, total, unit)

    def value(self, key: str, value: str) -> None:
        self._console.value(key, value)

    def secret(self, name: str, value: str) -> None:
        self._console.secret(name, value)
        self.secrets[name] = value


def carry_out(action: Action, context: Context, confirmed: Plan | None = None) -> Outcome:
    """Plan afresh, hold that against what was confirmed, and apply it. Raises what the action raises, and `Refused`."""
    plan = action.plan(context) if confirmed is None else planned(action, context)
    if plan.refusal:
        raise Refused(plan.refusal)
    if confirmed is not None:
        plan.require_within(confirmed)
    identifiers = {name: server.system_identifier for name, server in servers_in(plan).items()}
    if not identifiers:
        return action.apply(context, plan)
    held = partial(_held, identifiers)
    action = replace(action, **{item.name: held(getattr(action, item.name)) for item in fields(action) if item.init})
    targets = {name: held(target) for name, target in context.runbook.targets.items()}
    return action.apply(replace(context, runbook=replace(context.runbook, targets=targets)), plan)


def _held(identifiers: Mapping[str, str], value: Any) -> Any:
    """A target, whose sessions have to find the server of the plan: two may answer at one address. Else the value."""
    if isinstance(value, tuple):
        return tuple(_held(identifiers, item) for item in value)
    if isinstance(value, Target):
        return replace(value, confirmed_identifier=identifiers.get(value.name, ""))
    return value


def _report(action: Action, context: Context, outcome: Outcome) -> None:
    for key, value in outcome.values.items():
        context.console.value(key, value)
    if not isinstance(action, Check):  # a check has said it itself
        context.console.say(outcome.summary)


def _complain(text: str, code: Exit, secrets: Mapping[str, str]) -> Exit:
    with contextlib.suppress(OSError, ValueError):  # nobody reads stderr any more
        print(safe_text(mask(text, secrets), newlines=True), file=sys.stderr, flush=True)  # noqa: T201
    return code


@contextlib.contextmanager
def _term_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
