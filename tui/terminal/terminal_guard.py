"""Restores the terminal even after the process was killed or ran out of memory."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from midwatch.system.programs import started_as
from midwatch.system.sanitize import safe_text

_MODES = "'<u' '?2004l' '?7h' '?1004l' '?1006l' '?1015l' '?1003l' '?1000l' '?1049l' '?25h' 0m"
"""What the screen sets, taken back: keys, paste, wrapping, focus, mouse, the other screen, the cursor, colours."""
_SAID = "midwatch: The screen was killed. What runs goes on; '{}' brings you back."
_GUARD = f"""
trap '' HUP INT QUIT TERM TSTP TTIN TTOU
read -r left && exit
sleep 0.1  # the shell that waited for it may set the terminal itself, and then knows better
case $(stty -a <&1) in *-isig*) stty "$1" <&1;; esac
printf '\\033[%s' {_MODES}
printf '\\r\\n%s\\r\\n' "$2"
"""


@contextlib.contextmanager
def guarded_terminal() -> Iterator[None]:
    """Have a shell wait beside the screen: when the screen ends without a word, it sets the terminal as it was before.

    Without a terminal, a shell or `stty` there is none, and that is no reason not to begin.
    """
    guard = _guard()
    try:
        yield
    finally:
        if guard is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                guard.communicate(b"left\n", timeout=5)


def _guard() -> subprocess.Popen[bytes] | None:
    terminal = sys.__stderr__
    try:
        if terminal is None or not terminal.isatty():
            return None
        was = subprocess.run(["stty", "-g"], stdin=terminal, capture_output=True, check=True, timeout=5).stdout.strip()
        return subprocess.Popen(
            ["sh", "-c", _GUARD, "sh", was, _SAID.format(safe_text(started_as()))],
            stdin=subprocess.PIPE,
            stdout=terminal,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
