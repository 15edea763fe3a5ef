"""What the tests need of other processes: another user's Python, an environment, and what a drill left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
SITE_PACKAGES = Path(pytest.__file__).resolve().parents[1]


def interpreter() -> str:
    """A Python of this version that another user can run, or none: then the test is skipped."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        code = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
        try:
            if (
                subprocess.run(
                    [candidate, "-c", code], user=65534, group=65534, extra_groups=[], timeout=20, check=False
                ).returncode
                == 0
            ):
                return candidate
        except OSError:
            continue
    pytest.skip("no Python here that an ordinary user can run")


def outside(drills: Path, **more: str) -> dict[str, str]:
    """The environment of another process that uses the same drills."""
    path = os.pathsep.join([str(HOUSE), str(SITE_PACKAGES)])
    return {
        "PATH": os.environ["PATH"],
        "MIDWATCH_DRILLS": str(drills),
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


@contextlib.contextmanager
def within_reach(path: Path) -> Iterator[Path]:
    """The folder under a name that every user can reach, also when it lies below a home that is closed to them."""
    look = ["test", "-x", str(path)]
    if subprocess.run(look, user=65534, group=65534, extra_groups=[], timeout=20, check=False).returncode == 0:
        yield path
        return
    point = Path(tempfile.mkdtemp(prefix="midwatch-reach-", dir="/tmp"))
    point.chmod(0o755)
    mounted = subprocess.run(["mount", "--bind", str(path), str(point)], capture_output=True, timeout=20, check=False)
    if mounted.returncode != 0:
        point.rmdir()
        pytest.skip("the package lies where nobody else can go, and nothing may be mounted here")
    try:
        yield point
    finally:
        subprocess.run(["umount", "--lazy", str(point)], timeout=20, check=True)
        point.rmdir()


def traces(folder: Path) -> list[str]:
    """What is left of a production: files, mounts, processes."""
    left = [str(folder)] if folder.exists() else []
    left += [line for line in Path("/proc/mounts").read_text().splitlines() if f" {folder}" in line]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                about = (entry / "cmdline").read_text(errors="replace") + str((entry / "cwd").readlink())
            except OSError:
                continue
            if str(folder) in about or f"{folder.parent}/" in about:
                left.append(about.replace("\0", " "))
    return left
