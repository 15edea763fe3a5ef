"""A runbook on a temporary folder, a console that remembers, and file systems that are really full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from midwatch.action import Context
from midwatch.clock import SystemClock
from midwatch.errors import Place
from midwatch.runbook.model import Panel, Runbook, Severity, Target, Trigger
from midwatch.runbook.places import PLACES


@dataclass
class Heard:
    """What an action said."""

    lines: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, done: float, total: float | None = None) -> None:
        assert total is None or 0 <= done <= total

    def value(self, key: str, value: str) -> None:
        self.values[key] = value

    def secret(self, name: str, value: str) -> None:
        self.secrets[name] = value

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


MakeRunbook = Callable[..., Runbook]


@pytest.fixture
def make_runbook(tmp_path: Path) -> MakeRunbook:
    def make(
        *,
        disk: Mapping[str, Any] | None = None,
        docker: Mapping[str, Any] | None = None,
        triggers: tuple[Trigger, ...] = (),
        targets: Mapping[str, Target] | None = None,
        **changed: Any,
    ) -> Runbook:
        file = tmp_path / "runbook.yaml"
        panels = tuple(
            Panel(name, given, Place(str(file))) for name, given in (("disk", disk), ("docker", docker)) if given is not None
        )
        return Runbook(
            "backup-failure",
            "Backup failure",
            Severity.SEV1,
            file,
            None,
            tmp_path,
            "0" * 64,
            places=dict(PLACES),
            panels=panels,
            triggers=triggers,
            targets=targets or {},
            **changed,
        )

    return make


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def make_context(make_runbook: MakeRunbook, heard: Heard) -> Callable[..., Context]:
    def make(*, incident: Path | None = None, step: str = "", actor: str = "ada@bastion", **given: Any) -> Context:
        return Context(make_runbook(**given), heard, SystemClock(), actor, incident, step)

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB of its own; needs root."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m,nr_inodes=400", "midwatch-test", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def ext4_disk(tmp_path: Path) -> Iterator[Path]:
    """An ext4 file system of 48 MB with 10 % reserved for root; needs root and loop devices."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    image, folder = tmp_path / "image", tmp_path / "ext4"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(48_000_000)
    made = subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "10", str(image)], check=False, capture_output=True)
    if made.returncode or subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=False).returncode:
        pytest.skip("this machine has no loop devices or no mkfs.ext4")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
