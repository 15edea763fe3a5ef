"""Starts the process of a step with its terminal and its environment."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from midwatch.supervisor.hardening import as_before_memory_shortage
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.system.programs import start_errno

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
WITHOUT_PROMPTS = {
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "SYSTEMD_PAGER": "cat",
    "PSQL_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}
"""A pager or a prompt would wait for keys that nobody can press: the step's terminal is written to, never typed
into."""


_CHANGE_SHELLS = frozenset(
    {
        "BASH_ENV",
        "ENV",
        "SHELLOPTS",
        "BASHOPTS",
        "BASH_COMPAT",
        "BASH_XTRACEFD",
        "POSIXLY_CORRECT",
        "CDPATH",
        "GLOBIGNORE",
    }
)
_FUNCTION = "BASH_FUNC_"
"""Begins the variables in which bash exports functions."""


_SIZE = frozenset({"LINES", "COLUMNS"})


def inherited_environment(*, for_person: bool = False) -> dict[str, str]:
    """The variables that a step inherits: no code and no option by which the caller's shell would change a script.

    `for_person`: for a terminal at which a person sits, whose size can change.
    """
    left_out = _CHANGE_SHELLS | _SIZE if for_person else _CHANGE_SHELLS
    return {
        name: value
        for name, value in (({} if for_person else WITHOUT_PROMPTS) | dict(os.environ)).items()
        if name not in left_out and not name.startswith(_FUNCTION)
    }


@dataclass(frozen=True, slots=True)
class Terminal:
    """A pseudo-terminal: the step writes to `step_end`, we read from `our_end`."""

    our_end: int
    step_end: int
    name: str


def open_terminal(env: Mapping[str, str], *, for_person: bool = False) -> Terminal:
    """A pseudo-terminal of 80×24, or as COLUMNS and LINES say. Unless a person sits at it, it changes no byte (no
    OPOST, no echo). Raises `OSError`."""
    our_end, step_end = os.openpty()
    if not for_person:
        settings = termios.tcgetattr(step_end)
        settings[1] &= ~termios.OPOST
        settings[3] &= ~(termios.ECHO | termios.ISIG)
        termios.tcsetattr(step_end, termios.TCSANOW, settings)
    size = struct.pack("HHHH", _dimension(env.get("LINES"), 24), _dimension(env.get("COLUMNS"), 80), 0, 0)
    fcntl.ioctl(step_end, termios.TIOCSWINSZ, size)
    os.set_blocking(our_end, False)
    return Terminal(our_end, step_end, os.ttyname(step_end))


def _dimension(text: str | None, usual: int) -> int:
    return int(text) if text and text.isdecimal() and 0 < int(text) <= 9999 else usual


@dataclass(frozen=True, slots=True)
class CannotBegin:
    """Why the step's program could not be started."""

    exit: int
    sentence: str


