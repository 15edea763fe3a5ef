"""A bucket: a small real server of the S3 protocol on loopback, which keeps its objects as files."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from drill.servers.clusters import free_ports
from tests.support.waiting import wait_for


class Store:
    """The running server; its buckets are folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        command = [Path(sys.executable).with_name("localbucket"), folder, "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._answers)

    def objects(self, bucket: str = "safe") -> list[str]:
        """What anybody would find in the bucket."""
        root = self.folder / bucket
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def uploads(self) -> list[Path]:
        """Parts that were never completed nor given up."""
        return [path for path in (self.folder / ".localbucket-uploads").rglob("*") if path.is_file()]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2):
            return True
        return False


@contextmanager
def local_store(folder: Path) -> Iterator[Store]:
    """Started, with the bucket `safe`, and found by whatever of this process speaks the protocol; ended again."""
    (folder / "safe").mkdir(parents=True)
    store = Store(folder)
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{store.port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield store
    finally:
        os.environ.clear()
        os.environ.update(before)
        store.stop()
