"""The program's start: refuses to run with packages of somebody else, then hands over to the command line."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from midwatch import PACKAGES
from midwatch.system.errors import BadInput

_HOME = Path(__file__).parents[1]


def foreign_package() -> str:
    """Where the first package lies that has the name of one of ours and is another program's; empty when all are ours."""
    for name in PACKAGES:
        spec = find_spec(name)
        origin = Path(spec.origin) if spec is not None and spec.origin else None
        if origin is None or origin.parent.parent != _HOME:
            return str(origin.parent if origin else f"{name} (missing)")
    return ""


def main() -> int:
    """Run the command line; returns its exit code."""
    if foreign := foreign_package():
        hint = "Install Midwatch by itself, where nothing else is: pipx install midwatch, or uv tool install midwatch"
        error = BadInput(f"{foreign} is not a package of Midwatch, but has the name of one", hint=hint)
        sys.stderr.write(f"midwatch: {error}\n")
        return error.exit
    return int(import_module("tui.cli").main())


if __name__ == "__main__":
    sys.exit(main())
