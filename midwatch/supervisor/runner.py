"""The work of the supervisor: runs one step, stores its output, ends it when required, and writes the result."""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import signal
import time
from collections.abc import Mapping
from dataclasses import replace

from midwatch.api.plan import Plan
from midwatch.incident.events import StepOutcome
from midwatch.incident.paths import AttemptFolder
from midwatch.incident.permissions import replace_file
from midwatch.supervisor.consented_command import file_of, other_user_of
from midwatch.supervisor.control_group import ControlGroup
from midwatch.supervisor.handed_secrets import HandedSecrets
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.other_user import OtherUser
from midwatch.supervisor.person_terminal import LET_GO_S, PersonTerminal
from midwatch.supervisor.process_tree import ProcessTree
from midwatch.supervisor.result import Result
from midwatch.supervisor.secret_channel import VARIABLE, SecretChannel
from midwatch.supervisor.spawn import CannotBegin, Child, Terminal, open_terminal
from midwatch.supervisor.step_outputs import ATTEMPT_VARIABLE, ReportFile
from midwatch.supervisor.step_record import StepRecord
from midwatch.supervisor.termination import Termination
from midwatch.supervisor.tries import Tries
from midwatch.system.clock import SystemClock, to_rfc3339
from midwatch.system.process import ProcessIdentity

_CLOCK = SystemClock()
_GATHER = 64 * 1024
_IDLE = 0.1
"""Seconds between two looks at what an ended step has left behind."""
_LAST_GONE = 0.5
"""Seconds within which what was killed has left the control group."""


