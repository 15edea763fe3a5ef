"""The program's start: refuses to run with packages of somebody else, then hands over to the command line."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from midwatch import PACKAGES
from midwatch.system.errors import BadInput

_HOME = Path(__file__).parents[1]
_BETWEEN_COLLECTIONS = 20_000
"""New objects between two collections: Python's own 700 cost a tenth of the start."""


def foreign_package() -> str:
    """Where the first package lies that has the name of one of ours and is another program's; empty when all are
    ours."""
    for name in PACKAGES:
        spec = find_spec(name)
        origin = Path(spec.origin) if spec is not None and spec.origin else None
        if origin is None or origin.parent.parent != _HOME:
            return str(origin.parent if origin else f"{name} (missing)")
    return ""


def require_utf8() -> None:
    """Start again in Python's UTF-8 mode (PEP 540) where the locale has another encoding.

    Runbooks, their scripts and the names of their files are UTF-8. In the encoding of such a locale, an argument, a
    variable or a path with a character that the encoding lacks could not be passed to the system.
    """
    if sys.getfilesystemencoding() != "utf-8":
        with contextlib.suppress(OSError):  # without /proc it goes on as it is
            given = Path("/proc/self/cmdline").read_bytes().split(b"\0")[:-1]
            os.execv(sys.executable, [given[0], b"-Xutf8", *given[1:]])  # noqa: S606  (this very program)


def main() -> int:
    """Run the command line; returns its exit code."""
    gc.set_threshold(_BETWEEN_COLLECTIONS)
    require_utf8()
    if foreign := foreign_package():
        hint = "Install Midwatch by itself, where nothing else is: pipx install midwatch, or uv tool install midwatch"
        error = BadInput(f"{foreign} is not a package of Midwatch, but has the name of one", hint=hint)
        sys.stderr.write(f"midwatch: {error}\n")
        return error.exit
    return int(import_module("tui.cli").main())


if __name__ == "__main__":
    sys.exit(main())