class Child:
    """A process that waits at a gate until the supervisor has put on disk that it exists."""

    def __init__(
        self,
        order: LaunchSpec,
        terminal: Terminal,
        inherited: Sequence[int],
        extra: Mapping[str, str],
        script: str = "",
        oom: str = "",
        standard: Sequence[int] = (),
        files: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Fork it. It is in a process group of its own and can get no controlling terminal: it leads no session,
        unless a person sits at its terminal.

        With a `script`, the command gets its text as a file, behind its words. `standard` are descriptors that become
        its standard input and output, in place of nothing and of the terminal. `files`: the names of variables that
        hold the path of a file in memory, with the text of the file. The path leads through the step's own process, so
        a program that closes what it inherits can open it too.
        """
        self._files = {name: in_memory_file(text) for name, text in files.items()}
        self._order, self._oom, self._standard = order, oom, standard
        self._input = _watched_input()
        self._argv = list(order.argv)
        if script:
            inherited = (*inherited, file := in_memory_file(script))
            self._argv.append(f"/proc/self/fd/{file}")
        environment = inherited_environment(for_person=order.terminal) | dict(order.env) | dict(extra)
        gate, self._gate = os.pipe2(os.O_CLOEXEC)
        self._report, report = os.pipe2(os.O_CLOEXEC)
        blocked = signal.pthread_sigmask(
            signal.SIG_BLOCK, signal.valid_signals()
        )  # no handler of ours runs in the child
        self.pid = os.fork()
        if self.pid == 0:
            self._become(gate, report, terminal, inherited, environment)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for descriptor in (gate, report, *((file,) if script else ()), *self._files.values()):
            os.close(descriptor)
        if not order.terminal:
            with contextlib.suppress(OSError):  # it has done so itself already
                os.setpgid(self.pid, self.pid)

    def begin(self) -> CannotBegin | None:
        """Open the gate; returns once its program runs, or why it cannot."""
        os.write(self._gate, b"!")
        os.close(self._gate)
        with os.fdopen(self._report, "rb") as report:
            told = report.read()
        if not told:
            return None
        what, number = told[:1], int(told[1:])
        reason = os.strerror(number).lower()
        if what == b"c":
            return CannotBegin(_NOT_FOUND, f"The step's folder {self._order.cwd} cannot be entered: {reason}")
        program = self._order.argv[0]
        if number == errno.ENOENT:
            return CannotBegin(_NOT_FOUND, f"There is no program {program!r} on this machine's PATH")
        return CannotBegin(_NOT_EXECUTABLE, f"The program {program!r} cannot be started: {reason}")

    @property
    def has_read_input(self) -> bool:
        """Whether something of the step read its standard input, which is empty."""
        return os.fstat(self._input).st_atime_ns != 0

    def never_begin(self) -> None:
        """Close the gate for good; the process ends without having done anything."""
        os.close(self._gate)
        os.close(self._report)

    def _become(
        self, gate: int, report: int, terminal: Terminal, inherited: Sequence[int], environment: Mapping[str, str]
    ) -> None:
        """What happens in the new process up to its program. Never returns."""
        try:
            if self._order.terminal:
                os.setsid()
                fcntl.ioctl(terminal.step_end, termios.TIOCSCTTY, 0)
            else:
                os.setpgid(0, 0)
            os.close(self._gate)
            if os.read(gate, 1) != b"!":
                os._exit(_NOT_EXECUTABLE)
            as_before_memory_shortage(self._oom)
            stdin = terminal.step_end if self._order.terminal else self._input
            for number, descriptor in enumerate(self._standard or (stdin, terminal.step_end)):
                os.dup2(descriptor, number)
            os.dup2(terminal.step_end, 2)
            for descriptor in (*inherited, *self._files.values()):
                os.set_inheritable(descriptor, True)
            environment = {
                **environment,
                **{name: f"/proc/{os.getpid()}/fd/{file}" for name, file in self._files.items()},
            }
            for number in signal.valid_signals():
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    with contextlib.suppress(OSError, ValueError):  # numbers that the C library keeps for itself
                        signal.signal(number, signal.SIG_DFL)
            os.umask(self._order.umask)
            try:
                os.chdir(self._order.cwd)
            except OSError as error:
                os.write(report, b"c%d" % (error.errno or 0))
                os._exit(_NOT_FOUND)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execvpe(self._argv[0], self._argv, environment)  # noqa: S606  (the order says what to run)
        except OSError as error:
            os.write(report, b"x%d" % start_errno(error, self._order.argv[0], environment))
        except ValueError:  # a NUL in an argument
            os.write(report, b"x%d" % errno.EINVAL)
        finally:
            os._exit(_NOT_EXECUTABLE)


def in_memory_file(text: str) -> int:
    """A file without a name that nobody can change any more; returns its descriptor."""
    file = os.memfd_create("step", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(file, "wb", closefd=False) as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))
    os.fchmod(file, 0o600)  # some programs refuse a secret that others could read
    fcntl.fcntl(
        file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    )
    return file


def _watched_input() -> int:
    """A descriptor of an empty file: a read finds its end at once, and leaves its time as the time of access."""
    empty = in_memory_file("")
    try:
        os.utime(empty, ns=(0, 0))
        return os.open(f"/proc/self/fd/{empty}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(empty)
