"""Runs a command on another host by the OpenSSH client: without prompts, with time limits, for known host keys only."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.system.errors import BadInput, Failed, MidwatchError, OutcomeUnknown, Refused
from midwatch.system.programs import start_errno

CONNECT = 10
"""Seconds to log in."""
ALIVE = 5
"""Seconds between two heartbeats; three that are missed end the connection."""
LIMIT = 60.0
"""Seconds that a short command may take."""
_ADDRESS = re.compile(
    r"^ssh://(?:([^@/:\s-][^@/:\s]*)@)?(\[[0-9A-Fa-f:.]+\]|[^@/:\s-][^@/:\s]*)(?::(\d{1,5}))?(/\S.*)?$"
)
_KEY = re.compile(r"Server host key: (\S+) (\S+)")
_SCP = re.compile(r"^ssh (?:([^@/:\s-][^@/:\s]*)@)?([^@/:\s-][^@/:\s]*):(\S.*)$")


@dataclass(frozen=True, slots=True)
class Host:
    """A login on another host."""

    name: str
    user: str = ""
    port: int = 0
    config: Path | None = None
    """A configuration of OpenSSH to take instead of the user's own."""

    def __str__(self) -> str:
        host = f"[{self.name}]" if ":" in self.name else self.name
        return f"{f'{self.user}@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"

    def start(
        self, script: str, *words: str, stdin: int | None = subprocess.PIPE, options: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Start a POSIX shell script there, its arguments being `words`. Raises `Refused` when there is no `ssh` here.

        In a session of its own: what ends us by the terminal must not take the way to clean up with it.
        """
        given = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "ConnectTimeout": CONNECT,
            "ServerAliveInterval": ALIVE,
        }
        settings = [f"-o{name}={value}" for name, value in {**given, "ServerAliveCountMax": 3}.items()]
        argv = ["ssh", "-T", *(["-F", str(self.config)] if self.config else []), *settings, "-oClearAllForwardings=yes"]
        argv += options
        argv += ["-p", str(self.port)] if self.port else []
        argv += ["-l", self.user] if self.user else []
        command = " ".join(shlex.quote(word) for word in ("sh", "-c", script, "sh", *words))
        try:
            return subprocess.Popen(
                [*argv, "--", self.name, command],
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            reason = os.strerror(start_errno(error, argv[0], os.environ))
            raise Refused(f"There is no ssh here: {reason}", hint="Install openssh-client") from error

    def run(self, script: str, *words: str) -> str:
        """Run it to its end; what it wrote. Raises `MidwatchError` for any exit but 0."""
        return self._ended(self.start(script, *words, stdin=None))[0]

    def key(self) -> str:
        """Kind and fingerprint of the key that the host proves itself with now. Raises `MidwatchError`."""
        said = self._ended(self.start("true", stdin=None, options=("-v", "-oControlPath=none")))[1]
        found = _KEY.search(said)
        return f"{found[1]} {found[2]}" if found else "not told by this ssh"

    def _ended(self, process: subprocess.Popen[bytes]) -> tuple[str, str]:
        """What it wrote, and what it said on the side. Raises `MidwatchError` for any exit but 0, or none in time."""
        try:
            out, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise OutcomeUnknown(
                f"{self} does not answer within {LIMIT:.0f} s", hint="Choose another destination"
            ) from None
        if process.returncode:
            raise self.explained(process.returncode, err)
        return out.decode("utf-8", "replace"), err.decode("utf-8", "replace")

    def explained(self, code: int, err: bytes) -> MidwatchError:
        """Why `ssh` or the script ended with this code, in one sentence."""
        said = err.decode("utf-8", "replace")
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        last = lines[-1] if lines else f"exit {code}"
        if "No space left on device" in said or "Disk quota exceeded" in said:
            return Failed(f"The disk of {self} is full", hint="Choose another destination for the backup")
        if code != 255:
            return Failed(
                f"{self} refuses: {last.removeprefix('sh: ')}", hint="Look there, or choose another destination"
            )
        if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
            hint = "Somebody may listen in: ask its owner before you touch known_hosts"
            return Refused(f"The host key of {self} is not the one that is known", hint=hint)
        if "Host key verification failed" in said:
            hint = f"Compare its fingerprint with its owner's, then log in once manually: ssh {self.name}"
            return Refused(f"The host key of {self} is not known here", hint=hint)
        if "Permission denied" in said or "Too many authentication failures" in said:
            return Failed(f"{self} refuses the login: {last}", hint="It needs a key that works without a question")
        return OutcomeUnknown(f"{self} cannot be reached: {last}", hint="Choose another destination for the backup")


def parse(text: str, config: Path | None) -> tuple[Host, str]:
    """Host and folder of `ssh://[user@]host[:port]/dir` or `ssh [user@]host:dir`. Raises `BadInput`.

    `/dir` counts from the root; `ssh://host/~/dir` and `ssh host:dir` from the login's home.
    """
    if url := _ADDRESS.match(text):
        user, name, port, folder = url[1] or "", url[2].strip("[]"), int(url[3] or 0), url[4] or "/~/"
        folder = folder[3:] if folder.startswith("/~/") else folder
    elif scp := _SCP.match(text):
        user, name, port, folder = scp[1] or "", scp[2], 0, scp[3]
    else:
        raise BadInput(
            f"{text!r} is not a destination on another host", hint="Write it like ssh://host/dir, or ssh host:dir"
        )
    return Host(name, user, port, config), folder.rstrip("/") or ("/" if folder.startswith("/") else ".")
