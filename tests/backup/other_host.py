"""Another host: a real sshd on loopback, with keys of its own, and a user who may log in by one of them."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from drill.servers.clusters import free_ports
from tests.support.waiting import wait_for

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""
SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
CLIENT = """\
Host backup-host
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/{key}
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
"""


@dataclass
class OtherHost:
    """The running server, and what its clients need."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    def configure(self, *, key: str = "good_key", known: bool = True, port: int = 0) -> None:
        """Write the client's side: with this key, with or without the server's key, to this port."""
        user = getpass.getuser()
        self.config.write_text(CLIENT.format(port=port or self.port, user=user, folder=self.folder, key=key))
        public = (self.folder / "host_key.pub").read_text()
        line = f"[127.0.0.1]:{self.port} {public}"
        (self.folder / "known_hosts").write_text(line if known else "")

    def drop(self) -> None:
        """End every connection that is open now, as a network that breaks."""
        for pid in self.sessions():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def sessions(self) -> list[int]:
        """The server's processes that serve a connection: one, or two where a user other than root has it."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [process.pid for process in below if process.name().startswith("sshd")]


@contextmanager
def other_host(folder: Path) -> Iterator[OtherHost]:
    """Started, and ended with everything of it."""
    for name in ("host_key", "good_key", "stranger_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True, timeout=30)
    shutil.copy(folder / "good_key.pub", folder / "authorized_keys")
    (port,) = free_ports(1)
    (folder / "sshd_config").write_text(SERVER.format(port=port, folder=folder))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks its own unprivileged half in
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=(folder / "log").open("wb"))
    host = OtherHost(folder, port, process)
    try:
        wait_for(lambda: _answers(port))
        host.configure()
        yield host
    finally:
        host.drop()
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
        return connection.recv(4) == b"SSH-"
    return False
