"""An engine of a test's own, which shares nothing with the one of this machine; removed with all that is in it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import docker

from tests.support.waiting import wait_for


class OwnEngine:
    """A second `dockerd`. Its containers outlive it when it is killed (`--live-restore`)."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="mwe-", dir="/tmp"))  # short, as sockets want it
        self.address = f"unix://{self._home}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        home = self._home
        for left in (home / "pid", home / "run" / "containerd" / "containerd.pid"):
            left.unlink(missing_ok=True)  # of one that was killed; nobody may have collected it yet
        argv = ["dockerd", "--iptables=false", "--bridge=none", "--live-restore", f"--host={self.address}"]
        argv += [f"--data-root={home / 'data'}", f"--exec-root={home / 'run'}", f"--pidfile={home / 'pid'}"]
        with (home / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._home / "log").read_text()[-2000:]
        try:
            client = docker.DockerClient(base_url=self.address, timeout=5)
            return bool(client.ping())
        except (docker.errors.DockerException, OSError):
            return False

    @property
    def pid(self) -> int:
        """Of the daemon, for whoever ends it: its containers run on, and nobody answers."""
        assert self._process is not None
        return self._process.pid

    def wait(self) -> None:
        """Until it has ended."""
        assert self._process is not None
        self._process.wait(20)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            self.start()  # it undoes what runs, so that it can be ended
        client = docker.DockerClient(base_url=self.address, timeout=60)
        for container in client.containers.list(all=True):
            container.remove(force=True, v=True)
        client.close()
        self._process.terminate()
        self._process.wait(60)
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in mounts:
            if mount.startswith(f"{self._home}/"):
                subprocess.run(["umount", "--lazy", mount], check=False, timeout=20)
        shutil.rmtree(self._home, ignore_errors=True)
