"""A real disk that fails when a test wants it to."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from pathlib import Path

from tests.support.mounting import run_or_skip

SHUT_DOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN: every call fails with EIO from then on, as when a disk is pulled out."""


class Disk:
    """A real ext4 on a file, which can be made to fail."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.image, self.root, self._options = folder / "image", folder / "ext4", options
        self.root.mkdir()
        with self.image.open("wb") as file:
            file.truncate(16 << 20)
        run_or_skip("mkfs.ext4", "-q", "-m", "0", str(self.image))
        self.mount()

    def mount(self) -> None:
        run_or_skip("mount", "-o", ",".join(("loop", *self._options)), str(self.image), str(self.root))

    def unmount(self) -> None:
        run_or_skip("umount", "-l", str(self.root))

    @property
    def device(self) -> str:
        found = subprocess.run(
            ["findmnt", "-no", "SOURCE", self.root], capture_output=True, text=True, timeout=20, check=True
        )
        return Path(found.stdout.strip()).name

    def turn_read_only(self) -> None:
        """What ext4 does by itself when it finds itself damaged."""
        Path(f"/sys/fs/ext4/{self.device}/trigger_fs_error").write_text("a test", encoding="ascii")

    def pull_out(self) -> None:
        folder = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUT_DOWN, struct.pack("I", 2))
        finally:
            os.close(folder)
