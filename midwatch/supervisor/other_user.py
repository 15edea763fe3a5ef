"""What a script that runs as another user gets and reports, by descriptors alone.

`sudo` closes every descriptor but the first three and keeps almost no variable, and everybody can read arguments. So
the script with its variables is the standard input of a shell of that user, and its report is the standard output.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from midwatch.api.plan import Plan
from midwatch.supervisor.consented_command import BASH, interpreter_of
from midwatch.supervisor.handed_secrets import HandedSecrets
from midwatch.supervisor.launch_spec import LaunchSpec
from midwatch.supervisor.spawn import WITHOUT_PROMPTS, in_memory_file
from midwatch.supervisor.step_outputs import LARGEST_FILE

_REPORT, _SCRIPT = 3, 4
"""Descriptors of the script's report and of its text."""
_LINE_END = "\n"
_NOT_HANDED = ("PATH", "STEP_OUTPUT")
"""Variables of the order that are of no use to another user: sudo sets the PATH."""


class OtherUser:
    """The two files of a script that runs as another user; its report stands in memory until the step has ended."""

    in_place = False
    path = Path(f"/dev/fd/{_REPORT}")

    def __init__(self, plan: Plan, order: LaunchSpec, attempt: Mapping[str, str], handed: HandedSecrets) -> None:
        """Make them. `attempt` are variables beside those of the order. Raises `OSError`."""
        variables = {name: value for name, value in order.env.items() if name not in _NOT_HANDED}
        variables = {**WITHOUT_PROMPTS, **variables, **attempt, **handed.variables, "STEP_OUTPUT": str(self.path)}
        variables |= {name: f"/dev/fd/{number}" for number, name in enumerate(handed.files, start=_SCRIPT + 1)}
        texts = (plan.parameters["script"], *handed.files.values())
        self.input = in_memory_file(_input(interpreter_of(plan) or BASH, texts, order, variables))
        os.lseek(self.input, 0, os.SEEK_SET)
        self.report = os.memfd_create("report", os.MFD_CLOEXEC)

    @property
    def descriptors(self) -> tuple[int, int]:
        """The standard input and output of `sudo`."""
        return self.input, self.report

    @property
    def has_begun(self) -> bool:
        """Whether a shell of that user has read the script; else `sudo` did not run it."""
        return os.lseek(self.input, 0, os.SEEK_CUR) > 0

    def read(self) -> bytes:
        """What the script reported, one byte more than 64 KiB at most. Raises `OSError`."""
        return os.pread(self.report, LARGEST_FILE + 1, 0)

    def clear(self) -> None:
        """Forget what the script has read and reported so far."""
        os.lseek(self.input, 0, os.SEEK_SET)
        os.ftruncate(self.report, 0)
        os.lseek(self.report, 0, os.SEEK_SET)

    def remove(self) -> None:
        """Close the files."""
        os.close(self.input)
        os.close(self.report)


def _input(words: Sequence[str], texts: Sequence[str], order: LaunchSpec, variables: Mapping[str, str]) -> str:
    """The lines by which a shell becomes the script's program, with its folder, variables and descriptors.

    `texts` are the script and what the descriptors after it give; a line end is added where there is none.
    """
    end = "END_OF_SCRIPT"
    while any(end in text for text in texts):
        end += "_"
    return "\n".join(
        [
            *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
            f"umask {order.umask:03o}",
            f"cd -- {shlex.quote(order.cwd)} || exit 126",
            f"exec {_REPORT}>&1 1>&2",
            *(
                f"exec {number}<<'{end}'\n{text.removesuffix(_LINE_END)}\n{end}"
                for number, text in enumerate(texts, start=_SCRIPT)
            ),
            "exec </dev/null",
            f"exec {shlex.join(words)} /dev/fd/{_SCRIPT}",
        ]
    )