class Supervision:
    """One step from its preparation to its result."""

    def __init__(
        self,
        folder: AttemptFolder,
        order: LaunchSpec,
        secrets: Mapping[str, str],
        plan: Plan,
        handed: HandedSecrets,
        oom: str = "",
    ) -> None:
        """Take the space, make the files, fork the step's process behind its gate, and say on disk who we are.

        `secrets` are masked; `handed` are those that the script gets. Raises `OSError`; then nothing of the step has
        run.
        """
        self._folder, self._order = folder, order
        self._record = StepRecord(folder, secrets, order.output_limit)
        self._plan, self._handed, self._oom = plan, handed, oom
        self._attempt, self._user = {ATTEMPT_VARIABLE: str(folder.path)}, other_user_of(plan)
        self._other = OtherUser(plan, order, self._attempt, handed) if self._user else None
        self._report = self._other or ReportFile(folder)
        self._tries = Tries(folder, order.retry)
        self._wake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        self._began, self._began_at = to_rfc3339(_CLOCK.now()), _CLOCK.monotonic()
        self._set_up()
        self.identity = self._announce()

    def _set_up(self) -> None:
        """Fork the process of a try behind its gate. Raises `OSError`."""
        self._status: int | None = None
        self._refused: CannotBegin | None = None
        self._ended_at = 0.0
        self._ended, self._took = "", 0.0
        self._notes: list[str] = []
        self._terminal_open = True
        self._channel = SecretChannel()
        for_person = self._order.terminal
        self._terminal: Terminal = open_terminal({**os.environ, **self._order.env}, for_person=for_person)
        self._person = PersonTerminal(self._folder.path, self._terminal.our_end) if for_person else None
        self._child = self._start()
        os.close(self._terminal.step_end)
        self._channel.close_step_end()
        self._family = ProcessTree(ControlGroup.make(self._child.pid), self._user)
        self._ending = Termination(self._family, self._child.pid, self._order.graces)

    def _start(self) -> Child:
        order, terminal, oom = self._order, self._terminal, self._oom
        if self._other is not None:
            order = replace(order, cwd="/", env={})
            return Child(order, terminal, (), self._attempt, oom=oom, standard=self._other.descriptors)
        inherited = {VARIABLE: str(self._channel.step_end), "STEP_OUTPUT": str(self._report.path), **self._attempt}
        variables, files = {**inherited, **self._handed.variables}, self._handed.files
        script = file_of(self._plan)
        return Child(order, terminal, (self._channel.step_end,), variables, script, oom, files=files)

    def _announce(self) -> ProcessIdentity:
        ours, step = ProcessIdentity.current(), ProcessIdentity.of(self._child.pid)
        assert step is not None
        control = self._family.control
        data = ours.to_json() | {"step": step.to_json(), "began": self._began}
        data |= {"control_group": str(control.path) if control else ""}
        try:
            replace_file(self._folder.supervisor, json.dumps(data).encode() + b"\n")
        except OSError:
            self._child.never_begin()
            raise
        return ours

    def abandon(self) -> None:
        """Whoever asked for the step has gone before it began: nothing runs, and the result says so."""
        self._child.never_begin()
        self._finish(StepOutcome.CANCELLED, None, "Nothing ran: whoever started the step was gone before it began")

    def break_down(self, fault: Exception) -> None:
        """A fault of ours: say that the outcome is not known, and leave the step to a person. Raises `OSError`."""
        what = "it ran out of memory" if isinstance(fault, MemoryError) else f"{type(fault).__name__}: {fault}"
        error = f"The supervisor has a fault: {what}"
        if self._status is None:
            error += f"; the step may still run as process {self._child.pid}, unwatched"
        self._record.publish(self._result_of(StepOutcome.UNKNOWN, self._exit(), self._seconds(), error))

    def run(self) -> None:
        """Run the step to its end, as often as its retry says, and publish the result."""
        if self._person is not None:
            self._person.await_client()
        self._began_at = _CLOCK.monotonic()
        outcome, error = self._run_once()
        while self._refused is None and self._has_read() and self._tries.can_go_on(outcome, self._exit()):
            following = self._tries.next_one
            self._leave_try()
            try:
                if not self._has_waited():
                    outcome, error = StepOutcome.CANCELLED, f"The step was stopped while it waited for {following}"
                    break
                self._set_up()
                self._announce()
                self._tries.number += 1
            except OSError as failure:
                error = f"{following.capitalize()} could not be started: {failure.strerror}"
                break
            outcome, error = self._run_once()
        self._finish(outcome, self._refused.exit if self._refused else self._exit(), error)

    def _leave_try(self) -> None:
        """Say and record how the try ended, and take away what it had."""
        self._record.end_try(self._tries.record(self._exit(), self._took, self._ended), self._seconds())
        self._report.clear()
        self._channel.close()
        os.close(self._terminal.our_end)
        if control := self._family.control:
            control.remove(within=_LAST_GONE)

    def _has_waited(self) -> bool:
        """Wait for the next try; False when the step was to end meanwhile."""
        until = time.monotonic() + self._tries.wait_s
        while self._ending.why is None and (left := until - time.monotonic()) > 0:
            if select.select([self._wake], [], [], left)[0]:
                self._on_signals()
        return self._ending.why is None

    def _has_read(self) -> bool:
        """Whether the script itself has ended, and not `sudo` before it."""
        return self._other is None or self._other.has_begun

    def _run_once(self) -> tuple[StepOutcome, str]:
        deadline = time.monotonic() + self._order.timeout if self._order.timeout > 0 else None
        self._refused = self._child.begin()
        with selectors.DefaultSelector() as selector:
            sources = {self._wake, self._channel.fileno()} | (
                {self._terminal.our_end} if self._person is None else set()
            )
            for source in sources:
                selector.register(source, selectors.EVENT_READ)
            while not self._over():
                now = time.monotonic()
                if deadline is not None and now >= deadline and self._status is None and self._ending.why is None:
                    self._ending.ask(StepOutcome.TIMED_OUT, now)
                elif self._ending.next_at is not None and now >= self._ending.next_at:
                    self._ending.advance(now)
                if self._status is not None and self._terminal_open:
                    self._end_remains(now)
                if self._person is not None:
                    self._person.watch(selector)
                events = selector.select(self._patience(deadline, now))
                ready = {key.fd for key, mask in events if mask & selectors.EVENT_READ}
                if self._person is not None:
                    self._person.serve(events)
                if self._wake in ready:
                    self._on_signals()
                if self._channel.fileno() in ready:  # before the output: what follows the answer must be masked
                    self._on_secrets(selector)
                if self._terminal.our_end in ready:
                    self._on_output(selector)
                self._record.write_progress()
                if not ready:
                    self._record.write(b"", self._seconds())
        return self._judge()

    def _over(self) -> bool:
        return self._ending.given_up or (self._status is not None and not self._terminal_open)

    def _seconds(self) -> float:
        """How long it runs, a suspend of the machine included; its limit and the graces do not count that one."""
        return _CLOCK.monotonic() - self._began_at

    def _patience(self, deadline: float | None, now: float) -> float | None:
        moments = [m for m in (deadline if self._ending.why is None else None, self._ending.next_at) if m is not None]
        if self._status is not None:
            moments.append(now + _IDLE)
        moments += self._record.due(now)
        if self._person is not None and self._person.is_waited_for:
            moments.append(now + LET_GO_S)
        return max(0.0, min(moments) - now) if moments else None

    def _on_signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            numbers = set(os.read(self._wake, 4096))
            if numbers & {signal.SIGTERM, signal.SIGINT}:
                self._ending.ask(StepOutcome.CANCELLED, time.monotonic())
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._child.pid:
                    self._status = status
                    self._ending.group = None
                    self._ended_at = time.monotonic()
                    self._ended, self._took = to_rfc3339(_CLOCK.now()), self._seconds()

    def _on_secrets(self, selector: selectors.BaseSelector) -> None:
        told = self._channel.receive()
        if told is None:
            selector.unregister(self._channel.fileno())
            return
        for name, value in told:
            self._channel.answer(masked=self._record.mask(name, value))

    def _on_output(self, selector: selectors.BaseSelector) -> None:
        gathered = bytearray()
        while len(gathered) < _GATHER:
            try:
                data = os.read(self._terminal.our_end, _GATHER)
            except BlockingIOError:
                break
            except OSError:  # EIO: nobody has the terminal open any more
                data = b""
            if not data:
                self._terminal_open = False
                if self._person is not None:
                    self._person.hang_up()
                else:
                    selector.unregister(self._terminal.our_end)
                break
            gathered += data
        if self._person is not None:
            self._person.show(bytes(gathered))
        if gathered:
            self._record.write(bytes(gathered), self._seconds())

    def _end_remains(self, now: float) -> None:
        """The step has ended, but something that it left behind still has its terminal: TERM, KILL, then go on
        without."""
        grace = self._order.graces
        waited = now - self._ended_at
        if waited < grace.remains:
            return
        left = self._family.holders(self._terminal.name)
        if not self._notes:
            count = f"{len(left)} process{'es' if len(left) != 1 else ''}"
            self._notes.append(f"{count} that the step left behind kept its terminal open and had to be ended")
            self._family.signal_each(left, signal.SIGTERM)
        elif waited >= grace.remains + grace.terminate:
            self._family.signal_each(left, signal.SIGKILL)
            if waited >= grace.remains + grace.terminate + 1:
                self._terminal_open = False

    def _exit(self) -> int | None:
        return None if self._status is None else os.waitstatus_to_exitcode(self._status)

    def _judge(self) -> tuple[StepOutcome, str]:
        code, why = self._exit(), self._ending.why
        if self._refused is not None:
            return StepOutcome.FAILED, self._refused.sentence
        if why is not None:
            # what came from the step and closed its terminal goes with it
            self._family.signal_all(None, signal.SIGKILL)
            if self._ending.given_up:
                self._notes.append("A process of the step did not end, not even by KILL: it waits in the kernel")
            if why is StepOutcome.TIMED_OUT:
                self._notes.insert(0, f"The step did not end within its {self._order.timeout:g} s")
            elif code == 0:
                self._notes.insert(0, "The step was asked to end, and ended with exit 0")
            return why, ". ".join(self._notes)
        if code in self._order.ok_exits and self._has_read():
            return StepOutcome.DONE, ". ".join(self._notes)
        if code is not None and code < 0:
            self._notes.insert(0, f"The step was ended by signal {signal.Signals(-code).name}")
        return StepOutcome.FAILED, ". ".join(self._notes)

    def _finish(self, outcome: StepOutcome, code: int | None, error: str) -> None:
        seconds = self._took if self._ended else self._seconds()
        self._record.finish(self._report, self._seconds(), cut=outcome is not StepOutcome.DONE)
        self._record.publish(self._result_of(outcome, code, seconds, error))
        if self._person is not None:
            self._person.close()
        if control := self._family.control:
            # what outlives the step on purpose keeps it; a later supervisor sweeps it then
            control.remove(within=_LAST_GONE)

    def _result_of(self, outcome: StepOutcome, code: int | None, seconds: float, error: str) -> Result:
        return Result(
            outcome=outcome,
            exit=code,
            seconds=round(seconds, 3),
            ended=self._ended or to_rfc3339(_CLOCK.now()),
            tries=self._tries.number,
            read_input=self._other is None and self._person is None and self._child.has_read_input,
            error=error,
        )
